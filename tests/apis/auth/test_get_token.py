"""`POST auth/get-token/`: the device's present session, or a first one."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import time_machine
from django.conf import settings as configured
from handset_client.outcomes import accept
from pytest_django import Settings

from api.apis.onboarding import services as onboarding
from api.models import AuditEntry, Device, EndReason, Session
from api.platform import callers
from tests.apis.auth.wire import (
    NOW,
    MakePhone,
    assert_changes_nothing,
    assert_refused,
    commit,
    draft,
    get_token,
    lower_rates,
    rows,
    send,
)
from tests.conftest import PASSWORD, Person
from tests.phones import InProcess, Phone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

PhoneOnWire = tuple[Phone, InProcess]
Clock = time_machine.Traveller


@pytest.fixture
def device(new_phone: MakePhone) -> PhoneOnWire:
    """Registered, without a token yet."""
    phone, transport = new_phone()
    phone.register_device()
    return phone, transport


def asking(phone: Phone, **body: Any) -> Any:
    return draft(phone.state.signer, "POST", "auth/get-token/", {"device_id": phone.state.device_id, **body})


def claims_of(access: str) -> dict[str, Any]:
    return jwt.decode(access, options={"verify_signature": False})


def test_first_token_starts_a_session_and_activates_the_device(device: PhoneOnWire) -> None:
    phone, transport = device
    assert Device.objects.get().activated_at is None
    answer = accept(send(transport, get_token(phone)))

    session = Session.objects.get()
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json | {"access": "", "refresh": ""} == {
        "access": "",
        "refresh": "",
        "token_type": "Bearer",
        "expires_in": 900,
        "refresh_expires_in": 30 * 86_400,
        "session_id": str(session.id),
        "server_time": NOW,
        "device": {"id": phone.state.device_id, "name": "", "platform": "other", "trust": "unattested"},
        "user": None,
        "rekey": False,
    }
    row = Device.objects.get()
    assert row.activated_at == row.last_seen_at == datetime.fromtimestamp(NOW, UTC)
    assert (session.live_device_id, session.user_id, session.refresh_counter) == (row.id, None, 0)
    assert row.last_address == "192.0.2.1"


def test_access_token_says_what_it_is(device: PhoneOnWire) -> None:
    phone, transport = device
    answer = accept(send(transport, get_token(phone)))
    header, claims = jwt.get_unverified_header(answer.json["access"]), claims_of(answer.json["access"])
    assert set(header) == {"alg", "typ", "kid"}
    assert (header["alg"], header["typ"]) == ("ES256", "at+jwt")
    assert uuid.UUID(hex=claims.pop("jti"))
    assert claims == {
        "token_type": "access",
        "iss": "handset",
        "aud": "handset-api",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 900,
        "did": phone.state.device_id,
        "sid": answer.json["session_id"],
        "is_guest": False,
        "amr": [],
        "auth_time": NOW,
        "scope": "device",
        "atl": "unattested",
        "first": True,
    }


def test_access_token_names_the_person(alice: Person) -> None:
    claims = claims_of(alice.phone.state.access or "")
    assert (claims["sub"], claims["scope"], claims["amr"]) == (str(alice.user.id), "person", ["pwd"])
    assert "email" not in claims


def test_access_token_names_the_hardware_key(new_phone: MakePhone) -> None:
    phone, _ = new_phone(hardware_key=True)
    claims = claims_of(accept(phone.get_token()).json["access"])
    assert len(claims["cnf"]["jkt"]) == 43  # RFC 7638: SHA-256, base64url


def test_asking_again_answers_the_present_session_and_moves_nothing(device: PhoneOnWire) -> None:
    phone, transport = device
    first = accept(send(transport, get_token(phone)))
    for _ in range(3):
        again = accept(send(transport, get_token(phone)))
        assert again.json["session_id"] == first.json["session_id"]
        assert again.json["refresh"] == first.json["refresh"]
    session = Session.objects.get()
    assert session.refresh_counter == 0
    # Nor after a refresh: whoever asks gets the current refresh token.
    phone.get_token()
    refreshed = accept(phone.refresh())
    again = accept(send(transport, get_token(phone)))
    assert again.json["refresh"] == refreshed.json["refresh"] != first.json["refresh"]
    assert Session.objects.get().refresh_counter == 1


def test_session_with_a_person_is_answered_with_the_person(alice: Person) -> None:
    answer = accept(send(alice.transport, get_token(alice.phone)))
    assert answer.json["session_id"] == alice.phone.state.session_id
    assert answer.json["user"] == {
        "id": str(alice.user.id),
        "email": alice.email,
        "username": alice.user.username,
        "first_name": "",
        "last_name": "",
        "is_guest": False,
        "is_email_confirmed": False,
    }


def test_signed_out_device_gets_a_session_without_a_person(alice: Person) -> None:
    before = alice.phone.state.session_id
    alice.phone.sign_out()
    answer = accept(send(alice.transport, get_token(alice.phone)))
    assert (answer.json["user"], answer.json["session_id"] != before) == (None, True)
    assert Session.objects.filter(live_device__isnull=False).count() == 1


@pytest.mark.parametrize("refreshes", [0, 5], ids=["idle for 30 days", "opened 180 days ago"])
def test_session_that_is_too_old_is_followed_by_one_without_a_person(
    alice: Person, clock: Clock, refreshes: int
) -> None:
    old = alice.phone.state.session_id
    for _ in range(refreshes):
        clock.shift(timedelta(days=30))
        accept(alice.phone.refresh())
    clock.shift(timedelta(days=30))
    assert accept(send(alice.transport, get_token(alice.phone))).json["session_id"] == old
    clock.shift(1)
    answer = accept(send(alice.transport, get_token(alice.phone)))
    assert answer.json["session_id"] != old
    assert answer.json["user"] is None
    assert Session.objects.get(id=old).end_reason == EndReason.EXPIRED


def test_upgrade_is_seen(device: PhoneOnWire) -> None:
    phone, transport = device
    news = {
        "app_version": "2.0.0",
        "build": 200,
        "os_version": "18.1",
        "locale": "de-CH",
        "timezone": "Europe/Zurich",
        "name": "Zoë’s phone",
    }
    answer = accept(send(transport, asking(phone, **news)))
    row = Device.objects.get()
    assert (row.app_version, row.build, row.os_version) == ("2.0.0", 200, "18.1")
    assert (row.locale, row.time_zone, row.name) == ("de-CH", "Europe/Zurich", "Zoë’s phone")
    assert answer.json["device"]["name"] == "Zoë’s phone"
    # What is not told stays as it is.
    accept(send(transport, asking(phone)))
    assert Device.objects.get().name == "Zoë’s phone"


def test_what_registration_takes_is_taken_here_too(device: PhoneOnWire) -> None:
    """A phone that has no name must not lose its tokens over it."""
    phone, transport = device
    blank = dict.fromkeys(("app_version", "os_version", "locale", "timezone", "name"), "")
    accept(send(transport, asking(phone, **blank)))


def test_other_members_are_refused(device: PhoneOnWire, subtests: pytest.Subtests) -> None:
    for member in [
        {"trust": "strong"},
        {"user": None},
        {"id": "x"},
        {"platform": "ios"},
        {"generation": 2},
        {"public_key": {}},
        {"activated_at": None},
        {"build": "1"},
        {"build": -1},
        {"build": 2**31},
        {"build": True},
        {"build": 1.0},
        {"app_version": "x" * 33},
        {"app_version": None},
        {"app_version": 1},
        {"name": "a\u0000b"},
        {"name": "a\nb"},
        {"name": ["a"]},
        {"locale": "not a language"},
        {"timezone": "Mars/Olympus"},
        {"timezone": "../../etc/passwd"},
    ]:
        with subtests.test(member=member):
            phone, transport = device
            before = rows()
            answer = send(transport, asking(phone, **member))
            assert_refused(answer, 400, "invalid_input")
            assert [error["field"] for error in answer.json["errors"]] == list(member)
            assert rows() == before


def test_body_without_a_device_is_refused(device: PhoneOnWire, subtests: pytest.Subtests) -> None:
    for body in [{}, [], None, "x", 1, {"device_id": None}, {"device_id": 1}, {"device_id": ["x"]}]:
        with subtests.test(body=body):
            phone, transport = device
            given = draft(phone.state.signer, "POST", "auth/get-token/", json.dumps(body).encode())
            before = rows()
            assert_refused(send(transport, given), 400, "invalid_input")
            assert rows() == before


def test_body_is_read_strictly(device: PhoneOnWire) -> None:
    phone, transport = device
    member = f'"device_id":"{phone.state.device_id}"'
    for body in (f"{{{member},{member}}}", f"{{{member},}}", f'{{{member},"build":NaN}}', "", "\xff", "[" * 5000):
        content = body.encode("latin-1") or b" "
        answer = send(transport, draft(phone.state.signer, "POST", "auth/get-token/", content))
        assert_refused(answer, 400, "malformed_body")
    assert not Session.objects.exists()


def test_body_has_a_size_and_a_type(device: PhoneOnWire) -> None:
    phone, transport = device
    signer = phone.state.signer
    answer = send(transport, draft(signer, "POST", "auth/get-token/", b" " * (1024 * 1024 + 1)))
    assert_refused(answer, 413, "payload_too_large")
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x"):
        given = draft(signer, "POST", "auth/get-token/", get_token(phone).body, content_type=content_type)
        assert_refused(send(transport, given), 415, "unsupported_media_type")
    assert not Session.objects.exists()


def test_other_methods_are_not_there(device: PhoneOnWire, subtests: pytest.Subtests) -> None:
    for method in ["GET", "PUT", "PATCH", "DELETE"]:
        with subtests.test(method=method):
            phone, transport = device
            answer = send(transport, draft(phone.state.signer, method, "auth/get-token/"))
            assert_refused(answer, 405, "method_not_allowed")
            assert "POST" in answer.headers["allow"]


def test_body_names_the_device_that_signs(device: PhoneOnWire, new_phone: MakePhone) -> None:
    phone, transport = device
    other = new_phone()[0]
    other.register_device()
    before = rows()
    for device_id in (other.state.device_id, str(uuid.UUID(int=0))):
        given = draft(phone.state.signer, "POST", "auth/get-token/", {"device_id": device_id})
        assert_refused(send(transport, given), 401, "signature_invalid")
    assert rows() == before


def test_token_means_nothing_here(device: PhoneOnWire, alice: Person) -> None:
    """Neither a good one nor a bad one: the signature says who asks."""
    phone, transport = device
    for token in (f"Bearer {alice.phone.state.access}", "Bearer a.b.c", "Basic x", "x" * 4000):
        answer = accept(send(transport, get_token(phone).with_headers({"Authorization": token})))
        assert answer.json["user"] is None
        assert answer.json["device"]["id"] == phone.state.device_id


def test_revoked_device_gets_none(device: PhoneOnWire) -> None:
    phone, transport = device
    commit(onboarding.revoke_device, callers.command(), device_id=uuid.UUID(phone.state.device_id))
    before = rows()
    answer = send(transport, get_token(phone))
    assert_refused(answer, 403, "device_revoked")
    assert "accept-signature" not in answer.headers
    assert rows() == before


def test_device_that_is_gone_is_unknown(device: PhoneOnWire) -> None:
    phone, transport = device
    Device.objects.all().delete()
    assert_changes_nothing(transport, get_token(phone), 401, "device_unknown")


def test_device_whose_master_key_is_not_current_is_asked_for_another(device: PhoneOnWire, settings: Settings) -> None:
    phone, transport = device
    newer = "k2:" + "A" * 43
    settings.DEVICE_MASTER_KEYS = f"{newer},{configured.DEVICE_MASTER_KEYS}"
    assert accept(send(transport, get_token(phone))).json["rekey"] is True
    accept(phone.get_token())  # the client rotates by itself
    assert phone.state.key_id == f"dev:{phone.state.device_id}:2"
    assert accept(phone.refresh()).json["rekey"] is False
    # The old master key may go now.
    settings.DEVICE_MASTER_KEYS = newer
    assert accept(phone.refresh()).json["rekey"] is False


def test_device_whose_master_key_left_the_ring_has_no_key_any_more(device: PhoneOnWire, settings: Settings) -> None:
    phone, transport = device
    settings.DEVICE_MASTER_KEYS = "k2:" + "A" * 43
    assert_changes_nothing(transport, get_token(phone), 401, "key_superseded")
    # Which its phone takes for what it is: it begins anew.
    before = phone.state.device_id
    accept(phone.get_token())
    assert phone.state.device_id != before


def test_each_device_has_its_own_rate(device: PhoneOnWire, new_phone: MakePhone, settings: Settings) -> None:
    phone, transport = device
    lower_rates(settings, auth_token=2)
    answers = [send(transport, get_token(phone)) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[0].headers["x-ratelimit-limit"] == "2"
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[0].headers["ratelimit-policy"] == '"auth_token";q=2;w=60'
    assert answers[0].headers["ratelimit"].startswith('"auth_token";r=1;t=')
    assert 1 <= int(answers[2].headers["retry-after"]) <= 30
    assert int(answers[2].headers["x-ratelimit-reset"]) <= 60
    # Another phone behind the same address is not concerned.
    accept(new_phone()[0].get_token())


def test_asking_is_not_audited_and_leaves_one_session(device: PhoneOnWire) -> None:
    phone, transport = device
    for _ in range(5):
        accept(send(transport, get_token(phone)))
    assert Session.objects.count() == 1
    assert list(AuditEntry.objects.values_list("action", flat=True)) == ["app_key.created", "device.registered"]


def test_lost_answers_leave_one_session(new_phone: MakePhone) -> None:
    phone, transport = new_phone()
    transport.lose_next = 3
    accept(phone.get_token())
    assert Device.objects.count() == Session.objects.count() == 1


def test_idle_session_counts_from_its_last_refresh(alice: Person, clock: Clock) -> None:
    clock.shift(timedelta(days=29))
    accept(alice.phone.refresh())
    clock.shift(timedelta(days=29))
    answer = accept(alice.phone.sign_in(alice.email, PASSWORD))
    assert answer.json["user"]["id"] == str(alice.user.id)
