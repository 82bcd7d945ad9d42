"""What an answer means, and what is no answer at all."""

import json
import re
from pathlib import Path

import pytest
from fake_api import problem, success
from handset_client import REMEDIES, Answer, NetworkFailure, Refused, Remedy, Response
from handset_client.outcomes import REMEDIES_BY_STATUS, accept


@pytest.mark.parametrize(("status", "code"), REMEDIES)
def test_known_refusals_have_their_remedy(status: int, code: str) -> None:
    answer = Answer.read(problem(status, code))
    assert (answer.code, answer.remedy) == (code, REMEDIES[status, code])


@pytest.mark.parametrize("status", REMEDIES_BY_STATUS)
def test_some_statuses_mean_the_same_with_any_code(status: int) -> None:
    assert Answer.read(problem(status, "anything")).remedy is Remedy.RETRY_LATER


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "invalid_input"),
        (401, "signature_invalid"),
        (403, "app_build_blocked"),
        (403, "token_revoked"),  # a known code with another status is not what the table means
        (404, "not_found"),
        (409, "version_conflict"),
        (500, "internal_error"),
    ],
)
def test_other_refusals_are_for_the_caller(status: int, code: str) -> None:
    answer = Answer.read(problem(status, code))
    assert answer.remedy is Remedy.GIVE_UP
    with pytest.raises(Refused, match=code):
        accept(answer)


HTML = {"Content-Type": "text/html; charset=utf-8"}
JSON = {"Content-Type": "application/json"}
PROBLEM = {"content-type": "application/problem+json"}


@pytest.mark.parametrize(
    "response",
    [
        Response(200, HTML, b"<h1>Welcome to the airport</h1>"),
        Response(302, {"Location": "http://portal.example/"}, b""),
        Response(401, HTML, b"<h1>Sign in</h1>"),
        Response(401, JSON, b'{"code": "token_revoked", "status": 401}'),
        Response(401, PROBLEM, b""),
        Response(401, PROBLEM, b"<html>"),
        Response(401, PROBLEM, b"[]"),
        Response(401, PROBLEM, b'{"type": "about:blank", "status": 401}'),
        Response(
            401,
            PROBLEM,
            b'{"type": "https://gateway.example/x", "status": 401, "code": "token_revoked"}',
        ),
        Response(
            401,
            PROBLEM,
            b'{"type": "urn:handset:problem:token_revoked", "status": 4, "code": "token_revoked"}',
        ),
        Response(502, {}, b"Bad gateway"),
        Response(503, HTML, b"<h1>Maintenance</h1>"),
        Response(200, JSON, b'{"access": "cut off'),
    ],
)
def test_what_somebody_else_answers_is_a_network_failure(response: Response) -> None:
    with pytest.raises(NetworkFailure):
        Answer.read(response)


def test_code_may_be_named_by_an_address_too() -> None:
    document = {"type": "https://docs.example/errors#gone", "status": 410, "code": "gone"}
    answer = Answer.read(Response(410, PROBLEM, json.dumps(document).encode()))
    assert answer.code == "gone"


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (success({"id": 1}), {"id": 1}),
        (Response(204, {}, b""), None),
        (Response(304, {"ETag": '"1"'}, b""), None),
        (Response(200, {"Content-Type": "text/vcard"}, b"BEGIN:VCARD"), None),
    ],
)
def test_successes(response: Response, expected: object) -> None:
    answer = Answer.read(response)
    assert accept(answer).json == expected
    assert (answer.code, answer.remedy) == ("", None)


def test_header_names_are_in_lower_case() -> None:
    assert Answer.read(Response(204, {"ETag": '"1"'}, b"")).headers == {"etag": '"1"'}


@pytest.mark.parametrize(("value", "is_replayed"), [("true", True), ("false", False), (None, False)])
def test_a_kept_answer_says_so(value: str | None, is_replayed: bool) -> None:
    headers = {} if value is None else {"Idempotency-Replayed": value}
    assert Answer.read(Response(204, headers, b"")).is_replayed is is_replayed


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), ("", None), ("-1", None), ("Fri, 31 Dec 1999 23:59:59 GMT", None)],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    answer = Answer.read(problem(429, "throttled", headers={"Retry-After": text}))
    assert answer.retry_after_seconds == seconds


def test_the_documentation_shows_the_table_as_it_is() -> None:
    document = (Path(__file__).parents[4] / "docs/retrying.md").read_text()
    rows = re.findall(r"^\| (\d{3}) \| `?(\w+)`? \| ([\w ,]+) \|", document, re.MULTILINE)
    shown = {(int(status), code): remedy for status, code, remedy in rows}
    anything = {(status, "any"): remedy for status, remedy in REMEDIES_BY_STATUS.items()}
    assert shown == {key: remedy.value for key, remedy in (REMEDIES | anything).items()}
