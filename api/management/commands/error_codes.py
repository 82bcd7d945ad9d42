"""Writes docs/errors.md: every code that the API answers, found in the code itself."""

import inspect
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand

from api.exceptions import ApiError


class Command(BaseCommand):
    help = "Prints the table of error codes as Markdown."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(_HEAD)
        for problem in sorted(problems(), key=lambda problem: (problem.status, problem.code)):
            self.stdout.write(_row(problem))


_HEAD = """# Error codes

Written by `make schema`; do not edit. Every refusal is a problem document (RFC 9457); switch on `code`, which never
changes its meaning. What a client does about each stands in `clients/signing/python/README.md`.

| Status | Code | Title | When |
| --- | --- | --- | --- |"""


def problems(parent: type[ApiError] = ApiError) -> Iterator[type[ApiError]]:
    """Every concrete error that is loaded."""
    for child in parent.__subclasses__():
        if "code" in vars(child):
            yield child
        yield from problems(child)


def _row(problem: type[ApiError]) -> str:
    own = vars(problem).get("__doc__") or ""
    when = " ".join(inspect.cleandoc(own).split()) or problem.detail
    return f"| {int(problem.status)} | `{problem.code}` | {problem.title} | {when} |"
