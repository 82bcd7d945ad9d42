"""`POST pre-register/`: the waiting list, which tells nobody who is on it."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.models import OutboxMessage, WaitingListEntry
from tests.apis.auth.wire import lower_rates
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of
from tests.phones import Phone

pytestmark = pytest.mark.django_db


@pytest.fixture
def stranger(phone: Phone) -> Phone:
    """A device on which nobody has signed in."""
    phone.get_token()
    return phone


def test_an_address_joins_once_however_it_is_spelled(stranger: Phone) -> None:
    for email in ("Ada@Example.com", "ada@example.com", "ADA@EXAMPLE.COM"):
        answer = stranger.request("POST", "pre-register/", {"email": email})
        assert (answer.status, answer.body) == (202, b"")
    entry = WaitingListEntry.objects.get()
    assert (entry.email, entry.email_identity) == ("Ada@Example.com", "ada@example.com")


def test_the_answer_and_the_work_are_the_same_for_everybody(stranger: Phone, alice: Person) -> None:
    stranger.request("POST", "pre-register/", {"email": "known@example.com"})
    told, work = [], []
    for email in ("known@example.com", "unknown@example.com", alice.email):
        with CaptureQueriesContext(connection) as captured:
            answer = stranger.request("POST", "pre-register/", {"email": email})
        told.append((answer.status, answer.body, sorted(answer.headers)))
        work.append([query["sql"].split(" ")[:4] for query in captured if "waiting_list" in query["sql"]])
    assert told[0] == told[1] == told[2]
    assert work[0] == work[1] == work[2]
    assert len(work[0]) == 1
    assert len(WaitingListEntry.objects.all()) == 3


def test_nothing_is_mailed(stranger: Phone) -> None:
    stranger.request("POST", "pre-register/", {"email": "known@example.com"})
    assert not OutboxMessage.objects.exists()


@pytest.mark.parametrize("body", [{}, {"email": "nobody"}, {"email": None}, {"email": ["a@example.com"]}])
def test_what_is_no_address_is_refused(stranger: Phone, body: dict[str, Any]) -> None:
    assert set(errors_of(stranger.request("POST", "pre-register/", body))) == {"email"}
    assert not WaitingListEntry.objects.exists()


def test_it_is_limited_per_device_and_per_address(stranger: Phone, alice: Person, settings: Any) -> None:
    lower_rates(settings, auth_token=2)
    for _ in range(2):
        assert stranger.request("POST", "pre-register/", {"email": "a@example.com"}).status == 202
    problem_of(stranger.request("POST", "pre-register/", {"email": "b@example.com"}), 429, "throttled")
    assert alice.post("pre-register/", {"email": "c@example.com"}).status == 202
    problem_of(alice.post("pre-register/", {"email": "A@example.com"}), 429, "throttled")
