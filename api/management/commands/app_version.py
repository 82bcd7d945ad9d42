"""The minimum versions of the apps from the shell: show them, or set one."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from api.apis.onboarding import services
from api.exceptions import InvalidInput
from api.models import AppVersion, Platform
from api.platform import callers


class Command(BaseCommand):
    help = "Shows and sets the versions below which apps are answered 426 app_upgrade_required."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="show all minimums")
        change = verbs.add_parser("set", help="set a platform's minimum")
        change.add_argument("platform", choices=Platform.values)
        change.add_argument("minimum_version", help="such as 2.3; 0 serves every version again")
        change.add_argument("--store-url", default="", metavar="URL", help="where the present version is")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "set":
            try:
                services.set_minimum_version(
                    callers.command(),
                    platform=options["platform"],
                    minimum_version=options["minimum_version"],
                    store_url=options["store_url"],
                )
            except InvalidInput as error:
                found = error.members["errors"][0]
                raise CommandError(f"{found['field']}: {found['message']}") from None
        for app in AppVersion.objects.order_by("platform"):
            self.stdout.write(f"{app.platform}\t{app.minimum_version}\t{app.store_url}")
