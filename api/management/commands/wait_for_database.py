"""Waits until the database takes a connection, for a limited time: containers start in any order."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection

_PAUSE_SECONDS = 1


class Command(BaseCommand):
    help = "Waits until the database takes a connection; fails with its last words when the time is over."
    # A process that would be refused anyway says so at once, instead of waiting first.
    requires_system_checks = ["handset"]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seconds", type=int, default=60, help="how long to wait (60)")

    def handle(self, *args: Any, **options: Any) -> None:
        deadline = time.monotonic() + options["seconds"]
        while True:
            try:
                connection.ensure_connection()
            except OperationalError as error:
                if time.monotonic() >= deadline:
                    raise CommandError(f"no database after {options['seconds']} s: {error}") from error
                time.sleep(_PAUSE_SECONDS)
            else:
                connection.close()
                return
