"""Django's command, through our services: the person gets their personal organization and an audit row like anybody."""

import getpass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction

from api.apis.users import services as users
from api.exceptions import ApiError
from api.platform import callers


class Command(BaseCommand):
    help = "Makes a superuser; the password comes from DJANGO_SUPERUSER_PASSWORD or is asked for."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email")
        parser.add_argument("--no-input", "--noinput", action="store_false", dest="is_interactive")

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"] or (input("E-mail address: ") if options["is_interactive"] else "")
        password = settings.SUPERUSER_PASSWORD
        if not password and options["is_interactive"]:
            password = getpass.getpass()
        try:
            validate_email(email)
            with transaction.atomic():
                person = users.create_person(callers.command(), email=email, password=password, profile={})
                users.promote_to_superuser(callers.command(), user_id=person.id)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
        except ApiError as error:
            reasons = [entry["message"] for entry in error.members.get("errors", [])]
            raise CommandError("; ".join(reasons) or error.title) from None
        self.stdout.write(f"{person.username} may do everything now.")
