"""The state store is gone, hangs, forgets or is full: content goes on, what is signed waits, nothing old is believed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from handset_client import Answer, Attempt, Call, Client, HttpTransport

from tests.faults.conftest import Site
from tests.faults.stores import rest
from tests.faults.writers import Load, Writer
from tests.services.servers import wait_until

pytestmark = pytest.mark.faults

FAULT_SECONDS = 2


def _signed(phone: Client) -> Attempt:
    """A call that is signed and counted among those that close: the device asks for its session's tokens."""
    call = Call.of_json("POST", "auth/get-token/", {"device_id": phone.register_device()})
    return phone._attempt(call, phone.state)


def _sent(attempt: Attempt) -> Answer:
    """What an attempt is answered once it finds a free thread."""
    transport = HttpTransport()

    def answer() -> Answer | None:
        given = Answer.read(transport.send(attempt.method, attempt.url, attempt.headers, attempt.body))
        return None if given.code == "temporarily_unavailable" else given

    try:
        found: Answer = wait_until(answer, "a thread is free")
        return found
    finally:
        transport.close()


@contextmanager
def _fault(
    site: Site, few: list[Writer], name: str, end: Callable[[], object], *, is_lost: bool = False
) -> Iterator[None]:
    """Some write before, during and after what happens inside. Meanwhile content is served, and what is signed is not:
    503, which no app takes for the end of its session. What counted once before does not count again later.
    """
    phone = site.phone()
    phone.get_token()
    used, unused = _signed(phone), _signed(phone)
    assert _sent(used).status == 200
    log = site.servers[0].log
    seen = log.stat().st_size
    with site.watched() as watch, Load(few) as load:
        load.wait_for_everybody()
        began_at = time.monotonic()
        try:
            yield
            rest(FAULT_SECONDS)
            load.wait_for_everybody()
            answer = _sent(_signed(phone))
            assert (answer.status, answer.code) == (503, "replay_store_unavailable")
            assert int(answer.headers["retry-after"]) > 0
            assert b"limits.open" in log.read_bytes()[seen:]
        finally:
            end()
        load.wait_for_everybody()
        recovered_at = time.monotonic()
        wait_until(lambda: _sent(_signed(phone)).status == 200, "what is signed is served again")
    if is_lost:
        assert _sent(used).code == _sent(unused).code == "replay_cache_reset"
    else:
        assert _sent(used).code == "nonce_replayed"
    site.say(
        f"state store {name}: {load.told()}",
        watch.require_alive(began_at, recovered_at),
        site.require_nothing_lost(),
    )


def test_killed_and_started_again(site: Site, few: list[Writer]) -> None:
    with _fault(site, few, "killed", site.redis.start, is_lost=True):
        site.redis.kill()


def test_hung(site: Site, few: list[Writer]) -> None:
    with _fault(site, few, "hung", site.redis.resume):
        site.redis.pause()


def test_full(site: Site, few: list[Writer]) -> None:
    with _fault(site, few, "full", lambda: site.redis.client().config_set("maxmemory", 0)):
        site.redis.client().config_set("maxmemory", 1)


def test_flushed(site: Site, few: list[Writer]) -> None:
    """Whoever writes does not notice; what was signed before is refused, and a session that was ended stays ended."""
    leaver, phone = site.people(1)[0].phone, site.phone()
    check = leaver.prepare(Call("GET", "auth/check/"))
    assert _sent(check).status == 200
    leaver.sign_out()
    assert _sent(check).code == "token_revoked"
    phone.get_token()
    used, unused = _signed(phone), _signed(phone)
    assert _sent(used).status == 200
    with Load(few) as load:
        load.wait_for_everybody()
        site.redis.client().flushall()
        assert _sent(check).code == "token_revoked"
        for old in (used, unused):
            answer = _sent(old)
            assert (answer.status, answer.code) == (401, "replay_cache_reset")
            assert abs(answer.json["server_time"] - time.time()) < 60
        load.wait_for_everybody()
    # Phones get over it by themselves.
    assert phone.get_token().status == 200
    site.say(f"state store flushed: {load.told()}", site.require_nothing_lost())
