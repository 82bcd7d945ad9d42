"""Roles of staff from the shell: who has which, and setting them."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from api.apis.auth import services as auth
from api.exceptions import InvalidInput
from api.models import User
from api.models.base import identity_of
from api.platform import callers
from api.platform.staff import ROLES


class Command(BaseCommand):
    help = (
        f"Sets a person's roles in the CMS ({', '.join(ROLES)}), none to take them away; without a person, lists staff."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email")
        parser.add_argument("roles", nargs="*")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["email"]:
            person = User.objects.filter(email_identity=identity_of(options["email"])).first()
            if person is None:
                raise CommandError("nobody has this address")
            try:
                auth.set_staff_roles(callers.command(), user_id=person.id, roles=options["roles"])
            except InvalidInput as error:
                raise CommandError(error.members["errors"][0]["message"]) from None
        for person in User.objects.filter(is_staff=True).order_by("username_identity").prefetch_related("groups"):
            roles = ["Superuser"] if person.is_superuser else [group.name for group in person.groups.all()]
            self.stdout.write(f"{person.email}\t{', '.join(roles) or 'no role'}")
