"""`POST device/register/`: every state that an installation can be in, and every answer that can be lost."""

import base64
import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings as configured
from handset_client import Answer, HmacKey, P256Key, Tag
from handset_client.keys import b64url, proof_message, unb64url
from handset_client.outcomes import accept
from pytest_django import Settings

from api.apis.onboarding import services as onboarding
from api.models import AppKey, AppKeyStatus, AuditEntry, Device, Platform, Session
from api.platform import callers, signing
from tests.apis.auth.wire import (
    NOW,
    Draft,
    MakePhone,
    assert_changes_nothing,
    assert_refused,
    commit,
    draft,
    lower_rates,
    rows,
    send,
    with_token,
)
from tests.conftest import AppKeyOnPhone, Person
from tests.phones import InProcess

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

Clock = time_machine.Traveller


class Installation:
    """What a phone makes before it calls for the first time, and the call."""

    def __init__(self, app_key: AppKeyOnPhone, *, hardware_key: bool = False, address: str = "192.0.2.1") -> None:
        self.signer = f"app:{app_key.row.key_id}", HmacKey(unb64url(app_key.secret))
        self.transport = InProcess(address=address)
        self.key = P256Key.generate() if hardware_key else None
        self.body: dict[str, Any] = {
            "install_id": str(uuid.uuid4()),
            "enrol_key": b64url(uuid.uuid4().bytes + uuid.uuid4().bytes),
            "platform": "ios",
        }

    def draft(self, **more: Any) -> Draft:
        body = self.body | self.proof_of(self.key) | more
        given = {name: value for name, value in body.items() if value is not ...}
        return draft(self.signer, "POST", "device/register/", given, tag=Tag.REGISTER)

    def proof_of(self, key: P256Key | None) -> dict[str, Any]:
        if key is None:
            return {}
        return {
            "public_key": key.public_jwk(),
            "key_proof": key.proof(self.body["install_id"], self.body["enrol_key"]),
        }

    def register(self, **more: Any) -> Answer:
        return send(self.transport, self.draft(**more))

    def signer_of(self, answer: Answer) -> tuple[str, Any]:
        key = self.key or HmacKey(unb64url(answer.json["secret"]))
        return answer.json["key_id"], key

    def get_token(self, answer: Answer) -> Answer:
        body = {"device_id": answer.json["device_id"]}
        return send(self.transport, draft(self.signer_of(answer), "POST", "auth/get-token/", body))


@pytest.fixture(params=[False, True], ids=["hmac", "p256"])
def installation(request: pytest.FixtureRequest, app_key: AppKeyOnPhone) -> Installation:
    return Installation(app_key, hardware_key=request.param)


@pytest.fixture
def plain(app_key: AppKeyOnPhone) -> Installation:
    """One without hardware for keys."""
    return Installation(app_key)


@pytest.fixture
def hardware(app_key: AppKeyOnPhone) -> Installation:
    return Installation(app_key, hardware_key=True)


# -- new


def test_new_installation_becomes_a_device(installation: Installation) -> None:
    answer = installation.register()
    assert (answer.status, answer.headers["cache-control"]) == (201, "no-store")
    device = Device.objects.get()
    secret = {} if installation.key else {"secret": answer.json["secret"]}
    assert answer.json == {
        "device_id": str(device.id),
        "key_id": f"dev:{device.id}:1",
        "alg": "ecdsa-p256-sha256" if installation.key else "hmac-sha256",
        **secret,
        "trust": "unattested",
        "server_time": NOW,
        "token_endpoint": "/api/v1/auth/get-token/",
    }
    assert device.id.version == 7
    assert str(device.install_id) == installation.body["install_id"]
    assert (device.platform, device.trust, device.activated_at) == ("ios", "unattested", None)
    assert not Session.objects.exists()
    entry = AuditEntry.objects.get(action="device.registered")
    assert entry.target_id == str(device.id)
    accept(installation.get_token(answer))


def test_secret_is_32_bytes_and_stored_nowhere(plain: Installation) -> None:
    secret = unb64url(accept(plain.register()).json["secret"])
    assert len(secret) == 32
    stored = repr(rows())
    for text in (
        secret.hex(),
        b64url(secret),
        repr(secret),
        plain.body["enrol_key"],
        repr(unb64url(plain.body["enrol_key"])),
    ):
        assert text not in stored


def test_hardware_key_has_no_secret(hardware: Installation) -> None:
    answer = accept(hardware.register())
    assert "secret" not in answer.json
    device = Device.objects.get()
    assert device.public_key == hardware.key.public_jwk()
    assert device.master_kid == ""


def test_what_the_phone_tells_of_itself_is_kept(plain: Installation) -> None:
    told = {
        "platform": "android",
        "app_version": "1.4.0",
        "build": 140,
        "os_version": "15",
        "model": "Pixel 10",
        "name": "Zoë’s phone 🍣",
        "locale": "de-CH",
        "timezone": "Europe/Zurich",
        "region": "CH",
    }
    accept(plain.register(**told))
    device = Device.objects.get()
    stored = {"timezone": device.time_zone} | {n: getattr(device, n) for n in told if n != "timezone"}
    assert stored == told


def test_two_installations_share_nothing(app_key: AppKeyOnPhone) -> None:
    first, second = (accept(Installation(app_key).register()).json for _ in range(2))
    assert first["device_id"] != second["device_id"]
    assert first["secret"] != second["secret"]


# -- the same again


def test_lost_answer_five_times_is_one_device_with_one_secret(installation: Installation, clock: Clock) -> None:
    first = accept(installation.register())
    for _ in range(5):
        clock.shift(3600)
        again = installation.register()
        assert again.status == 200
        assert again.json == first.json | {"server_time": again.json["server_time"]}
    assert Device.objects.count() == 1
    assert AuditEntry.objects.filter(action="device.registered").count() == 1
    accept(installation.get_token(first))


def test_other_words_about_itself_are_the_same_installation(plain: Installation) -> None:
    first = accept(plain.register(name="One"))
    again = plain.register(name="Two", app_version="9")
    assert (again.status, again.json["secret"]) == (200, first.json["secret"])


def test_known_from_before_activation_the_same_again(installation: Installation, clock: Clock) -> None:
    """Until its first token it may come back, for as long as the device is kept."""
    first = accept(installation.register())
    clock.shift(timedelta(hours=23))
    assert installation.register().json["device_id"] == first.json["device_id"]


def test_activated_a_moment_ago_the_answer_may_still_be_lost(installation: Installation, clock: Clock) -> None:
    first = accept(installation.register())
    accept(installation.get_token(first))
    clock.shift(15 * 60)
    again = installation.register()
    assert (again.status, again.json.get("secret")) == (200, first.json.get("secret"))
    clock.shift(1)
    assert_refused(installation.register(), 409, "device_already_active")


def test_quarter_of_an_hour_counts_from_creation(installation: Installation, clock: Clock) -> None:
    first = accept(installation.register())
    clock.shift(20 * 60)
    assert installation.register().status == 200
    accept(installation.get_token(first))
    before = rows()
    assert_refused(installation.register(), 409, "device_already_active")
    assert rows() == before


def use_token(installation: Installation, tokens: Answer) -> None:
    accept(with_token(installation.transport, "GET", "auth/check/", tokens.json["access"]))


def refresh_token(installation: Installation, tokens: Answer) -> None:
    key_id = Device.objects.get().key_id
    signer = key_id, installation.key or HmacKey(unb64url(accept(installation.register()).json["secret"]))
    body = {"refresh": tokens.json["refresh"]}
    accept(send(installation.transport, draft(signer, "POST", "auth/refresh-token/", body)))


@pytest.mark.parametrize("use", [use_token, refresh_token])
def test_used_tokens_have_arrived_and_so_has_the_key(
    installation: Installation, use: Callable[[Installation, Answer], None]
) -> None:
    tokens = accept(installation.get_token(accept(installation.register())))
    assert installation.register().status == 200
    use(installation, tokens)
    assert_refused(installation.register(), 409, "device_already_active")


def test_rotated_key_is_not_handed_out_by_registration(plain: Installation) -> None:
    answer = accept(plain.register())
    rotated = accept(send(plain.transport, draft(plain.signer_of(answer), "POST", "device/rotate/")))
    signer = rotated.json["key_id"], HmacKey(unb64url(rotated.json["secret"]))
    accept(send(plain.transport, draft(signer, "POST", "auth/get-token/", {"device_id": answer.json["device_id"]})))
    assert_refused(plain.register(), 409, "device_already_active")


# -- somebody else


@pytest.mark.parametrize("state", ["new", "activated", "revoked"])
def test_other_enrolment_key_is_told_nothing_else(installation: Installation, state: str) -> None:
    """Not even that the device is active, or revoked."""
    answer = accept(installation.register())
    if state != "new":
        accept(installation.get_token(answer))
    if state == "revoked":
        commit(onboarding.revoke_device, callers.command(), device_id=uuid.UUID(answer.json["device_id"]))
    installation.body["enrol_key"] = b64url(b"another enrolment key of 32 byte")
    before = rows()
    refused = installation.register()
    assert_refused(refused, 409, "install_conflict")
    assert set(refused.json) == {"type", "title", "status", "detail", "code", "instance", "request_id"}
    assert answer.json["device_id"] not in refused.body.decode()
    assert rows() == before


@pytest.mark.parametrize("is_activated", [False, True])
def test_revoked_device_is_told_so_only_if_the_enrolment_key_fits(
    installation: Installation, is_activated: bool
) -> None:
    answer = accept(installation.register())
    if is_activated:
        accept(installation.get_token(answer))
    commit(onboarding.revoke_device, callers.command(), device_id=uuid.UUID(answer.json["device_id"]))
    before = rows()
    assert_refused(installation.register(), 403, "device_revoked")
    assert rows() == before


def test_new_key_replaces_the_old_one_before_activation(hardware: Installation) -> None:
    """The app was reinstalled and kept its enrolment key, but hardware keys do not survive that."""
    first = accept(hardware.register())
    old, hardware.key = hardware.key, P256Key.generate()
    again = hardware.register()
    assert (again.status, again.json["device_id"]) == (200, first.json["device_id"])
    accept(hardware.get_token(again))
    body = {"device_id": first.json["device_id"]}
    given = draft((again.json["key_id"], old), "POST", "auth/get-token/", body)
    assert_changes_nothing(hardware.transport, given, 401, "signature_invalid")


def test_secret_and_hardware_key_replace_one_another_before_activation(plain: Installation) -> None:
    secret = accept(plain.register()).json["secret"]
    plain.key = P256Key.generate()
    assert "secret" not in accept(plain.register()).json
    accept_signed_by = draft(
        (f"dev:{Device.objects.get().id}:1", HmacKey(unb64url(secret))),
        "POST",
        "auth/get-token/",
        {"device_id": str(Device.objects.get().id)},
    )
    assert_changes_nothing(plain.transport, accept_signed_by, 401, "signature_invalid")
    plain.key = None
    assert accept(plain.register()).json["secret"] == secret


@pytest.mark.parametrize("wait_seconds", [0, 16 * 60])
def test_other_key_after_activation_is_refused(installation: Installation, clock: Clock, wait_seconds: int) -> None:
    """Within the quarter of an hour too: what was lost was an answer, not a key."""
    accept(installation.get_token(accept(installation.register())))
    clock.shift(wait_seconds)
    installation.key = P256Key.generate()
    before = rows()
    assert_refused(installation.register(), 409, "device_already_active")
    assert rows() == before


def test_phone_that_is_not_let_back_registers_anew(new_phone: MakePhone) -> None:
    phone, _ = new_phone()
    phone.request("GET", "auth/check/")
    first = phone.state
    phone._store(replace(first, device_id=None, key_id=None, secret=None, access=None, refresh=None))
    accept(phone.get_token())
    assert phone.state.device_id != first.device_id
    assert phone.state.install_id != first.install_id
    assert phone.state.enrol_key != first.enrol_key
    assert Device.objects.count() == 2


def test_phone_whose_answers_are_lost_has_one_device(new_phone: MakePhone) -> None:
    phone, transport = new_phone()
    transport.lose_next = 3
    phone.register_device()
    assert Device.objects.count() == 1
    assert len({headers["Signature"] for _, _, headers, _ in transport.sent}) == 4  # signed anew each time
    accept(phone.get_token())


def test_unknown_device_registers_again(new_phone: MakePhone) -> None:
    phone, _ = new_phone()
    phone.register_device()
    Device.objects.all().delete()
    accept(phone.get_token())
    assert Device.objects.get().id == uuid.UUID(phone.state.device_id)


# -- the key that a phone brings


def test_key_is_proved_for_this_installation_and_this_enrolment(hardware: Installation) -> None:
    key, other = hardware.key, P256Key.generate()
    install_id, enrol_key = hardware.body["install_id"], hardware.body["enrol_key"]
    proofs = {
        "none": ...,
        "null": None,
        "empty": "",
        "of another key": other.proof(install_id, enrol_key),
        "for another installation": key.proof(str(uuid.uuid4()), enrol_key),
        "for another enrolment": key.proof(install_id, b64url(bytes(32))),
        "over nothing": b64url(key.sign(b"")),
        "for a rotation of another purpose": b64url(key.sign(proof_message(install_id, enrol_key) + b"|2")),
        "all zero": b64url(bytes(64)),
        "63 bytes": b64url(bytes(63)),
        "65 bytes": b64url(bytes(65)),
        "padded": key.proof(install_id, enrol_key) + "==",
        "base64": base64.b64encode(unb64url(key.proof(install_id, enrol_key))).decode(),
        "a number": 1,
        "a list": [key.proof(install_id, enrol_key)],
    }
    before = rows()
    for name, proof in proofs.items():
        answer = hardware.register(key_proof=proof)
        assert_refused(answer, 400, "invalid_input")
        assert [error["field"] for error in answer.json["errors"]] == ["key_proof"], name
    assert rows() == before
    accept(hardware.register())


def test_proof_without_a_key_proves_nothing(plain: Installation) -> None:
    answer = plain.register(key_proof=b64url(bytes(64)))
    assert answer.status in {201, 400}
    if answer.status == 201:
        assert answer.json["alg"] == "hmac-sha256"


def bad_keys(jwk: dict[str, str]) -> list[Any]:
    prime = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
    return [
        None,
        [],
        "x",
        {},
        {**jwk, "kty": "oct"},
        {**jwk, "kty": "RSA"},
        {**jwk, "crv": "P-384"},
        {**jwk, "crv": "secp256k1"},
        {**jwk, "x": b64url(bytes(32)), "y": b64url(bytes(32))},
        {**jwk, "x": jwk["y"], "y": jwk["x"]},
        {**jwk, "x": b64url(prime.to_bytes(32))},
        {**jwk, "y": b64url(b"\xff" * 32)},
        {**jwk, "x": b64url(bytes(31))},
        {**jwk, "x": b64url(bytes(33))},
        {**jwk, "x": jwk["x"] + "="},
        {**jwk, "x": "+" + jwk["x"][1:]},
        {**jwk, "x": 1},
        {**jwk, "x": None},
        {**jwk, "x": ["x"]},
        {name: value for name, value in jwk.items() if name != "y"},
        {**jwk, "d": jwk["x"]},
        {**jwk, "kid": "x"},
        {**jwk, "alg": "ES256"},
        {**jwk, "use": "sig"},
    ]


def test_only_a_point_on_the_curve_is_a_key(hardware: Installation, subtests: pytest.Subtests) -> None:
    before = rows()
    for jwk in bad_keys(hardware.key.public_jwk()):
        with subtests.test(jwk=jwk):
            answer = hardware.register(public_key=jwk)
            assert_refused(answer, 400, "invalid_input")
            assert {error["field"].split(".")[0] for error in answer.json["errors"]} <= {"public_key", "key_proof"}
    assert rows() == before


# -- app keys


def test_blocked_build_is_sent_to_the_store(installation: Installation, app_key: AppKeyOnPhone) -> None:
    AppKey.objects.update(store_url="https://store.example/app")
    onboarding.set_app_key_status(callers.command(), key_id=app_key.row.key_id, status=AppKeyStatus.BLOCKED)
    before = rows()
    answer = installation.register()
    assert_refused(answer, 403, "app_build_blocked")
    assert answer.json["store_url"] == "https://store.example/app"
    assert rows() == before


def test_blocking_stops_registrations_only(new_phone: MakePhone, app_key: AppKeyOnPhone) -> None:
    phone, _ = new_phone()
    accept(phone.get_token())
    onboarding.set_app_key_status(callers.command(), key_id=app_key.row.key_id, status=AppKeyStatus.BLOCKED)
    accept(phone.refresh())
    accept(phone.request("GET", "auth/check/"))


def test_deprecated_key_still_registers(installation: Installation, app_key: AppKeyOnPhone) -> None:
    onboarding.set_app_key_status(callers.command(), key_id=app_key.row.key_id, status=AppKeyStatus.DEPRECATED)
    accept(installation.register())


@pytest.mark.parametrize(("build", "is_let_in"), [(99, False), (100, True), (200, True), (201, False), (..., False)])
def test_build_lies_within_the_range_of_its_key(plain: Installation, build: Any, is_let_in: bool) -> None:
    AppKey.objects.update(minimum_build=100, maximum_build=200)
    answer = plain.register(build=build)
    if is_let_in:
        accept(answer)
    else:
        assert_refused(answer, 403, "app_build_blocked")
        assert not Device.objects.exists()


@pytest.mark.parametrize("bound", ["minimum_build", "maximum_build"])
def test_one_bound_is_a_range_too(plain: Installation, bound: str) -> None:
    AppKey.objects.update(**{bound: 100})
    assert_refused(plain.register(build=...), 403, "app_build_blocked")
    accept(plain.register(build=100))


@pytest.mark.parametrize(
    ("key", "device", "is_let_in"),
    [("ios", "ios", True), ("ios", "android", False), ("web", "other", False), ("other", "android", True)],
)
def test_an_app_key_registers_devices_of_its_platform(
    plain: Installation, key: str, device: str, is_let_in: bool
) -> None:
    AppKey.objects.update(platform=key)
    answer = plain.register(platform=device)
    if is_let_in:
        assert accept(answer).status == 201
    else:
        assert_refused(answer, 400, "invalid_input")
        assert [error["field"] for error in answer.json["errors"]] == ["platform"]
        assert not Device.objects.exists()


def test_each_app_key_has_a_quota(plain: Installation, app_key: AppKeyOnPhone) -> None:
    AppKey.objects.update(registrations_per_minute=2)
    answers = [Installation(app_key, address=f"198.51.100.{number}").register() for number in range(3)]
    assert [answer.status for answer in answers] == [201, 201, 429]
    assert int(answers[2].headers["retry-after"]) >= 1
    assert Device.objects.count() == 2
    other = AppKeyOnPhone(*another_app_key())
    accept(Installation(other).register())


def another_app_key() -> tuple[AppKey, str]:
    row, secret = onboarding.create_app_key(callers.command(), key_id="another-1", platform=Platform.OTHER)
    return row, b64url(secret)


def test_app_key_proves_itself(plain: Installation, app_key: AppKeyOnPhone) -> None:
    keyid, key = plain.signer
    body = plain.body
    signers = {
        "signature_invalid": [(keyid, HmacKey(bytes(32))), ("app:nobody", key), (keyid, P256Key.generate())],
        "signature_wrong_purpose": [("app:Upper", key), (f"dev:{uuid.uuid4()}:1", key), ("app:-x", key)],
        "signature_malformed": [("app:", key), ("app:a b", key), (f"app:{'a' * 200}", key), ("app:'--", key)],
    }
    for code, some in signers.items():
        for signer in some:
            given = draft(signer, "POST", "device/register/", body, tag=Tag.REGISTER)
            answer = assert_changes_nothing(plain.transport, given, 401, code)
            assert f'tag="{Tag.REGISTER}"' in answer.headers["accept-signature"]
    for tag in (Tag.TOKEN, Tag.REQUEST):
        given = draft(plain.signer, "POST", "device/register/", body, tag=tag)
        assert_changes_nothing(plain.transport, given, 401, "signature_wrong_purpose")


def test_app_key_of_one_build_does_not_sign_for_another(plain: Installation) -> None:
    row, secret = another_app_key()
    given = draft(
        (plain.signer[0], HmacKey(unb64url(secret))), "POST", "device/register/", plain.body, tag=Tag.REGISTER
    )
    assert_changes_nothing(plain.transport, given, 401, "signature_invalid")
    given = draft((f"app:{row.key_id}", plain.signer[1]), "POST", "device/register/", plain.body, tag=Tag.REGISTER)
    assert_changes_nothing(plain.transport, given, 401, "signature_invalid")


def test_registration_is_signed_and_counts_once(installation: Installation) -> None:
    given = installation.draft()
    bare = given.with_headers({"Signature": None, "Signature-Input": None, "Content-Digest": None})
    assert_changes_nothing(installation.transport, bare, 401, "signature_missing")
    assert send(installation.transport, given).status == 201
    assert_changes_nothing(installation.transport, given, 401, "nonce_replayed")
    changed = installation.draft()
    changed = replace(changed, body=changed.body.replace(b'"ios"', b'"web"'))
    before = rows()
    assert_refused(send(installation.transport, changed), 400, "digest_mismatch")
    assert rows() == before


def test_token_means_nothing_here(plain: Installation, alice: Person) -> None:
    given = plain.draft().with_headers({"Authorization": f"Bearer {alice.phone.state.access}"})
    assert send(plain.transport, given).status == 201
    accept(send(plain.transport, plain.draft().with_headers({"Authorization": "Bearer a.b.c"})))


# -- what nobody may set, and what nothing fits


SERVER_OWNED = [
    "trust", "user", "user_id", "id", "device_id", "key_id", "secret", "alg", "algorithm", "generation", "master_kid", "app_key",
    "enrol_digest", "activated_at", "last_seen_at", "last_address", "revoked_at", "rekey_requested_at", "next_public_key",
    "created_at", "live_session", "time_zone", "is_staff", "organization", "attestation_level", "", "__class__",
]  # fmt: skip


def test_server_owned_members_are_refused(plain: Installation, subtests: pytest.Subtests) -> None:
    before = rows()
    for name in SERVER_OWNED:
        with subtests.test(name=name):
            answer = plain.register(**{name: "strong"})
            assert_refused(answer, 400, "invalid_input")
            assert [(error["field"], error["code"]) for error in answer.json["errors"]] == [(name, "unknown_field")]
    assert rows() == before


BAD: list[tuple[str, Any]] = [
    *(("install_id", bad) for bad in (..., None, "", "x", 1, [], {}, uuid.uuid4().hex, f"{{{uuid.uuid4()}}}", f"urn:uuid:{uuid.uuid4()}")),
    *(("enrol_key", bad) for bad in (..., None, "", 1, [], b64url(bytes(31)), b64url(bytes(33)), b64url(bytes(32)) + "=", "+" * 43, "A" * 42 + "B", "é" * 43)),
    *(("platform", bad) for bad in (..., None, "", "IOS", "windows", 1, [], {})),
    *(("build", bad) for bad in (None, "1", -1, 1.5, True, 2**31, 10**30, [])),
    *(("app_version", bad) for bad in (None, 1, "x" * 33, "a\nb", "a\0b", [])),
    *(("os_version", bad) for bad in (None, "x" * 51, {})),
    *(("model", bad) for bad in (None, "x" * 101, "a\x7fb")),
    *(("name", bad) for bad in (None, "x" * 101, "a\x1bb", "x" * 500_000)),
    *(("locale", bad) for bad in (None, "english language", "x" * 36, "de_CH_")),
    *(("timezone", bad) for bad in (None, "Mars/Olympus", "../zone", 1)),
    *(("region", bad) for bad in (None, "x" * 9, 1)),
]  # fmt: skip


def test_other_values_are_refused_and_not_repeated(plain: Installation, subtests: pytest.Subtests) -> None:
    before = rows()
    for name, bad in BAD:
        with subtests.test(name=name, bad=repr(bad)[:40]):
            answer = plain.register(**{name: bad})
            assert_refused(answer, 400, "invalid_input")
            assert [error["field"] for error in answer.json["errors"]] == [name]
            if isinstance(bad, str) and len(bad) > 8:
                assert bad[:30] not in answer.body.decode()
    assert rows() == before


def test_blank_is_nothing_told(plain: Installation) -> None:
    blank = dict.fromkeys(("app_version", "os_version", "model", "name", "locale", "timezone", "region"), "")
    accept(plain.register(**blank))


def test_body_is_an_object_of_a_size(plain: Installation) -> None:
    def signed(content: bytes, content_type: str = "application/json") -> Draft:
        return draft(plain.signer, "POST", "device/register/", content, tag=Tag.REGISTER, content_type=content_type)

    before = rows()
    for content in (b"[]", b"null", b"1", b'"x"'):
        assert_refused(send(plain.transport, signed(content)), 400, "invalid_input")
    for content in (
        b"{",
        b"\xff",
        b" ",
        json.dumps(plain.body).encode("utf-16"),
        b"[" * 100_000,
        b'{"a":NaN}',
        b'{"a":1,"a":2}',
    ):
        assert_refused(send(plain.transport, signed(content)), 400, "malformed_body")
    assert_refused(send(plain.transport, signed(b"{" + b" " * 1024 * 1024)), 413, "payload_too_large")
    assert_refused(
        send(plain.transport, signed(b"a=b", "application/x-www-form-urlencoded")), 415, "unsupported_media_type"
    )
    empty = draft(plain.signer, "POST", "device/register/", tag=Tag.REGISTER)
    assert_refused(send(plain.transport, empty), 400, "invalid_input")
    assert rows() == before


# -- how often


def test_thousand_from_one_subscriber_are_stopped(app_key: AppKeyOnPhone, settings: Settings) -> None:
    """At three, so that the test is quick; which addresses are one subscriber's is what counts."""
    lower_rates(settings, auth_address=3)
    answers = [Installation(app_key, address=f"2001:db8:0:1::{number:x}").register() for number in range(1, 5)]
    assert [answer.status for answer in answers] == [201, 201, 201, 429]
    assert Device.objects.count() == 3
    accept(Installation(app_key, address="2001:db8:0:2::1").register())
    accept(Installation(app_key, address="192.0.2.9").register())


def test_default_rate_is_600_a_minute() -> None:
    assert configured.RATES["auth_address"].period_seconds == 60
    assert AppKey._meta.get_field("registrations_per_minute").default == 600


# -- devices that never came back


def test_never_activated_device_is_forgotten_after_a_day(
    installation: Installation, app_key: AppKeyOnPhone, clock: Clock
) -> None:
    active = Installation(app_key)
    accept(active.get_token(accept(active.register())))
    first = accept(installation.register())
    clock.shift(timedelta(hours=24))
    assert onboarding.forget_never_activated() == 0
    clock.shift(1)
    assert onboarding.forget_never_activated() == 1
    assert Device.objects.count() == 1
    # Its phone, if it ever comes back, is told so and begins anew.
    again = installation.register()
    assert again.status == 201
    assert again.json["device_id"] != first.json["device_id"]


def test_registration_of_the_kit_is_the_registration_of_the_vectors(plain: Installation) -> None:
    """The message of a key's proof is the same text on both sides."""
    install_id, enrol_key = plain.body["install_id"], plain.body["enrol_key"]
    digest = hashlib.sha256(unb64url(enrol_key)).digest()
    assert signing.key_proof_message(install_id, digest) == proof_message(install_id, enrol_key)
