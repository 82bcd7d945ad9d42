"""Limits: what counts for what, per whom, what the answers tell, and what happens when nobody can count."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.http import HttpResponse
from handset_client import Answer
from pytest_django import Settings

from api.models import AuditEntry, Device
from api.platform import state
from tests.apis.contacts.rows import make_contact
from tests.conftest import PASSWORD, LogLines, Person
from tests.http.answers import problem_of
from tests.http.conftest import Send
from tests.phones import InProcess, Phone

pytestmark = pytest.mark.django_db

Rates = Callable[..., None]
NewPhone = Callable[..., tuple[Phone, InProcess]]
HEADERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit", "ratelimit-policy")
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def clock() -> Any:
    """A clock that stands still. Redis has its own, which does not."""
    with time_machine.travel(time.time(), tick=False) as traveller:
        yield traveller


def refused(answer: HttpResponse | Answer) -> int:
    """The seconds that a throttled caller is asked to wait."""
    problem_of(answer, 429, "throttled")
    headers = answer.headers
    return int(headers["retry-after" if isinstance(answer, Answer) else "Retry-After"])


# -- what counts for what

CALLS: dict[str, tuple[str, str, Any]] = {
    "reading": ("GET", "users/me/", None),
    "listing": ("GET", "/api/v1/contacts/", None),
    "listing organizations": ("GET", "/api/v1/orgs/", None),
    "searching": ("GET", "/api/v1/contacts/?q=ada", None),
    "searching for nothing": ("GET", "/api/v1/contacts/?q=", None),
    "changing": ("PATCH", "users/me/", {}),
    "creating": ("POST", "contacts/", {"display_name": "Ada"}),
    "deleting": ("DELETE", "contacts/nobodys-aaaaaa/", None),
    "replacing": ("PUT", "contacts/nobodys-aaaaaa/", {"display_name": "Ada"}),
}
COUNTED = {
    "burst": set(CALLS),
    "sustained": set(CALLS),
    "data_modification": {"changing", "creating", "deleting", "replacing"},
    "content_listing": {"listing", "listing organizations"},
    "search": {"searching", "searching for nothing"},
}


@pytest.mark.parametrize("scope", COUNTED)
def test_a_scope_counts_its_calls_and_no_others(send: Send, alice: Person, rates: Rates, scope: str) -> None:
    rates(**{scope: (len(COUNTED[scope]), 3600)})
    for name in COUNTED[scope]:
        method, path, body = CALLS[name]
        assert send(method, path, body, person=alice).status_code < 429
    for name, (method, path, body) in CALLS.items():
        answer = send(method, path, body, person=alice)
        assert (answer.status_code == 429) == (name in COUNTED[scope]), name


def test_what_is_wrong_counts_like_what_is_right(send: Send, alice: Person, rates: Rates) -> None:
    rates(data_modification=(3, 3600))
    assert send("POST", "contacts/", b"{", person=alice).status_code == 400
    assert send("POST", "contacts/", {}, person=alice).status_code == 400
    assert send("PATCH", "contacts/nobodys-aaaaaa/", {}, person=alice).status_code == 404
    assert refused(send("POST", "contacts/", {}, person=alice)) > 0


def test_a_call_that_one_limit_denies_spends_no_other(send: Send, alice: Person, rates: Rates) -> None:
    rates(search=(1, 3600), burst=(10, 3600))
    send("GET", "/api/v1/contacts/?q=a", person=alice)
    for _ in range(3):
        refused(send("GET", "/api/v1/contacts/?q=a", person=alice))
    answer = send("GET", "users/me/", person=alice)
    assert '"burst";r=8;' in answer["ratelimit"]


@pytest.mark.parametrize(
    "path", ["/", "/health/", "/api/v1/health", "/health/live/", "/api/docs/", "/api/schema/", "/api/v1/nope/"]
)
def test_what_is_nobodys_is_not_counted(send: Send, rates: Rates, path: str) -> None:
    rates(burst=(1, 3600), sustained=(1, 3600))
    for _ in range(3):
        answer = send("GET", path)
        assert answer.status_code != 429
        assert not [name for name in HEADERS if name in answer]


# -- what the answers tell


def test_every_counted_answer_tells_what_is_left(send: Send, alice: Person, rates: Rates, clock: Any) -> None:
    rates(burst=(60, 60), sustained=(1000, 3600), content_listing=(3, 60), data_modification=(3, 60))
    for remaining in (2, 1, 0):
        answer = send("GET", "/api/v1/contacts/", person=alice)
        assert (answer["x-ratelimit-limit"], answer["x-ratelimit-remaining"]) == ("3", str(remaining))
        assert answer["ratelimit-policy"] == '"burst";q=60;w=60, "sustained";q=1000;w=3600, "content_listing";q=3;w=60'
        assert f'"content_listing";r={remaining};t={answer["x-ratelimit-reset"]}' in answer["ratelimit"]
        assert "retry-after" not in answer
    denied = send("GET", "/api/v1/contacts/", person=alice)
    assert refused(denied) == 20  # three a minute, evenly
    assert (denied["x-ratelimit-remaining"], denied["x-ratelimit-reset"]) == ("0", "60")
    for answer in (
        send("GET", "contacts/nobodys-aaaaaa/", person=alice),
        send("PUT", "contacts/", {}, person=alice),
        send("POST", "contacts/", b"{", person=alice),
    ):
        assert answer.status_code >= 400
        assert all(name in answer for name in HEADERS)


def test_a_call_without_a_token_is_counted_nowhere_but_by_its_address(send: Send) -> None:
    answer = send("GET", "users/me/")
    problem_of(answer, 401, "token_missing")
    assert answer["x-ratelimit-limit"]
    invalid = send("GET", "users/me/", headers={"authorization": "Bearer a.b.c"})
    problem_of(invalid, 401, "token_invalid")


@pytest.mark.parametrize("rate", [(1, 1), (3, 60), (7, 60), (60, 60)])
def test_retry_after_is_the_real_wait(
    send: Send, alice: Person, rates: Rates, clock: Any, rate: tuple[int, int]
) -> None:
    if state.is_configured():
        pytest.skip("Redis decides by its own clock; tests/platform/test_gcra.py holds that one")
    limit, period = rate
    rates(burst=rate)
    for _ in range(limit):
        assert send("GET", "users/me/", person=alice).status_code == 200
    wait = refused(send("GET", "users/me/", person=alice))
    assert wait == max(1, -(-period // limit))
    clock.shift(wait - 1)
    if wait > 1:
        assert refused(send("GET", "users/me/", person=alice)) == 1
    clock.shift(1)
    assert send("GET", "users/me/", person=alice).status_code == 200


# -- per whom


def test_one_persons_limits_are_not_anothers(send: Send, alice: Person, bob: Person, rates: Rates) -> None:
    rates(burst=(2, 3600))
    for _ in range(2):
        assert send("GET", "users/me/", person=alice).status_code == 200
    refused(send("GET", "users/me/", person=alice))
    # Bob calls from the same address.
    assert send("GET", "users/me/", person=bob).status_code == 200


def test_a_person_has_one_budget_on_all_devices(send: Send, alice: Person, new_phone: NewPhone, rates: Rates) -> None:
    second, transport = new_phone(address="198.51.100.7")
    second.sign_in(alice.email, PASSWORD)
    elsewhere = Person(alice.user, second, transport, alice.email)
    rates(burst=(2, 3600))
    assert send("GET", "users/me/", person=alice).status_code == 200
    assert send("GET", "users/me/", person=elsewhere, REMOTE_ADDR="198.51.100.7").status_code == 200
    refused(send("GET", "users/me/", person=alice))
    refused(send("GET", "users/me/", person=elsewhere, REMOTE_ADDR="198.51.100.7"))


def test_a_device_without_a_person_has_a_budget_of_its_own(new_phone: NewPhone, rates: Rates) -> None:
    (one, _), (other, _) = new_phone(), new_phone()
    for phone in (one, other):
        phone.get_token()
    rates(burst=(2, 3600))
    for _ in range(2):
        assert one.request("GET", "auth/check/").status == 200
    assert one.request("GET", "auth/check/").status == 429
    assert other.request("GET", "auth/check/").status == 200


def test_changing_the_address_changes_nothing(send: Send, alice: Person, rates: Rates) -> None:
    rates(burst=(2, 3600))
    for number in range(2):
        assert send("GET", "users/me/", person=alice, REMOTE_ADDR=f"192.0.2.{number}").status_code == 200
    refused(send("GET", "users/me/", person=alice, REMOTE_ADDR="2001:db8::1"))


# -- proofs that fail are counted by address, before anything else


def bad_proof(send: Send, address: str = "192.0.2.99", **headers: str) -> HttpResponse:
    return send("GET", "users/me/", headers={"authorization": "Bearer a.b.c", **headers}, REMOTE_ADDR=address)


def test_failed_proofs_use_up_the_budget_of_an_address(send: Send, alice: Person, rates: Rates) -> None:
    rates(auth_address=(3, 3600))
    for _ in range(3):
        problem_of(bad_proof(send), 401, "token_invalid")
    assert refused(bad_proof(send)) == 1200
    problem_of(bad_proof(send, "192.0.2.98"), 401, "token_invalid")
    # Whoever proves who they are has nothing to do with it, also from that address.
    assert send("GET", "users/me/", person=alice, REMOTE_ADDR="192.0.2.99").status_code == 200


def test_what_happens_to_honest_phones_is_no_failed_proof(alice: Person, rates: Rates) -> None:
    rates(auth_address=(1, 3600))
    alice.phone.request("GET", "users/me/", signed=True)
    for _ in range(3):
        problem_of(Answer.read(alice.transport.replay()), 401, "nonce_replayed")
    with time_machine.travel(time.time() + 400, tick=False):
        for _ in range(3):
            problem_of(Answer.read(alice.transport.replay()), 401, "clock_skew")
    method, url, headers, body = alice.transport.sent[-1]
    unsigned = {name: value for name, value in headers.items() if "signature" not in name.lower()}
    with time_machine.travel(time.time() + 3600, tick=False):
        for _ in range(3):
            problem_of(Answer.read(alice.transport.call(method, url, unsigned, body)), 401, "token_expired")


def test_an_ipv6_subscriber_is_one_address(send: Send, rates: Rates) -> None:
    rates(auth_address=(2, 3600))
    problem_of(bad_proof(send, "2001:db8:1:2::1"), 401, "token_invalid")
    problem_of(bad_proof(send, "2001:db8:1:2:ffff:ffff:ffff:ffff"), 401, "token_invalid")
    refused(bad_proof(send, "2001:db8:1:2:aaaa::7"))
    problem_of(bad_proof(send, "2001:db8:1:3::1"), 401, "token_invalid")


def test_an_ipv4_address_in_ipv6_clothes_is_the_ipv4_address(send: Send, rates: Rates) -> None:
    rates(auth_address=(2, 3600))
    problem_of(bad_proof(send, "192.0.2.77"), 401, "token_invalid")
    problem_of(bad_proof(send, "::ffff:192.0.2.77"), 401, "token_invalid")
    refused(bad_proof(send, "192.0.2.77"))
    problem_of(bad_proof(send, "::ffff:192.0.2.78"), 401, "token_invalid")


# -- which address that is


# How many proxies are trusted, X-Forwarded-For, who connects, and who it is.
ADDRESSES = [
    (0, "203.0.113.5", "192.0.2.1", "192.0.2.1"),
    (0, "", "192.0.2.1", "192.0.2.1"),
    (1, "203.0.113.5", "10.0.0.1", "203.0.113.5"),
    (1, "6.6.6.6, 203.0.113.5", "10.0.0.1", "203.0.113.5"),
    (1, "6.6.6.6,203.0.113.5 , ", "10.0.0.1", "203.0.113.5"),
    (2, "6.6.6.6, 203.0.113.5, 10.0.0.2", "10.0.0.1", "203.0.113.5"),
    (2, "203.0.113.5", "10.0.0.1", "10.0.0.1"),  # past one of the proxies
    (1, "", "10.0.0.1", "10.0.0.1"),
    (1, "2001:db8::5", "10.0.0.1", "2001:db8::5"),
    (1, "fe80::1%eth0", "10.0.0.1", "fe80::1"),
    (1, "unknown", "10.0.0.1", "0.0.0.0"),
    (1, "'; DROP TABLE", "10.0.0.1", "0.0.0.0"),
    (1, "6.6.6.6, " * 500 + "203.0.113.5", "10.0.0.1", "203.0.113.5"),
]


def test_the_address_is_the_one_that_a_trusted_proxy_saw(
    send: Send, alice: Person, settings: Settings, subtests: pytest.Subtests
) -> None:
    for count, forwarded, remote, expected in ADDRESSES:
        with subtests.test(f"{count} {forwarded:.40} {remote}"):
            settings.TRUSTED_PROXY_COUNT = count
            headers = {"x-forwarded-for": forwarded, "forwarded": "for=6.6.6.6", "x-real-ip": "6.6.6.6"}
            body = {"display_name": "Ada"}
            answer = send("POST", "contacts/", body, person=alice, headers=headers, REMOTE_ADDR=remote)
            assert answer.status_code == 201
            assert AuditEntry.objects.filter(action="contact.created").latest("id").address == expected


def test_a_made_up_hop_does_not_make_a_new_address(send: Send, settings: Settings, rates: Rates) -> None:
    rates(auth_address=(2, 3600))
    settings.TRUSTED_PROXY_COUNT = 1
    for number in range(2):
        problem_of(
            bad_proof(send, "10.0.0.1", **{"x-forwarded-for": f"6.6.6.{number}, 203.0.113.5"}), 401, "token_invalid"
        )
    refused(bad_proof(send, "10.0.0.1", **{"x-forwarded-for": "6.6.6.9, 203.0.113.5"}))
    problem_of(bad_proof(send, "10.0.0.1", **{"x-forwarded-for": "203.0.113.6"}), 401, "token_invalid")


# -- nobody can count


def test_content_opens_when_nobody_can_count(
    send: Send, alice: Person, settings: Settings, rates: Rates, log_lines: LogLines
) -> None:
    settings.REDIS_STATE_URL = NOWHERE
    rates(burst=(1, 3600), sustained=(1, 3600), data_modification=(1, 3600), content_listing=(1, 3600))
    for _ in range(3):
        answer = send("GET", "/api/v1/contacts/", person=alice)
        assert answer.status_code == 200
        assert not [name for name in HEADERS if name in answer]
        assert send("POST", "contacts/", {"display_name": "Ada"}, person=alice).status_code == 201
    assert any(line["event"] == "limits.open" for line in log_lines)


def test_who_is_a_member_is_read_from_the_rows_then(send: Send, alice: Person, settings: Settings) -> None:
    contact = make_contact(alice)
    settings.REDIS_STATE_URL = NOWHERE
    path = f"contacts/{contact.slug}/"
    assert send("GET", path, person=alice).status_code == 200
    alice.user.memberships.all().delete()
    problem_of(send("GET", path, person=alice), 404, "not_found")


def test_an_ended_session_stays_ended_then(send: Send, alice: Person, settings: Settings) -> None:
    settings.REDIS_STATE_URL = NOWHERE
    assert send("POST", "auth/logout/", {}, person=alice).status_code == 204
    problem_of(send("GET", "users/me/", person=alice), 401, "token_revoked")


def test_guesses_close_when_nobody_can_count(send: Send, alice: Person, settings: Settings) -> None:
    settings.REDIS_STATE_URL = NOWHERE
    body = {"email": alice.email, "password": PASSWORD}
    for answer in (
        send("POST", "token/pair/", body, person=alice),
        bad_proof(send),
    ):
        problem_of(answer, 503, "temporarily_unavailable")
        assert int(answer["retry-after"]) > 0


def test_signatures_close_when_nobody_can_remember_them(alice: Person, phone: Phone, settings: Settings) -> None:
    settings.REDIS_STATE_URL = NOWHERE
    before = Device.objects.count()
    for answer in (
        alice.phone.request("POST", "auth/get-token/", {"device_id": alice.phone.state.device_id}),
        alice.phone.request("POST", "auth/refresh-token/", {"refresh": alice.phone.state.refresh}),
        alice.phone.request("GET", "users/me/", signed=True),
        phone.request("POST", "device/register/", {"install_id": phone.state.install_id}),
    ):
        problem_of(answer, 503, "replay_store_unavailable")
        assert int(answer.headers["retry-after"]) > 0
    assert Device.objects.count() == before
