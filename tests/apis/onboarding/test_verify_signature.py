"""`POST device/verify-signature/`: what the server saw and signed over, for the author of a client."""

from dataclasses import replace

import pytest
from handset_client import Answer, HmacKey, Tag, sign
from handset_client.keys import unb64url
from handset_client.outcomes import accept
from pytest_django import Settings

from tests.apis.auth.raw import over_a_socket, spelled
from tests.apis.auth.wire import (
    BASE_URL,
    NOW,
    Draft,
    MakePhone,
    assert_changes_nothing,
    assert_refused,
    draft,
    remembered_nonces,
    rows,
    send,
)
from tests.conftest import AppKeyOnPhone
from tests.phones import InProcess, Phone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

PhoneOnWire = tuple[Phone, InProcess]
PATH = "device/verify-signature/"


@pytest.fixture(params=[False, True], ids=["hmac", "p256"])
def device(request: pytest.FixtureRequest, new_phone: MakePhone) -> PhoneOnWire:
    phone, transport = new_phone(hardware_key=request.param)
    phone.register_device()
    return phone, transport


def asked(device: PhoneOnWire, given: Draft) -> Answer:
    return accept(send(device[1], given))


def test_base_is_the_one_that_the_client_signed(device: PhoneOnWire) -> None:
    keyid, key = device[0].state.signer
    url, body = f"{BASE_URL}/api/v1/{PATH}", b'{"any": "thing"}'
    signed = {"key": key, "keyid": keyid, "tag": Tag.TOKEN, "created": NOW, "nonce": "n" * 22}
    signature = sign("POST", url, body, content_type="application/json", **signed)
    answer = asked(device, Draft("POST", url, {**signature.headers, "Content-Type": "application/json"}, body))
    assert answer.json == {"signature_base": signature.base, "holds": True}


def test_it_says_what_does_not_hold(device: PhoneOnWire, app_key: AppKeyOnPhone) -> None:
    keyid, key = device[0].state.signer
    given = draft((keyid, key), "POST", PATH)
    assert asked(device, given).json["holds"] is True
    bad = [
        given.with_value(bytes(len(given.value))),
        draft((keyid, HmacKey(bytes(32))), "POST", PATH),
        draft((keyid.replace(":1", ":2"), key), "POST", PATH),
        draft(("dev:0199d2c4-7b1e-7c3a-9f10-5a6b7c8d9e0f:1", key), "POST", PATH),
        draft((f"app:{app_key.row.key_id}", key), "POST", PATH),
    ]
    for changed in bad:
        answer = asked(device, changed)
        assert answer.json["holds"] is False
        assert answer.json["signature_base"].encode() == changed.base(changed.params)


def test_nothing_is_proved_and_nothing_is_used_up(device: PhoneOnWire) -> None:
    given = draft(device[0].state.signer, "POST", PATH, nonce="n" * 22)
    before = rows(), remembered_nonces()
    for _ in range(3):
        assert asked(device, given).json["holds"] is True
    assert (rows(), remembered_nonces()) == before
    for header in ("Bearer a.b.c", "Basic x"):
        asked(device, given.with_headers({"Authorization": header}))


def test_form_is_a_condition(device: PhoneOnWire) -> None:
    given = draft(device[0].state.signer, "POST", PATH)
    assert_changes_nothing(device[1], given.with_headers({"Signature": None}), 401, "signature_missing")
    assert_changes_nothing(device[1], given.edited("Signature", "sig", "s"), 401, "signature_malformed")
    assert_changes_nothing(
        device[1], given.edited("Signature-Input", '"@query" ', ""), 401, "signature_insufficient_coverage"
    )
    short = given.edited("Signature-Input", Tag.TOKEN, Tag.REQUEST)
    assert_changes_nothing(device[1], short, 401, "signature_insufficient_coverage")


def test_each_purpose_is_shown(device: PhoneOnWire, app_key: AppKeyOnPhone) -> None:
    """A client is written in this order: what the app key signs, what the device signs, what covers a token."""
    by_app = f"app:{app_key.row.key_id}", HmacKey(unb64url(app_key.secret))
    by_device = device[0].state.signer
    for tag, signer, stranger in (
        (Tag.REGISTER, by_app, by_device),
        (Tag.TOKEN, by_device, by_app),
        (Tag.REQUEST, by_device, by_app),
    ):
        token = "a.b.c" if tag is Tag.REQUEST else ""
        given = draft(signer, "POST", PATH, {"any": "thing"}, tag=tag, token=token)
        answer = asked(device, given)
        assert answer.json == {"signature_base": given.base(given.params).decode(), "holds": True}
        assert asked(device, draft(stranger, "POST", PATH, tag=tag, token=token)).json["holds"] is False


def test_bytes_beyond_ascii_are_no_failure(device: PhoneOnWire) -> None:
    given = draft(device[0].state.signer, "POST", PATH, {"a": 1})
    raw = spelled(given).replace(b"\r\nContent-Type: application/json", b"\r\nContent-Type: application/json;\xe9")
    answer = over_a_socket(raw)
    assert answer.status < 500
    assert answer.code or answer.json["holds"] is False


def test_production_does_not_know_it(device: PhoneOnWire, settings: Settings) -> None:
    settings.ENVIRONMENT = "production"
    given = draft(device[0].state.signer, "POST", PATH)
    assert_refused(send(device[1], given), 404, "not_found")
    assert_refused(send(device[1], replace(given, headers={})), 404, "not_found")
    settings.ENVIRONMENT = "staging"
    assert asked(device, given).json["holds"] is True
