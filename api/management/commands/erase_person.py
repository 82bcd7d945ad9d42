"""`manage.py erase_person`: deletes somebody's account on their request, and tells how far erasures have come."""

import json
import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from api.apis.auth import services as auth
from api.apis.erasure import selectors
from api.exceptions import ApiError
from api.models import User
from api.models.base import identity_of
from api.platform import callers


class Command(BaseCommand):
    help = (
        "Deletes the account with an address (--email) or id (--id), for a --reason. "
        "With --receipt, tells what became of the erasure with this id, or of the person with this id; changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        chosen = parser.add_mutually_exclusive_group(required=True)
        chosen.add_argument("--email")
        chosen.add_argument("--id", type=uuid.UUID)
        chosen.add_argument("--receipt", type=uuid.UUID)
        parser.add_argument("--reason", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["receipt"]:
            self._tell(options["receipt"])
            return
        if not options["reason"]:
            raise CommandError("Say why, by --reason: the audit trail keeps it until the erasure reaches it.")
        who = {"id": options["id"]} if options["id"] else {"email_identity": identity_of(options["email"])}
        user_id = User.objects.filter(**who).values_list("id", flat=True).first()
        if user_id is None:
            raise CommandError("There is nobody like this.")
        try:
            job = auth.delete_person(callers.command(options["reason"]), user_id=user_id)
        except ApiError as refusal:
            groups = ", ".join(group["slug"] for group in refusal.members.get("organizations", []))
            raise CommandError(f"{refusal.title}{f' ({groups})' if groups else ''}.") from None
        self._tell(job["id"])

    def _tell(self, key: uuid.UUID) -> None:
        erasures = selectors.erasures_about(key)
        if not erasures:
            raise CommandError("There is no erasure with this id, nor of anybody with it.")
        for job in erasures:
            self.stdout.write(json.dumps(job, default=str, indent=2))
