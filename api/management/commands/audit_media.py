"""Compares the store with the rows: objects that nothing names, rows whose objects are gone."""

import argparse
import re
import sys
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from api.platform import media, storage

_DEFAULT = timedelta(days=1)


class Command(BaseCommand):
    help = (
        "Lists objects that no row names (stray), objects that a row names and that are not there (missing), and objects "
        "under no prefix of ours (foreign). Ends with 1 if any stray or missing one is left."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--delete", action="store_true", help="delete the strays; nothing else is touched")
        parser.add_argument(
            "--older-than",
            type=_age,
            default=_DEFAULT,
            metavar="AGE",
            help="strays of at least this age, such as 12h or 7d; never less than an hour (default: 1d)",
        )

    def handle(self, *, delete: bool, older_than: timedelta, **options: Any) -> None:
        stray = missing = foreign = 0
        with media.audited() as findings:
            for found in findings.strays(older_than=older_than):
                stray += 1
                if delete:
                    storage.delete([found.name])
                self._tell("deleted" if delete else "stray", found)
            for lost in findings.missing():
                missing += 1
                self.stdout.write(f"missing\t{lost.name}\t{lost.holder.model._meta.model_name} {lost.key}")
            for found in findings.foreign():
                foreign += 1
                self._tell("foreign", found)
        self.stdout.write(f"{stray} stray{' (deleted)' if delete else ''}, {missing} missing, {foreign} foreign")
        if missing or (stray and not delete):
            sys.exit(1)

    def _tell(self, what: str, found: storage.StoredObject) -> None:
        self.stdout.write(f"{what}\t{found.name}\t{found.size_bytes} bytes\t{found.written_at:%Y-%m-%dT%H:%M:%SZ}")


def _age(text: str) -> timedelta:
    form = re.fullmatch(r"([0-9]{1,5})([hd])", text)
    if form is None:
        raise argparse.ArgumentTypeError("a number of hours or days, such as 12h or 7d")
    return timedelta(**{{"h": "hours", "d": "days"}[form[2]]: int(form[1])})
