"""`POST device/rotate/`: the next key. The present one lives until the next is first used."""

import json
import secrets
from typing import Any

import pytest
from handset_client import Answer, HmacKey, P256Key
from handset_client.keys import b64url, unb64url
from handset_client.outcomes import accept

from api.apis.onboarding import services as onboarding
from api.models import AuditEntry, Device
from api.platform import callers
from tests.apis.auth.wire import (
    MakePhone,
    Signer,
    assert_changes_nothing,
    assert_refused,
    commit,
    draft,
    get_token,
    lower_rates,
    request_of,
    rows,
    send,
)
from tests.phones import InProcess, Phone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

PhoneOnWire = tuple[Phone, InProcess]


@pytest.fixture
def plain(new_phone: MakePhone) -> PhoneOnWire:
    return with_tokens(new_phone())


@pytest.fixture
def hardware(new_phone: MakePhone) -> PhoneOnWire:
    return with_tokens(new_phone(hardware_key=True))


def with_tokens(made: PhoneOnWire) -> PhoneOnWire:
    accept(made[0].request("GET", "auth/check/"))
    return made


def rotate(device: PhoneOnWire, body: Any = None, *, signer: Signer | None = None) -> Answer:
    phone, transport = device
    return send(transport, draft(signer or phone.state.signer, "POST", "device/rotate/", body))


def proof_of(phone: Phone, key: P256Key) -> dict[str, Any]:
    return {"public_key": key.public_jwk(), "key_proof": key.proof(phone.state.install_id, phone.state.enrol_key)}


def signer_of(answer: Answer) -> Signer:
    return answer.json["key_id"], HmacKey(unb64url(answer.json["secret"]))


def is_let_in(device: PhoneOnWire, signer: Signer) -> str:
    phone, transport = device
    given = draft(signer, "POST", "auth/get-token/", {"device_id": phone.state.device_id})
    return send(transport, given).code


def test_next_secret_is_another(plain: PhoneOnWire) -> None:
    phone, _ = plain
    answer = rotate(plain)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json["key_id"] == f"dev:{phone.state.device_id}:2"
    assert answer.json["alg"] == "hmac-sha256"
    assert answer.json["device_id"] == phone.state.device_id
    assert answer.json["secret"] != phone.state.secret
    assert len(unb64url(answer.json["secret"])) == 32
    entry = AuditEntry.objects.get(action="device.key_rotated")
    assert entry.changes == {"generation": [1, 2]}


def test_both_keys_are_good_until_the_next_is_used(plain: PhoneOnWire) -> None:
    phone, _ = plain
    old, new = phone.state.signer, signer_of(accept(rotate(plain)))
    assert is_let_in(plain, old) == is_let_in(plain, old) == ""
    assert is_let_in(plain, new) == ""
    assert is_let_in(plain, old) == "key_superseded"
    assert is_let_in(plain, new) == ""
    assert Device.objects.get().generation == 2


def test_any_signed_call_is_a_first_use(plain: PhoneOnWire) -> None:
    phone, transport = plain
    old, new = phone.state.signer, signer_of(accept(rotate(plain)))
    phone._store(phone.state.rotated(rotate(plain, signer=old)))
    assert send(transport, request_of(phone, "GET", "auth/check/")).status == 200
    assert phone.state.signer == new
    assert is_let_in(plain, old) == "key_superseded"


def test_use_that_is_refused_is_no_use(plain: PhoneOnWire) -> None:
    """A signature that does not hold, is too old, or is for other bytes changes nothing."""
    phone, transport = plain
    old, new = phone.state.signer, signer_of(accept(rotate(plain)))
    body = {"device_id": phone.state.device_id}
    given = draft(new, "POST", "auth/get-token/", body)
    assert_changes_nothing(transport, given.with_value(bytes(32)), 401, "signature_invalid")
    stale = draft(new, "POST", "auth/get-token/", body, created=1)
    assert_changes_nothing(transport, stale, 401, "clock_skew")
    before = rows()
    other = draft(new, "POST", "auth/get-token/", body)
    assert_refused(
        send(transport, other.__class__(other.method, other.url, other.headers, b"{}")), 400, "digest_mismatch"
    )
    assert rows() == before
    assert is_let_in(plain, old) == ""


def test_repeat_is_the_same_answer(plain: PhoneOnWire) -> None:
    first = accept(rotate(plain))
    for _ in range(5):
        assert accept(rotate(plain)).json == first.json
    assert AuditEntry.objects.filter(action="device.key_rotated").count() == 1


def test_only_the_same_attempt_gets_the_same_answer(plain: PhoneOnWire) -> None:
    """Of two who hold the key, the first keeps the device; the other is told that it has lost it, not the secret."""
    attempt = {"attempt": secrets.token_urlsafe(16)}
    first = accept(rotate(plain, attempt))
    assert accept(rotate(plain, attempt)).json == first.json
    for other in ({"attempt": secrets.token_urlsafe(16)}, {}):
        assert_refused(rotate(plain, other), 401, "key_superseded")
    assert is_let_in(plain, signer_of(first)) == ""
    assert Device.objects.get().next_attempt_digest is None


def test_attempt_after_a_rotation_without_one_is_somebody_elses(plain: PhoneOnWire) -> None:
    first = accept(rotate(plain))
    assert_refused(rotate(plain, {"attempt": secrets.token_urlsafe(16)}), 401, "key_superseded")
    assert accept(rotate(plain)).json == first.json


def test_phone_that_loses_answers_ends_with_one_key(plain: PhoneOnWire) -> None:
    phone, transport = plain
    transport.lose_next = 3
    phone.rotate_key()
    accept(phone.get_token())
    assert phone.state.key_id == f"dev:{phone.state.device_id}:2"
    assert Device.objects.get().generation == 2


def test_key_after_key(plain: PhoneOnWire) -> None:
    phone, _ = plain
    secrets = {phone.state.secret}
    for generation in range(2, 6):
        phone.rotate_key()
        accept(phone.get_token())
        assert phone.state.key_id == f"dev:{phone.state.device_id}:{generation}"
        secrets.add(phone.state.secret)
    assert len(secrets) == 5


def test_rotating_by_the_next_key_uses_it(plain: PhoneOnWire) -> None:
    old = plain[0].state.signer
    second = signer_of(accept(rotate(plain)))
    third = accept(rotate(plain, signer=second))
    assert third.json["key_id"].endswith(":3")
    assert is_let_in(plain, old) == "key_superseded"
    assert is_let_in(plain, second) == ""


def test_promised_key_cannot_be_guessed_from_the_one_before(plain: PhoneOnWire) -> None:
    phone, transport = plain
    keyid, key = phone.state.signer
    accept(rotate(plain))
    body = {"device_id": phone.state.device_id}
    given = draft((keyid.replace(":1", ":2"), key), "POST", "auth/get-token/", body)
    assert_changes_nothing(transport, given, 401, "signature_invalid")


def test_unpromised_generation_has_no_key(plain: PhoneOnWire) -> None:
    """Its secret could be derived; nobody was given it."""
    phone, transport = plain
    keyid, key = phone.state.signer
    given = draft((keyid.replace(":1", ":2"), key), "POST", "auth/get-token/", {"device_id": phone.state.device_id})
    assert_changes_nothing(transport, given, 401, "signature_invalid")


def test_sessions_go_on(plain: PhoneOnWire) -> None:
    phone, _ = plain
    before = phone.state.session_id
    phone.rotate_key()
    accept(phone.request("GET", "auth/check/"))
    assert accept(phone.refresh()).json["session_id"] == before


# -- hardware keys


def test_hardware_key_is_followed_by_the_one_that_is_brought(hardware: PhoneOnWire) -> None:
    phone, _ = hardware
    old, key = phone.state.signer, P256Key.generate()
    answer = accept(rotate(hardware, proof_of(phone, key)))
    assert "secret" not in answer.json
    assert (answer.json["alg"], answer.json["key_id"]) == ("ecdsa-p256-sha256", f"dev:{phone.state.device_id}:2")
    assert is_let_in(hardware, old) == ""
    assert is_let_in(hardware, (answer.json["key_id"], key)) == ""
    assert is_let_in(hardware, old) == "key_superseded"
    assert Device.objects.get().public_key == key.public_jwk()


def test_repeat_with_the_same_new_key_is_the_same_answer(hardware: PhoneOnWire) -> None:
    body = proof_of(hardware[0], P256Key.generate())
    first = accept(rotate(hardware, body))
    for _ in range(3):
        assert accept(rotate(hardware, body)).json == first.json
    assert AuditEntry.objects.filter(action="device.key_rotated").count() == 1


def test_the_first_to_bring_a_key_keeps_the_device(hardware: PhoneOnWire) -> None:
    phone, _ = hardware
    first, second = P256Key.generate(), P256Key.generate()
    answer = accept(rotate(hardware, proof_of(phone, first)))
    assert_refused(rotate(hardware, proof_of(phone, second)), 401, "key_superseded")
    assert is_let_in(hardware, (answer.json["key_id"], second)) == "signature_invalid"
    assert is_let_in(hardware, (answer.json["key_id"], first)) == ""


def test_phone_with_hardware_rotates_by_itself(hardware: PhoneOnWire) -> None:
    phone, transport = hardware
    before = phone.state.private_key
    transport.lose_next = 2
    phone.rotate_key()
    accept(phone.get_token())
    assert phone.state.private_key != before
    assert phone.state.key_id == f"dev:{phone.state.device_id}:2"


def test_hardware_device_brings_a_key(hardware: PhoneOnWire) -> None:
    before = rows()
    for body in (None, {}):
        answer = rotate(hardware, body)
        assert_refused(answer, 400, "invalid_input")
        assert [(error["field"], error["code"]) for error in answer.json["errors"]] == [("public_key", "required")]
    assert rows() == before


def test_key_is_proved(hardware: PhoneOnWire) -> None:
    phone, _ = hardware
    key, other = P256Key.generate(), P256Key.generate()
    good = proof_of(phone, key)
    before = rows()
    for body in (
        {"public_key": good["public_key"]},
        {**good, "key_proof": proof_of(phone, other)["key_proof"]},
        {**good, "public_key": other.public_jwk()},
        {**good, "key_proof": key.proof(phone.state.install_id, b64url(bytes(32)))},
        {**good, "key_proof": b64url(bytes(64))},
        {**good, "public_key": {**good["public_key"], "x": good["public_key"]["y"]}},
        {**good, "public_key": None},
    ):
        assert_refused(rotate(hardware, body), 400, "invalid_input")
    assert rows() == before


def test_secret_may_be_followed_by_a_hardware_key(plain: PhoneOnWire) -> None:
    """An app that learns to use the hardware need not become another device."""
    phone, _ = plain
    old, key = phone.state.signer, P256Key.generate()
    answer = accept(rotate(plain, proof_of(phone, key)))
    assert is_let_in(plain, (answer.json["key_id"], key)) == ""
    assert is_let_in(plain, old) == "key_superseded"
    device = Device.objects.get()
    assert (device.algorithm, device.master_kid) == ("ecdsa-p256-sha256", "")


# -- who may


@pytest.mark.parametrize(
    "body", [{"generation": 7}, {"secret": "x"}, {"device_id": "x"}, [], [{}], None, 1, "x", False]
)
def test_other_bodies_are_refused(plain: PhoneOnWire, body: Any) -> None:
    phone, transport = plain
    before = rows()
    given = draft(phone.state.signer, "POST", "device/rotate/", json.dumps(body).encode())
    assert_refused(send(transport, given), 400, "invalid_input")
    assert rows() == before


def test_it_is_signed(plain: PhoneOnWire) -> None:
    phone, transport = plain
    given = draft(phone.state.signer, "POST", "device/rotate/")
    bare = {"Signature": None, "Signature-Input": None, "Authorization": f"Bearer {phone.state.access}"}
    assert_changes_nothing(transport, given.with_headers(bare), 401, "signature_missing")
    assert_changes_nothing(transport, given.with_value(bytes(32)), 401, "signature_invalid")
    asked = request_of(phone, "POST", "device/rotate/")
    assert_changes_nothing(transport, asked, 401, "signature_wrong_purpose")


def test_revoked_device_gets_none(plain: PhoneOnWire) -> None:
    commit(onboarding.revoke_device, callers.command(), device_id=Device.objects.get().id)
    before = rows()
    assert_refused(rotate(plain), 403, "device_revoked")
    assert rows() == before


def test_it_has_a_rate(plain: PhoneOnWire, settings: Any) -> None:
    lower_rates(settings, auth_token=2)
    assert [rotate(plain).status for _ in range(3)] == [200, 200, 429]


def test_asking_for_tokens_says_no_more_once_it_is_done(plain: PhoneOnWire) -> None:
    phone, transport = plain
    Device.objects.update(rekey_requested_at="2026-11-21T00:00:00Z")
    assert accept(send(transport, get_token(phone))).json["rekey"] is True
    new = signer_of(accept(rotate(plain)))
    assert accept(send(transport, get_token(phone))).json["rekey"] is True  # promised is not used
    given = draft(new, "POST", "auth/get-token/", {"device_id": phone.state.device_id})
    assert accept(send(transport, given)).json["rekey"] is False
