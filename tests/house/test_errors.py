"""Error codes: unique, well spelled, told in docs/errors.md."""

import io
import re
from http import HTTPStatus
from pathlib import Path

from django.core.management import call_command
from handset_client.outcomes import REMEDIES, REMEDIES_BY_STATUS, Remedy

from api.management.commands.error_codes import remedy_of
from api.schema.refusals import codes as problems
from api.schema.refusals import when

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
        for sentence in (when(problem), remedy_of(problem)):
            assert sentence[0].isupper()
            assert sentence.endswith(".")


def test_what_a_client_does_is_what_the_kit_does() -> None:
    by_code = {(int(problem.status), problem.code): remedy_of(problem) for problem in problems()}
    for key, remedy in REMEDIES.items():
        if key in by_code:
            assert remedy.value in by_code[key].lower(), key
    for (status, code), told in by_code.items():
        if status in REMEDIES_BY_STATUS:
            assert told.lower().startswith(REMEDIES_BY_STATUS[status].value), code
    assert len(REMEDIES.keys() & by_code.keys()) >= 16


def test_what_is_told_of_a_code_is_in_the_table_of_the_kit() -> None:
    for problem in problems():
        told = remedy_of(problem).lower()
        key = (int(problem.status), problem.code)
        for remedy in Remedy:
            if told.startswith(remedy.value):
                assert REMEDIES.get(key, REMEDIES_BY_STATUS.get(key[0], Remedy.GIVE_UP)) is remedy, key


def test_the_document_is_in_step() -> None:
    written = io.StringIO()
    call_command("error_codes", stdout=written)
    assert written.getvalue() == DOCUMENT.read_text()
