"""Many made-up rows, to look at and to measure: `manage.py seed --size large` on a database of its own."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from api.management import seed


class Command(BaseCommand):
    help = "Writes made-up people, devices, organizations and the figures of a year; nobody can sign in as them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--size", choices=sorted(seed.SIZES), default="small")

    def handle(self, *args: Any, **options: Any) -> None:
        size, began = seed.SIZES[options["size"]], time.monotonic()
        if not seed.fill(size):
            raise CommandError("there are made-up rows already")
        seconds = time.monotonic() - began
        self.stdout.write(f"{size.people} people, {size.devices} devices, {size.groups} groups in {seconds:.0f} s")
