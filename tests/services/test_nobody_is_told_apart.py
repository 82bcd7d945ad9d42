"""Whether somebody has an address is not told by what a stranger is answered, nor by how long that takes."""

import itertools
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from handset_client import Answer, Client

from api.apis.users import services as users
from api.models import User
from api.platform import callers
from tests.services.conftest import PASSWORD, Deployment

pytestmark = pytest.mark.services

PAIRS = 200
# Two kinds of calls are told apart when one of them is slower in so large a part of the pairs (six standard deviations
# from one half, whatever else the machine does: it does it to both) and by more than what a network hides.
SIGNIFICANT = 0.5 + 6 * 0.5 / PAIRS**0.5
TOLERABLE_SECONDS = 0.002
PLANTED_SECONDS = 0.02

Call = Callable[[Client, str], Answer]
_numbers = itertools.count(1)


class Pair(NamedTuple):
    """How long a call took for an address that somebody has, and for one that nobody has (seconds)."""

    known: float
    unknown: float


def are_told_apart(pairs: Sequence[Pair]) -> bool:
    slower = sum(pair.known > pair.unknown for pair in pairs) / len(pairs)
    difference = statistics.median(pair.known - pair.unknown for pair in pairs)
    return max(slower, 1 - slower) > SIGNIFICANT and abs(difference) > TOLERABLE_SECONDS


def posting(path: str, **more: str) -> Call:
    return lambda phone, email: phone.request("POST", path, {"email": email, **more})


CALLS = {
    "auth/magic/request/": posting("auth/magic/request/"),
    "auth/password-reset/request/": posting("auth/password-reset/request/"),
    "pre-register/": posting("pre-register/"),
    "token/pair/": posting("token/pair/", password="not the password"),
    "auth/email/": lambda phone, email: phone.request(
        "PATCH", "auth/email/", {"email": email, "current_password": PASSWORD}
    ),
}


def told(answer: Answer) -> Any:
    """What a caller sees of an answer but for the ids and numbers that differ from one request to the next."""
    differing = {"x-request-id", "date", "x-ratelimit-remaining", "ratelimit"}
    headers = {name: None if name in differing else value for name, value in answer.headers.items()}
    body = {name: value for name, value in answer.json.items() if name != "request_id"} if answer.body else {}
    return answer.status, body, headers


@pytest.fixture
def known_addresses(deployed: Deployment) -> list[str]:
    """Addresses that somebody has, fresh ones for each test: what is counted per address is counted for all alike."""
    found = [f"known-{next(_numbers)}@example.com" for _ in range(PAIRS)]
    for email in found:
        users.create_person(callers.command(), email=email, password=PASSWORD, profile={})
    return found


@pytest.mark.parametrize("path", CALLS)
def test_known_and_unknown_addresses_are_answered_alike(
    deployed: Deployment, known_addresses: list[str], path: str
) -> None:
    phone = deployed.phone()
    deployed.person(phone)
    assert_told_alike(phone, CALLS[path], known_addresses)


def test_a_password_from_elsewhere_is_refused_like_any_other(deployed: Deployment, known_addresses: list[str]) -> None:
    """Half as many iterations as such a password may have, so that there is something to make up for on both sides."""
    phone = deployed.phone()
    phone.get_token()
    encoded = PBKDF2PasswordHasher().encode(PASSWORD, "salt", 20_000)
    User.objects.filter(email__in=known_addresses).update(password=encoded)
    try:
        assert_told_alike(phone, CALLS["token/pair/"], known_addresses)
    finally:
        User.objects.filter(email__in=known_addresses).update(password=make_password(None))


def assert_told_alike(phone: Client, call: Call, known_addresses: list[str]) -> None:
    pairs: list[Pair] = []
    seen = []
    for known in known_addresses:
        both = {known: 0.0, f"unknown-{next(_numbers)}@example.com": 0.0}
        for email in random.sample(list(both), 2):
            began_at = time.perf_counter()
            answer = call(phone, email)
            both[email] = time.perf_counter() - began_at
            seen.append(told(answer))
        pairs.append(Pair(*both.values()))

    assert all(one == seen[0] for one in seen)
    assert not are_told_apart(pairs), statistics.median(pair.known - pair.unknown for pair in pairs)
    # The same noise would not hide what is to be found.
    assert are_told_apart([Pair(pair.known + PLANTED_SECONDS, pair.unknown) for pair in pairs])
    assert are_told_apart([Pair(pair.known, pair.unknown + PLANTED_SECONDS) for pair in pairs])
