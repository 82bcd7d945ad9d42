"""App keys from the shell: make one, list them, change what is said of one, deprecate, block or re-activate it."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

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
    help = "Makes, lists, changes, deprecates, blocks and re-activates app keys."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="make a key; prints its secret once")
        create.add_argument("key_id", help="such as ios-2026-11; written without app:")
        create.add_argument("--platform", choices=Platform.values, required=True, help="other: for devices of any")
        change = verbs.add_parser("set", help="change what is said of a key")
        change.add_argument("key_id")
        for verb in (create, change):
            _add_terms(verb)
        verbs.add_parser("list", help="show all keys")
        verbs.add_parser("reseal", help="encrypt the secrets under the first of FIELD_KEYS")
        for name in _STATUSES:
            verbs.add_parser(name).add_argument("key_id")

    def handle(self, *args: Any, **options: Any) -> None:
        terms = {name: options[name] for name in services.APP_KEY_TERMS if name in options}
        try:
            match options["verb"]:
                case "create":
                    self._create(options["key_id"], options["platform"], terms)
                case "list":
                    self._list()
                case "reseal":
                    self.stdout.write(f"{services.reseal_app_keys(callers.command())} resealed")
                case "set":
                    services.change_app_key(callers.command(), key_id=options["key_id"], terms=terms)
                    self._list(key_id=options["key_id"])
                case verb:
                    self._set_status(options["key_id"], _STATUSES[verb])
        except InvalidInput as error:
            found = error.members["errors"]
            raise CommandError("; ".join(f"{e['field']}: {e['message']}".lstrip(": ") for e in found)) from None
        except AppKey.DoesNotExist:
            raise CommandError(f"there is no app key {options['key_id']}") from None

    def _create(self, key_id: str, platform: str, terms: dict[str, Any]) -> None:
        try:
            _, secret = services.create_app_key(callers.command(), key_id=key_id, platform=platform, terms=terms)
        except services.AppKeyTaken:
            raise CommandError(f"there is an app key {key_id} already") from None
        self.stdout.write(f"key id: {key_id}\nsecret: {b64url(secret)}")

    def _list(self, **which: str) -> None:
        for key in AppKey.objects.filter(**which).order_by("created_at"):
            low, high = ("" if build is None else build for build in (key.minimum_build, key.maximum_build))
            told = [key.key_id, key.platform, key.status, f"builds {low}–{high}", f"{key.registrations_per_minute}/min"]
            self.stdout.write("\t".join([*told, key.store_url, f"{key.created_at:%Y-%m-%d}"]))

    def _set_status(self, key_id: str, status: AppKeyStatus) -> None:
        services.set_app_key_status(callers.command(), key_id=key_id, status=status)
        self.stdout.write(f"{key_id} is {status}")


def _add_terms(parser: CommandParser) -> None:
    # An option that is absent is not among the options at all, and changes nothing.
    parser.add_argument(
        "--minimum-build", type=_build, default=argparse.SUPPRESS, metavar="BUILD", help="none takes the limit away"
    )
    parser.add_argument("--maximum-build", type=_build, default=argparse.SUPPRESS, metavar="BUILD")
    parser.add_argument("--registrations-per-minute", type=int, default=argparse.SUPPRESS, metavar="NUMBER")
    parser.add_argument("--store-url", default=argparse.SUPPRESS, metavar="URL", help="where people get a newer build")


def _build(text: str) -> int | None:
    return None if text == "none" else int(text)
