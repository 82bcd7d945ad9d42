"""App keys from the shell: make one, list them, deprecate, block or re-activate one."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError

from api.apis.onboarding import services
from api.exceptions import InvalidInput
from api.models import AppKey, AppKeyStatus, Platform
from api.platform import callers
from api.platform.keys import b64url

_STATUSES = {
    "activate": AppKeyStatus.ACTIVE,
    "deprecate": AppKeyStatus.DEPRECATED,
    "block": AppKeyStatus.BLOCKED,
}


class Command(BaseCommand):
    help = "Makes, lists, deprecates, blocks and re-activates app keys."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="make a key; prints its secret once")
        create.add_argument("key_id", help="such as ios-2026-11; written without app:")
        create.add_argument("--platform", choices=Platform.values, required=True)
        verbs.add_parser("list", help="show all keys")
        for verb in _STATUSES:
            verbs.add_parser(verb).add_argument("key_id")

    def handle(self, *args: Any, **options: Any) -> None:
        verb = options["verb"]
        if verb == "create":
            self._create(options["key_id"], options["platform"])
        elif verb == "list":
            for key in AppKey.objects.order_by("created_at"):
                self.stdout.write(f"{key.key_id}\t{key.platform}\t{key.status}\t{key.created_at:%Y-%m-%d}")
        else:
            self._set_status(options["key_id"], _STATUSES[verb])

    def _create(self, key_id: str, platform: str) -> None:
        try:
            _, secret = services.create_app_key(callers.command(), key_id=key_id, platform=platform)
        except IntegrityError:
            raise CommandError(f"there is an app key {key_id} already") from None
        except InvalidInput as error:
            raise CommandError(error.members["errors"][0]["message"]) from None
        self.stdout.write(f"key id: {key_id}\nsecret: {b64url(secret)}")

    def _set_status(self, key_id: str, status: AppKeyStatus) -> None:
        try:
            services.set_app_key_status(callers.command(), key_id=key_id, status=status)
        except AppKey.DoesNotExist:
            raise CommandError(f"there is no app key {key_id}") from None
        self.stdout.write(f"{key_id} is {status}")
