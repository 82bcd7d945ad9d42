"""The versions of the apps from the shell: show them, or set one."""

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
        change.add_argument("--latest", dest="latest_version", metavar="VERSION", help="the present version")
        change.add_argument("--store-url", metavar="URL", help="where the present version is")
        change.add_argument("--notice", help="what people are to be told of maintenance; '' takes it away")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "set":
            try:
                facts = {name: options[name] for name in services.APP_VERSION_FACTS if options[name] is not None}
                services.set_app_version(callers.command(), platform=options["platform"], facts=facts)
            except InvalidInput as error:
                found = error.members["errors"][0]
                raise CommandError(f"{found['field']}: {found['message']}") from None
        for app in AppVersion.objects.order_by("platform"):
            told = (app.platform, app.minimum_version, app.latest_version, app.store_url, app.notice)
            self.stdout.write("\t".join(told).rstrip())
