"""Proofs that fail are counted per address before anything else is; what happens to honest phones is not."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import time_machine
from pytest_django import Settings

from api.models import Device
from tests.apis.auth.stores import begin_epoch
from tests.apis.auth.wire import (
    NOW,
    Draft,
    MakePhone,
    assert_refused,
    draft,
    get_token,
    lower_rates,
    request_of,
    send,
    with_token,
)
from tests.conftest import Person
from tests.phones import BASE_URL, InProcess, Phone

pytestmark = pytest.mark.django_db

PhoneOnWire = tuple[Phone, InProcess]
Clock = time_machine.Traveller
BUDGET = 3


@pytest.fixture
def device(clock: Clock, new_phone: MakePhone) -> PhoneOnWire:
    phone, transport = new_phone()
    phone.get_token()
    return phone, transport


@pytest.fixture
def budget(clock: Clock, device: PhoneOnWire, alice: Person, settings: Settings) -> None:
    """Three failures a minute and address, from now on."""
    lower_rates(settings, auth_address=BUDGET)


def unknown_device(phone: Phone) -> Draft:
    signer = "dev:0199d2c4-7b1e-7c3a-9f10-5a6b7c8d9e0f:1", phone.state.signer[1]
    return draft(signer, "POST", "auth/get-token/", {"device_id": phone.state.device_id})


def older_generation(phone: Phone) -> Draft:
    Device.objects.filter(id=phone.state.device_id).update(generation=2)
    return get_token(phone)


def with_foreign_token(phone: Phone) -> Draft:
    return request_of(phone, "GET", "auth/check/", token="a.b.c")


COUNTED: dict[str, Callable[[Phone], Draft]] = {
    "signature_malformed": lambda phone: get_token(phone).edited("Signature", "sig", "sug"),
    "signature_insufficient_coverage": lambda phone: get_token(phone).edited("Signature-Input", '"@query" ', ""),
    "signature_wrong_purpose": lambda phone: draft(phone.state.signer, "GET", "auth/check/"),
    "signature_target_not_canonical": lambda phone: replace(
        get_token(phone), environ={"RAW_URI": "/api/v1/auth/get%2Dtoken/"}
    ),
    "signature_invalid": lambda phone: get_token(phone).with_value(bytes(32)),
    "device_unknown": unknown_device,
    "key_superseded": older_generation,
    "token_invalid": with_foreign_token,
}


@pytest.mark.usefixtures("budget")
@pytest.mark.parametrize(("code", "make"), COUNTED.items(), ids=COUNTED)
def test_failed_proof_is_counted(device: PhoneOnWire, code: str, make: Callable[[Phone], Draft]) -> None:
    phone, transport = device
    for _ in range(BUDGET):
        assert_refused(send(transport, make(phone)), 401, code)
    answer = send(transport, make(phone))
    assert_refused(answer, 429, "throttled")
    assert 1 <= int(answer.headers["retry-after"]) <= 60


@pytest.mark.usefixtures("budget")
def test_token_of_another_device_is_a_failed_proof(device: PhoneOnWire, alice: Person) -> None:
    phone, transport = device
    for _ in range(BUDGET):
        answer = send(transport, request_of(phone, "GET", "auth/check/", token=alice.phone.state.access))
        assert_refused(answer, 401, "token_invalid")
    assert_refused(send(transport, get_token(phone).with_value(bytes(32))), 429, "throttled")


def replayed(phone: Phone) -> Draft:
    return get_token(phone, nonce="n" * 22)


UNCOUNTED: dict[str, tuple[int, Callable[[Phone], Draft]]] = {
    "clock_skew": (401, lambda phone: get_token(phone, created=NOW - 301)),
    "nonce_replayed": (401, replayed),
    "signature_missing": (401, lambda phone: get_token(phone).with_headers({"Signature": None})),
    "digest_mismatch": (400, lambda phone: replace(get_token(phone), body=b"{}")),
    "token_missing": (401, lambda _: Draft("GET", f"{BASE_URL}/api/v1/auth/check/", {})),
}


@pytest.mark.usefixtures("budget")
@pytest.mark.parametrize(("code", "status", "make"), [(code, *case) for code, case in UNCOUNTED.items()], ids=UNCOUNTED)
def test_honest_mishap_is_not_counted(
    device: PhoneOnWire, code: str, status: int, make: Callable[[Phone], Draft]
) -> None:
    phone, transport = device
    if code == "nonce_replayed":
        assert send(transport, make(phone)).status == 200
    for _ in range(2 * BUDGET):
        assert_refused(send(transport, make(phone)), status, code)


@pytest.mark.usefixtures("budget")
def test_token_that_has_run_out_or_was_revoked_is_not_counted(alice: Person, clock: Clock) -> None:
    token = alice.phone.state.access or ""
    clock.shift(900)
    for second in range(2 * BUDGET):
        answer = with_token(alice.transport, "GET", "auth/check/", token)
        assert_refused(answer, 401, "token_expired")
        clock.shift(1 if second < 5 else 60)
    alice.phone.refresh()
    revoked = alice.phone.state.access or ""
    alice.phone.sign_out()
    for _ in range(2 * BUDGET):
        assert_refused(with_token(alice.transport, "GET", "auth/check/", revoked), 401, "token_revoked")


def test_lost_memory_is_not_counted(own_redis: Any, device: PhoneOnWire, budget: None) -> None:
    phone, transport = device
    begin_epoch(own_redis, NOW)
    for _ in range(2 * BUDGET):
        assert_refused(send(transport, get_token(phone)), 401, "replay_cache_reset")


@pytest.mark.usefixtures("budget")
def test_verified_device_is_not_counted_by_its_address(device: PhoneOnWire) -> None:
    """A carrier puts thousands of phones behind one address: one of them cannot shut the others out."""
    phone, transport = device
    for _ in range(2 * BUDGET):
        last = send(transport, get_token(phone).with_value(bytes(32)))
    assert last.status == 429
    assert send(transport, get_token(phone)).status == 200
    assert send(transport, request_of(phone, "GET", "auth/check/")).status == 200


@pytest.mark.usefixtures("budget")
@pytest.mark.parametrize(
    ("address", "is_same"),
    [
        ("192.0.2.1", True),
        ("192.0.2.2", False),
        ("::ffff:192.0.2.1", True),
        ("2001:db8::1", False),
    ],
)
def test_each_address_has_its_own_budget(device: PhoneOnWire, address: str, is_same: bool) -> None:
    phone, transport = device
    for _ in range(BUDGET):
        send(transport, get_token(phone).with_value(bytes(32)))
    other = InProcess(address=address)
    assert send(other, get_token(phone).with_value(bytes(32))).status == (429 if is_same else 401)


@pytest.mark.usefixtures("budget")
def test_addresses_of_one_subscriber_share_a_budget(device: PhoneOnWire) -> None:
    phone, _ = device
    statuses = [
        send(InProcess(address=f"2001:db8:0:1::{number:x}"), get_token(phone).with_value(bytes(32))).status
        for number in range(1, BUDGET + 2)
    ]
    assert statuses == [401] * BUDGET + [429]
    neighbour = InProcess(address="2001:db8:0:2::1")
    assert send(neighbour, get_token(phone).with_value(bytes(32))).status == 401


@pytest.mark.usefixtures("budget")
def test_claimed_address_is_not_believed(device: PhoneOnWire) -> None:
    phone, transport = device
    statuses = []
    for number in range(BUDGET + 1):
        forged = get_token(phone).with_value(bytes(32))
        forged = forged.with_headers({"X-Forwarded-For": f"198.51.100.{number}", "X-Real-Ip": f"198.51.100.{number}"})
        statuses.append(send(transport, forged).status)
    assert statuses == [401] * BUDGET + [429]


@pytest.mark.usefixtures("budget")
def test_trusted_proxy_names_the_address(device: PhoneOnWire, settings: Settings) -> None:
    settings.TRUSTED_PROXY_COUNT = 1
    phone, transport = device

    def attempt(forwarded: str) -> int:
        forged = get_token(phone).with_value(bytes(32)).with_headers({"X-Forwarded-For": forwarded})
        return send(transport, forged).status

    # What stands before the proxy's own entry is the caller's invention.
    assert [attempt(f"10.0.0.{number}, 198.51.100.7") for number in range(BUDGET + 1)] == [401] * BUDGET + [429]
    assert attempt("198.51.100.8") == 401


@pytest.mark.usefixtures("budget")
def test_budget_comes_back_with_time(device: PhoneOnWire, in_database: None, clock: Clock) -> None:
    phone, transport = device
    for _ in range(BUDGET):
        send(transport, get_token(phone).with_value(bytes(32)))
    assert send(transport, get_token(phone).with_value(bytes(32))).status == 429
    clock.shift(20)
    assert int(time.time()) == NOW + 20
    assert send(transport, get_token(phone).with_value(bytes(32))).status == 401
    assert send(transport, get_token(phone).with_value(bytes(32))).status == 429
