"""Error codes: unique, well spelled, told in docs/errors.md."""

import io
import re
from http import HTTPStatus
from pathlib import Path

from django.core.management import call_command

from api.management.commands.error_codes import problems

DOCUMENT = Path(__file__).parent.parent.parent / "docs/errors.md"


def test_codes_are_unique_and_well_spelled() -> None:
    found = list(problems())
    codes = [problem.code for problem in found]
    assert len(set(codes)) == len(codes) > 40
    for problem in found:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", problem.code)
        assert isinstance(problem.status, HTTPStatus)
        assert problem.title
        assert not problem.title.endswith(".")


def test_the_document_is_in_step() -> None:
    written = io.StringIO()
    call_command("error_codes", stdout=written)
    assert written.getvalue() == DOCUMENT.read_text()
