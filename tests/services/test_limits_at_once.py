"""A limit of ten lets ten through, however many ask at once, over however many processes."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import pytest
from django.db import connection
from handset_client import Call, Client

from api.exceptions import ApiError
from api.platform import nonces
from api.platform.counters import DatabaseCounters
from api.platform.limits import Limit, spend_in_database
from api.platform.signing import Signature, Tag
from tests.services.conftest import Deployment, embedded_default, no_failures, wire_of
from tests.services.crowds import answers_to, at_once
from tests.services.servers import Gunicorn

pytestmark = pytest.mark.services

T = TypeVar("T")

ASKING = 60
# By the hour, so that nothing comes back while sixty requests are under way.
LIMITED = {"RATE_BURST": "10/hour"}


@pytest.fixture(scope="module")
def strict(deployed: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A second pair of masters over the same stores, with a limit."""
    folder = tmp_path_factory.mktemp("strict")
    environment = deployed.environment | LIMITED | {"WEB_THREADS": "4"}
    servers = [Gunicorn(environment, folder / f"gunicorn-{number}.log") for number in range(2)]
    try:
        for server in servers:
            server.wait_until_up()
        yield Deployment(environment, folder, servers, deployed.app_key, deployed.database)
    finally:
        for server in servers:
            server.stop()


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with embedded_default(tmp_path_factory.mktemp("embedded"), **LIMITED) as found:
        yield found


@pytest.fixture(params=["redis, four workers", "sqlite, one worker"])
def limited(request: Any) -> Iterator[Deployment]:
    deployed: Deployment = request.getfixturevalue("strict" if "redis" in request.param else "embedded")
    with no_failures(deployed):
        yield deployed


def _asked(limited: Deployment, phone: Client) -> Counter[int]:
    """The statuses of sixty calls of one principal at the same moment."""
    attempt = phone.prepare(Call("GET", "auth/check/"))
    answers = answers_to(wire_of(phone), attempt, limited.base_urls, ASKING)
    assert {answer.headers["retry-after"] for answer in answers if answer.status == 429} <= {"359", "360", "361"}
    remaining = sorted(int(answer.headers["x-ratelimit-remaining"]) for answer in answers if answer.is_success)
    assert remaining == list(range(len(remaining)))
    return Counter(answer.status for answer in answers)


def test_sixty_at_once_pass_a_limit_of_ten_ten_times(limited: Deployment) -> None:
    for _ in range(3):
        phone = limited.phone()
        phone.get_token()

        assert _asked(limited, phone) == {200: 10, 429: 50}


def test_what_is_counted_is_counted_apart(limited: Deployment) -> None:
    """Somebody else's sixty calls cost nobody anything."""
    greedy, modest = limited.phone(), limited.phone()
    greedy.get_token()
    modest.get_token()
    assert _asked(limited, greedy) == {200: 10, 429: 50}

    assert modest.request("GET", "auth/check/").status == 200


def test_a_refused_call_spends_nothing(limited: Deployment) -> None:
    """One limit that denies leaves the others as they were: all are spent, or none."""
    phone = limited.phone()
    phone.get_token()
    _asked(limited, phone)
    first, second = (
        wire_of(phone).send_attempt(phone.prepare(Call("GET", "auth/check/"))).headers["ratelimit"] for _ in range(2)
    )

    assert _left_of("sustained", first) == _left_of("sustained", second)


def _left_of(scope: str, header: str) -> str:
    """What a RateLimit header says is left of a scope: `r=990`."""
    return next(entry for entry in header.split(", ") if entry.startswith(f'"{scope}"')).split(";")[1]


# -- the database's own counting, where there is no Redis: at once, from twenty connections


def _in_twenty_connections(action: Callable[[], T]) -> list[T]:
    def run() -> T:
        try:
            return action()
        finally:
            connection.close()

    return at_once([run] * 20)


def test_the_database_spends_a_limit_exactly(deployed: Deployment) -> None:
    for number in range(3):
        limits = [
            Limit(scope, f"limit:{scope}:services-{os.getpid()}-{number}", count, 3600)
            for scope, count in (("b", 10), ("a", 1000))
        ]

        decisions = _in_twenty_connections(partial(spend_in_database, limits))

        assert sum(decision.denied is None for decision in decisions) == 10
        assert {decision.denied for decision in decisions} == {None, limits[0]}


def test_the_database_counts_every_increment(deployed: Deployment) -> None:
    counters = DatabaseCounters("", {})
    key = f"services-{os.getpid()}"

    added = _in_twenty_connections(lambda: counters.add(key, 0, 60))
    counts = _in_twenty_connections(lambda: counters.incr(key))

    assert sum(added) == 1
    assert sorted(counts) == list(range(1, 21))


def test_the_database_takes_a_nonce_once(deployed: Deployment, settings: Any) -> None:
    settings.REDIS_STATE_URL = ""
    for number in range(3):
        signature = Signature("", int(time.time()), f"{number:022}", "", f"services:{os.getpid()}", Tag.TOKEN, b"", "")

        assert Counter(_in_twenty_connections(partial(_taken, signature))) == {"": 1, "nonce_replayed": 19}


def _taken(signature: Signature) -> str:
    try:
        nonces.remember(signature)
    except ApiError as refused:
        return refused.code
    return ""
