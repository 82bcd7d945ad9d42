"""Writes docs/errors.md: every code that the API answers, found in the code itself."""

from itertools import groupby
from typing import Any

from django.core.management.base import BaseCommand

from api.exceptions import ApiError
from api.schema.refusals import codes, when


class Command(BaseCommand):
    help = "Prints every error code as Markdown: when it comes, and what a client does."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(_HEAD)
        found = sorted(codes(), key=lambda problem: (problem.status, problem.code))
        for status, problems in groupby(found, key=lambda problem: problem.status):
            self.stdout.write(f"\n## {int(status)} {status.phrase}")
            for problem in problems:
                self.stdout.write(_entry(problem))


_HEAD = """# Error codes

Written by `make schema`; do not edit. Every refusal is a problem document (RFC 9457); switch on `code`, which never
changes its meaning. Which operation answers which code stands in `openapi.yaml`; how a client carries the remedies out,
in `retrying.md`."""

# What clients do about a status, unless the code says more.
_REMEDIES = {
    400: "Mend the request: the same again gets the same answer.",
    403: "Give up: tell the person.",
    404: "Give up: forget what was kept of it.",
    405: "Mend the request.",
    409: "Give up: read what is there now, and ask the person.",
    413: "Send less.",
    415: "Mend the request.",
    429: "Retry later: after the seconds in Retry-After.",
    500: "Give up: show the request id. What may safely be repeated may be tried once more.",
    503: "Retry later: after the seconds in Retry-After. It is no reason to sign anybody out.",
}


def remedy_of(problem: type[ApiError]) -> str:
    """What a client does about an error."""
    return problem.remedy or _REMEDIES.get(problem.status, "Give up: tell the person.")


def _entry(problem: type[ApiError]) -> str:
    return f"\n### {problem.code}\n\n{problem.title}.\n\n* When: {when(problem)}\n* Client: {remedy_of(problem)}"
