"""`POST device/revoke/`: the device says goodbye, for good."""

import uuid
from dataclasses import replace
from typing import Any

import pytest
from handset_client import DeviceRevoked
from handset_client.outcomes import accept

from api.apis.onboarding import services as onboarding
from api.exceptions import NotThere
from api.models import AuditEntry, Device, EndReason, Session
from api.platform import callers
from tests.apis.auth.wire import (
    Draft,
    MakePhone,
    assert_changes_nothing,
    assert_refused,
    commit,
    draft,
    get_token,
    refresh,
    request_of,
    rows,
    send,
    with_token,
)
from tests.conftest import PASSWORD, Person
from tests.phones import InProcess, Phone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def goodbye(phone: Phone, body: Any = None) -> Draft:
    return draft(phone.state.signer, "POST", "device/revoke/", body)


@pytest.mark.parametrize("hardware_key", [False, True])
def test_device_and_its_session_are_over(new_person: Any, hardware_key: bool) -> None:
    alice: Person = new_person("alice", hardware_key=hardware_key)
    answer = send(alice.transport, goodbye(alice.phone))
    assert (answer.status, answer.body, answer.headers["cache-control"]) == (204, b"", "no-store")
    device = Device.objects.get()
    assert device.revoked_at is not None
    session = Session.objects.get(id=alice.phone.state.session_id)
    assert (session.end_reason, session.live_device_id) == (EndReason.DEVICE_REVOKED, None)
    assert AuditEntry.objects.filter(action="device.revoked", target_id=device.id).count() == 1

    token = alice.phone.state.access or ""
    assert_refused(with_token(alice.transport, "GET", "users/me/", token), 401, "token_revoked")
    for given in (get_token(alice.phone), refresh(alice.phone), request_of(alice.phone, "GET", "users/me/")):
        refused = send(alice.transport, given)
        assert (refused.status, refused.code) in {(403, "device_revoked"), (401, "token_revoked")}


def test_repeat_is_told_that_it_is_done(alice: Person) -> None:
    assert send(alice.transport, goodbye(alice.phone)).status == 204
    before = rows()
    for _ in range(3):
        assert_refused(send(alice.transport, goodbye(alice.phone)), 403, "device_revoked")
    assert rows() == before


def test_phone_that_loses_the_answer_is_done(alice: Person) -> None:
    alice.transport.lose_next = 2
    alice.phone.revoke_device()
    with pytest.raises(DeviceRevoked):
        alice.phone.get_token()
    # A second life begins only when the app wants one, as another device.
    before = alice.phone.state.device_id
    alice.phone.forget_device()
    accept(alice.phone.get_token())
    assert alice.phone.state.device_id != before


def test_revoked_is_told_after_the_signature_has_held(alice: Person) -> None:
    """Otherwise anybody could ask which devices were revoked."""
    send(alice.transport, goodbye(alice.phone))
    given = get_token(alice.phone)
    assert_changes_nothing(alice.transport, given.with_value(bytes(32)), 401, "signature_invalid")
    assert_refused(send(alice.transport, given), 403, "device_revoked")
    assert_changes_nothing(alice.transport, given, 401, "nonce_replayed")
    # And before the body is looked at.
    changed = replace(get_token(alice.phone), body=b"{}")
    assert_refused(send(alice.transport, changed), 403, "device_revoked")


def test_other_devices_of_the_person_go_on(alice: Person, new_phone: MakePhone) -> None:
    other, _ = new_phone()
    accept(other.sign_in(alice.email, PASSWORD))
    send(alice.transport, goodbye(alice.phone))
    assert accept(other.request("GET", "users/me/")).json["email"] == alice.email


def test_it_is_signed_by_the_device_itself(alice: Person, bob: Person) -> None:
    given = goodbye(alice.phone)
    bare = {"Signature": None, "Signature-Input": None, "Authorization": f"Bearer {alice.phone.state.access}"}
    assert_changes_nothing(alice.transport, given.with_headers(bare), 401, "signature_missing")
    foreign = draft((alice.phone.state.signer[0], bob.phone.state.signer[1]), "POST", "device/revoke/")
    assert_changes_nothing(bob.transport, foreign, 401, "signature_invalid")
    asked = request_of(alice.phone, "POST", "device/revoke/")
    assert_changes_nothing(alice.transport, asked, 401, "signature_wrong_purpose")
    accept(alice.get("users/me/"))


@pytest.mark.parametrize("body", [{"device_id": "x"}, {"a": 1}])
def test_it_takes_no_body(alice: Person, body: Any) -> None:
    before = rows()
    assert_refused(send(alice.transport, goodbye(alice.phone, body)), 400, "invalid_input")
    assert rows() == before


def test_device_that_was_never_activated_may_go_too(new_phone: MakePhone) -> None:
    phone, transport = new_phone()
    phone.register_device()
    assert send(transport, goodbye(phone)).status == 204
    assert_refused(send(transport, get_token(phone)), 403, "device_revoked")


def test_key_that_was_promised_dies_with_the_device(alice: Person) -> None:
    old = alice.phone.state
    promised = accept(alice.phone.request("POST", "device/rotate/", {}))
    given = draft(old.signer, "POST", "device/revoke/")
    assert send(alice.transport, given).status == 204
    alice.phone._store(old.rotated(promised))
    assert_refused(send(alice.transport, get_token(alice.phone)), 403, "device_revoked")
    assert Device.objects.get().generation == 1


def test_staff_revoke_with_a_reason(alice: Person) -> None:
    device_id = uuid.UUID(alice.phone.state.device_id)
    commit(onboarding.revoke_device, callers.command("lost on a train"), device_id=device_id)
    commit(onboarding.revoke_device, callers.command("twice"), device_id=device_id)
    assert Device.objects.get().revocation_reason == "lost on a train"
    assert AuditEntry.objects.filter(action="device.revoked").count() == 1
    with pytest.raises(NotThere):
        commit(onboarding.revoke_device, callers.command(), device_id=uuid.UUID(int=1))


def test_device_on_another_address_is_the_same_device(alice: Person) -> None:
    assert send(InProcess(address="2001:db8::1"), goodbye(alice.phone)).status == 204
