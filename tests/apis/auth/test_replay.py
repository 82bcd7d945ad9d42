"""A signature counts once, within its minutes, and only where there is a memory to know it by."""

import io
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import OperationalError, connection
from handset_client import ServerClock
from handset_client.outcomes import accept
from redis import Redis

from api.models import Contact, ReplayNonce
from api.platform import nonces, state
from tests.apis.auth.stores import begin_epoch
from tests.apis.auth.wire import (
    NOW,
    assert_changes_nothing,
    assert_refused,
    get_token,
    refresh,
    remembered_nonces,
    request_of,
    rows,
    send,
    with_token,
)
from tests.conftest import Person
from tests.phones import InProcess, Phone

pytestmark = pytest.mark.django_db

MakePhone = Callable[..., tuple[Phone, InProcess]]
PhoneOnWire = tuple[Phone, InProcess]
Clock = time_machine.Traveller


@pytest.fixture
def device(new_phone: MakePhone) -> PhoneOnWire:
    phone, transport = new_phone()
    phone.get_token()
    return phone, transport


# -- once


def test_exact_repetition_is_refused_and_changes_nothing(device: PhoneOnWire) -> None:
    phone, transport = device
    given = get_token(phone)
    assert send(transport, given).status == 200
    for _ in range(3):
        answer = assert_changes_nothing(transport, given, 401, "nonce_replayed")
        assert "accept-signature" in answer.headers


def test_write_that_is_sent_twice_is_done_once(alice: Person) -> None:
    """What HTTP stacks do by themselves when a connection breaks."""
    given = request_of(alice.phone, "POST", "contacts/", {"first_name": "Grace"})
    assert send(alice.transport, given).status == 201
    assert_changes_nothing(alice.transport, given, 401, "nonce_replayed")
    assert Contact.objects.count() == 1


def test_nonce_counts_once_whatever_is_signed_with_it(device: PhoneOnWire) -> None:
    phone, transport = device
    nonce = "n" * 22
    assert send(transport, get_token(phone, nonce=nonce)).status == 200
    assert_changes_nothing(
        transport, get_token(phone, nonce=nonce, created=int(time.time()) - 5), 401, "nonce_replayed"
    )
    assert_changes_nothing(transport, refresh(phone, nonce=nonce), 401, "nonce_replayed")
    assert_changes_nothing(transport, request_of(phone, "GET", "auth/check/", nonce=nonce), 401, "nonce_replayed")


def test_nonce_of_another_device_is_free(device: PhoneOnWire, new_phone: MakePhone) -> None:
    phone, transport = device
    other, other_transport = new_phone()
    other.register_device()
    nonce = "n" * 43
    assert send(transport, get_token(phone, nonce=nonce)).status == 200
    assert send(other_transport, get_token(other, nonce=nonce)).status == 200


def test_replay_is_found_before_the_body_is_looked_at(device: PhoneOnWire) -> None:
    phone, transport = device
    given = get_token(phone)
    assert send(transport, given).status == 200
    assert_changes_nothing(transport, replace(given, body=given.body + b" "), 401, "nonce_replayed")


def test_flood_of_invalid_signatures_leaves_no_trace(device: PhoneOnWire) -> None:
    """Nobody's nonce is used up by somebody who cannot sign."""
    phone, transport = device
    given = get_token(phone)
    before = rows(), remembered_nonces()
    for number in range(50):
        forged = given.with_value(number.to_bytes(32))
        assert_refused(send(transport, forged), 401, "signature_invalid")
    assert (rows(), remembered_nonces()) == before
    assert send(transport, given).status == 200


# -- within its minutes


@pytest.mark.parametrize("seconds", [-300, -299, -1, 0, 1, 60])
def test_signature_within_the_window_is_taken(clock: Clock, device: PhoneOnWire, seconds: int) -> None:
    phone, transport = device
    assert send(transport, get_token(phone, created=NOW + seconds)).status == 200


@pytest.mark.parametrize("seconds", [-NOW, -86_400, -301, 61, 86_400, 10**11])
def test_signature_outside_the_window_is_refused_with_the_time(clock: Clock, device: PhoneOnWire, seconds: int) -> None:
    phone, transport = device
    given = get_token(phone, created=NOW + seconds)
    answer = assert_changes_nothing(transport, given, 401, "clock_skew")
    assert answer.json["server_time"] == NOW


def test_signature_runs_out_by_itself(clock: Clock, device: PhoneOnWire) -> None:
    phone, transport = device
    given = get_token(phone, created=NOW + 60)
    clock.shift(360)
    late = get_token(phone, created=NOW + 59)
    assert_changes_nothing(transport, late, 401, "clock_skew")
    assert send(transport, given).status == 200
    # By the time it is forgotten it cannot be presented any more.
    clock.shift(settings.NONCE_SECONDS)
    assert_changes_nothing(transport, given, 401, "clock_skew")


class SlowBody(io.BytesIO):
    """Bytes that take ten minutes to arrive."""

    def __init__(self, content: bytes, clock: Clock) -> None:
        super().__init__(content)
        self._clock = clock

    def read(self, *args: Any) -> bytes:
        self._clock.shift(600)
        return super().read(*args)


def test_slow_upload_does_not_make_a_signature_old(clock: Clock, device: PhoneOnWire) -> None:
    """What counts is when the headers arrived."""
    phone, transport = device
    given = get_token(phone, created=NOW - 299)
    slow = replace(given, environ={"wsgi.input": SlowBody(given.body, clock)})
    assert send(transport, slow).status == 200
    assert time.time() >= NOW + 600


@pytest.mark.parametrize("seconds", [-7200, -301, 61, 3600])
def test_phone_whose_clock_is_off_corrects_itself(new_phone: MakePhone, clock: Clock, seconds: int) -> None:
    phone, transport = new_phone()
    off = ServerClock(wall=lambda: time.time() + seconds, monotonic=lambda: time.time() + seconds)
    phone._clock = phone._delivery._clock = off
    accept(phone.get_token())
    codes = [call for call in transport.sent if "register" in call[1]]
    assert len(codes) == 2  # once in vain, once by the server's time


# -- the memory: the database


@pytest.mark.usefixtures("in_database")
def test_table_forgets_what_cannot_be_presented_any_more(clock: Clock, device: PhoneOnWire) -> None:
    phone, transport = device
    nonces.forget_expired()
    ReplayNonce.objects.all().delete()
    given = get_token(phone, created=NOW + 60)
    assert send(transport, given).status == 200
    clock.shift(360)
    assert nonces.forget_expired() == 0
    assert_changes_nothing(transport, given, 401, "nonce_replayed")
    clock.shift(11)
    assert nonces.forget_expired() == 1
    assert ReplayNonce.objects.count() == 0


@pytest.mark.usefixtures("in_database")
def test_without_the_table_nothing_signed_is_taken(device: PhoneOnWire) -> None:
    phone, transport = device

    def fail(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("INSERT") and "replay_nonce" in sql:
            raise OperationalError("disk I/O error")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        answer = assert_changes_nothing(transport, get_token(phone), 503, "replay_store_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert send(transport, get_token(phone)).status == 200


# -- the memory: Redis


@pytest.fixture
def registered(own_redis: "Redis", device: PhoneOnWire) -> PhoneOnWire:
    return device


def test_redis_keeps_a_nonce_as_long_as_it_could_be_presented(registered: PhoneOnWire, own_redis: "Redis") -> None:
    phone, transport = registered
    own_redis.delete(*own_redis.keys("nonce:*"))
    given = get_token(phone)
    assert send(transport, given).status == 200
    (key,) = own_redis.keys("nonce:*")
    assert 360_000 < own_redis.pttl(key) <= 370_000
    assert_changes_nothing(transport, given, 401, "nonce_replayed")


def test_flood_of_invalid_signatures_leaves_redis_empty(registered: PhoneOnWire, own_redis: "Redis") -> None:
    phone, transport = registered
    own_redis.delete(*own_redis.keys("nonce:*"))
    given = get_token(phone)
    for number in range(20):
        assert_refused(send(transport, given.with_value(number.to_bytes(32))), 401, "signature_invalid")
    assert own_redis.keys("nonce:*") == []
    assert send(transport, given).status == 200


def test_what_was_signed_before_the_store_was_lost_is_refused(registered: PhoneOnWire, own_redis: "Redis") -> None:
    phone, transport = registered
    given = get_token(phone)
    unused = get_token(phone)
    assert send(transport, given).status == 200
    own_redis.flushdb()
    for old in (given, unused):
        answer = assert_changes_nothing(transport, old, 401, "replay_cache_reset")
        assert abs(answer.json["server_time"] - time.time()) < 5
    # What is signed from now on is taken again, once.
    later = get_token(phone, created=state.epoch() + 1)
    assert send(transport, later).status == 200
    assert_changes_nothing(transport, later, 401, "nonce_replayed")


def test_loss_that_an_unsigned_call_finds_first_is_a_loss_all_the_same(
    registered: PhoneOnWire, own_redis: "Redis"
) -> None:
    """The gate looks at the store too: it must not begin the memory without saying since when."""
    phone, transport = registered
    given = get_token(phone)
    assert send(transport, given).status == 200
    own_redis.flushdb()
    assert with_token(transport, "GET", "auth/check/", phone.state.access or "").status == 200
    assert_changes_nothing(transport, given, 401, "replay_cache_reset")


def test_phone_gets_over_a_loss_by_itself(registered: PhoneOnWire, own_redis: "Redis", clock: Clock) -> None:
    phone, _ = registered
    own_redis.flushdb()
    begin_epoch(own_redis, NOW)
    phone._delivery._sleep = clock.shift
    accept(phone.refresh())
    assert int(time.time()) == NOW + 1


def test_preparing_a_store_begins_its_memory_once(own_redis: "Redis") -> None:
    own_redis.flushdb()
    nonces.prepare()
    assert abs(state.epoch() - time.time()) < 5
    begin_epoch(own_redis, 7)
    nonces.prepare()
    assert state.epoch() == 7


def test_store_restored_from_a_snapshot_is_a_lost_one(registered: PhoneOnWire, own_redis: "Redis") -> None:
    """What the snapshot holds was written in another run of the server: it has forgotten what came after it."""
    phone, transport = registered
    given, unused = get_token(phone), get_token(phone)
    assert send(transport, given).status == 200
    nonce_keys = own_redis.keys("nonce:*")
    begin_epoch(own_redis, 1, run_id="0" * 40)
    for old in (given, unused):
        assert_changes_nothing(transport, old, 401, "replay_cache_reset")
    # Once: the run that found it begins a memory of its own.
    begun = state.epoch()
    assert abs(begun - time.time()) < 5
    assert own_redis.keys("nonce:*") == nonce_keys
    assert send(transport, get_token(phone, created=begun + 1)).status == 200
    assert state.epoch() == begun


def test_full_store_refuses_rather_than_forgets(registered: PhoneOnWire, own_redis: "Redis") -> None:
    phone, transport = registered
    given = get_token(phone)
    own_redis.config_set("maxmemory", 1)
    answer = send(transport, given)
    assert_refused(answer, 503, "replay_store_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    own_redis.config_set("maxmemory", 0)
    assert send(transport, given).status == 200


def test_store_that_is_down_is_a_503_on_everything_signed(device: PhoneOnWire, no_redis: None) -> None:
    """Never a 401: that would make apps sign everybody out."""
    phone, transport = device
    before = rows()
    for given in (get_token(phone), refresh(phone), request_of(phone, "GET", "auth/check/")):
        answer = send(transport, given)
        assert_refused(answer, 503, "replay_store_unavailable")
        assert int(answer.headers["retry-after"]) > 0
    assert rows() == before


def test_without_the_store_nobody_may_guess_and_the_rest_goes_on(alice: Person, no_redis: None) -> None:
    transport, token = alice.transport, alice.phone.state.access or ""
    guess = {"email": alice.email, "password": "wrong"}
    before = rows()
    refused = [
        with_token(transport, "POST", "token/pair/", token, guess),
        with_token(transport, "GET", "auth/check/", "a.b.c"),
        send(transport, get_token(alice.phone).with_value(bytes(32))),
    ]
    for answer in refused:
        assert_refused(answer, 503, "temporarily_unavailable")
        assert int(answer.headers["retry-after"]) > 0
    assert rows() == before
    assert with_token(transport, "GET", "auth/check/", token).status == 200
