"""`manage.py revoke_everyone`: ends every session of every device, and signs all staff out of the pages."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from api.apis.auth import services
from api.platform import callers


class Command(BaseCommand):
    help = "Ends all sessions. Devices stay registered: apps ask for a new token by themselves, people sign in again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="I mean everybody")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["yes"]:
            raise CommandError("this signs everybody out; say --yes")
        ended = 0
        # In batches: each is a transaction of its own, and whoever interrupts this begins again where it stopped.
        while some := services.end_everybodys(callers.command()):
            ended += some
        browsers = services.end_everybodys_browsers()
        self.stdout.write(f"{ended} sessions of devices and {browsers} of staff have ended.")
