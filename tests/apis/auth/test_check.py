"""`GET auth/check/`: who the token is."""

import pytest
import time_machine
from handset_client.outcomes import accept

from api.apis.auth import services as auth
from api.models import Device, Trust
from api.platform import callers
from tests.apis.auth.wire import Draft, MakePhone, assert_refused, commit, request_of, send, with_token
from tests.conftest import Person
from tests.phones import BASE_URL

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def test_device_without_a_person(new_phone: MakePhone, clock: time_machine.Traveller) -> None:
    phone, transport = new_phone()
    phone.get_token()
    clock.shift(300)
    answer = accept(with_token(transport, "GET", "auth/check/", phone.state.access or ""))
    assert answer.json == {
        "device": {"id": phone.state.device_id, "name": "", "platform": "other", "trust": "unattested"},
        "session_id": phone.state.session_id,
        "user": None,
        "is_guest": False,
        "expires_in": 600,
        "trust": "unattested",
    }
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "Authorization" in answer.headers["vary"].split(", ")


def test_person_on_a_device(alice: Person) -> None:
    answer = accept(alice.get("auth/check/"))
    assert answer.json["session_id"] == alice.phone.state.session_id
    assert answer.json["is_guest"] is False
    assert answer.json["user"] == {
        "id": str(alice.user.id),
        "email": alice.email,
        "username": alice.user.username,
        "first_name": "",
        "last_name": "",
        "is_guest": False,
        "is_email_confirmed": False,
    }


def test_trust_is_what_the_token_was_given(alice: Person) -> None:
    """What a token may do was decided when it was made; the next one knows better."""
    Device.objects.filter(id=alice.phone.state.device_id).update(trust=Trust.STRONG)
    assert accept(alice.get("auth/check/")).json["trust"] == "unattested"
    accept(alice.phone.refresh())
    assert accept(alice.get("auth/check/")).json["trust"] == "strong"


def test_everybody_sees_themselves(alice: Person, bob: Person) -> None:
    for person in (alice, bob):
        answer = accept(with_token(bob.transport, "GET", "auth/check/", person.phone.state.access or ""))
        assert answer.json["user"]["email"] == person.email


def test_signature_of_the_device_is_welcome(alice: Person) -> None:
    assert send(alice.transport, request_of(alice.phone, "GET", "auth/check/")).status == 200


def test_nobody_is_nobody(alice: Person, clock: time_machine.Traveller) -> None:
    url = f"{BASE_URL}/api/v1/auth/check/"
    assert_refused(send(alice.transport, Draft("GET", url, {})), 401, "token_missing")
    assert_refused(with_token(alice.transport, "GET", "auth/check/", "a.b.c"), 401, "token_invalid")
    commit(auth.deactivate_person, callers.command(), user_id=alice.user.id)
    assert_refused(
        with_token(alice.transport, "GET", "auth/check/", alice.phone.state.access or ""), 401, "token_revoked"
    )
    clock.shift(900)
    assert_refused(
        with_token(alice.transport, "GET", "auth/check/", alice.phone.state.access or ""), 401, "token_expired"
    )


def test_it_takes_no_parameters(alice: Person) -> None:
    assert_refused(alice.get("auth/check/", user="1"), 400, "unknown_parameter")
