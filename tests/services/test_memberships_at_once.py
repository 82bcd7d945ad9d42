"""Who has left an organization is out of it from that moment, although every request reads a cache."""

import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import pytest
from django.db import connection, transaction
from handset_client import Call, Client

from api.models import Membership, Organization, Role, User
from api.platform import memberships, state
from tests import factories
from tests.services.conftest import Deployment, wire_of
from tests.services.hands import Hand
from tests.services.servers import wait_until

pytestmark = pytest.mark.services

THREADS = 8
ROUNDS = 30
ROUNDS_OF_TWO = 10


class Seen(NamedTuple):
    """One answer, and from when till when it was waited for (seconds of the monotonic clock)."""

    sent_at: float
    answered_at: float
    status: int


class Hammer:
    """Threads that ask for an organization's contacts without a pause, and remember what they were told."""

    def __init__(
        self, deployed: Deployment, phone: Client, organization: Organization, threads: int = THREADS, to: str = ""
    ) -> None:
        self._deployed, self._wire = deployed, wire_of(phone)
        call = Call("GET", to) if to else Call("GET", "contacts/", f"filter%5Borg%5D={organization.slug}")
        self._attempt = phone.prepare(call)
        self._stop = threading.Event()
        self.seen: list[list[Seen]] = [[] for _ in range(threads)]

    def ask(self, number: int = 0) -> Seen:
        url = self._deployed.base_urls[number % len(self._deployed.base_urls)]
        sent_at = time.monotonic()
        status = self._wire.send_attempt(self._attempt, to=url).status
        return Seen(sent_at, time.monotonic(), status)

    def _run(self, number: int) -> None:
        while not self._stop.is_set():
            self.seen[number].append(self.ask(number))

    @contextmanager
    def running(self) -> Iterator[None]:
        with ThreadPoolExecutor(len(self.seen)) as pool:
            running = [pool.submit(self._run, number) for number in range(len(self.seen))]
            try:
                yield
            finally:
                self._stop.set()
        for future in running:
            future.result()

    def wait_for_everybody(self, since: float) -> None:
        """Until every thread has had an answer to what it asked after `since`."""
        wait_until(
            lambda: all(mine and mine[-1].sent_at > since for mine in self.seen), "an answer for each", seconds=20
        )


@pytest.fixture
def member(deployed: Deployment) -> tuple[Client, User]:
    phone = deployed.phone()
    return phone, deployed.person(phone, "bob")


@pytest.fixture
def group(deployed: Deployment, member: tuple[Client, User]) -> Organization:
    return _group_of(deployed, member[1])


def _group_of(deployed: Deployment, person: User) -> Organization:
    owner = deployed.person(deployed.phone(), "alice")
    return factories.group(owner, {person: Role.MEMBER}, name="Hammered")


def _place(person: User, organization: Organization) -> dict[str, str]:
    return {"user_id": str(person.id), "organization_id": str(organization.id)}


def test_nobody_is_answered_as_a_member_after_leaving(
    deployed: Deployment, hand: Hand, member: tuple[Client, User], group: Organization
) -> None:
    phone, person = member
    hammer = Hammer(deployed, phone, group)
    # What the answer has to be from one moment to another: while a change is under way, both are right.
    periods: list[tuple[float, float, int]] = []
    since, status = time.monotonic(), 200

    with hammer.running():
        for _ in range(ROUNDS):
            for verb, status_after in (("leave", 404), ("join", 200)):
                hammer.wait_for_everybody(since)
                change = hand.do(verb, **_place(person, group))
                periods.append((since, change.began_at, status))
                since, status = change.at, status_after
        hammer.wait_for_everybody(since)

    everything = [seen for mine in hammer.seen for seen in mine]
    for from_at, till_at, right in periods:
        inside = [seen for seen in everything if from_at <= seen.sent_at and seen.answered_at <= till_at]
        assert len(inside) >= THREADS
        wrong = [seen for seen in inside if seen.status != right]
        assert wrong == [], f"{len(wrong)} of {len(inside)} answers were {wrong[0].status} instead of {right}"


@pytest.mark.parametrize("way", ["removed", "demoted"])
def test_a_live_token_is_told_at_once(deployed: Deployment, way: str) -> None:
    """An admin's call at one server, and what a crowd of the member's requests at both is answered from then on."""
    owner, phone = deployed.phone(deployed.base_urls[1]), deployed.phone()
    alice, bob = deployed.person(owner, "alice"), deployed.person(phone, "bob")
    late = 0
    for _ in range(ROUNDS_OF_TWO):
        group = factories.group(alice, {bob: Role.ADMIN}, name="Left")
        path = f"orgs/{group.slug}/members/{bob.username}/"
        hammer = Hammer(deployed, phone, group, to=f"orgs/{group.slug}/{'' if way == 'removed' else 'invitations/'}")
        with hammer.running():
            hammer.wait_for_everybody(time.monotonic())
            answer = (
                owner.request("DELETE", path) if way == "removed" else owner.request("PATCH", path, {"role": "member"})
            )
            told_at = time.monotonic()
            assert answer.status in {200, 204}, answer.body
            hammer.wait_for_everybody(told_at)
        for mine in hammer.seen:
            assert mine[0].status == 200
            late += sum(seen.status == 200 for seen in mine if seen.sent_at > told_at)
    assert late == 0  # not even the one more answer that would be allowed


def test_two_changes_at_once_leave_no_stale_cache(deployed: Deployment, member: tuple[Client, User]) -> None:
    """Two administrators change the same person's places at the same moment: when both are done, the cache says what
    the rows say.
    """
    phone, person = member
    groups = [_group_of(deployed, person) for _ in range(2)]
    hammers = [Hammer(deployed, phone, group, threads=2) for group in groups]
    with deployed.hand() as one, deployed.hand() as other, hammers[0].running(), hammers[1].running():
        for _ in range(ROUNDS_OF_TWO):
            for verb, right in (("leave", 404), ("join", 200)):
                for hand, group in zip((one, other), groups, strict=True):
                    hand.tell(verb, **_place(person, group))
                done_at = max(hand.hear().at for hand in (one, other))
                assert time.monotonic() > done_at
                assert [hammer.ask().status for hammer in hammers] == [right, right]
                for hammer in hammers:
                    hammer.wait_for_everybody(time.monotonic())
                assert [hammer.ask().status for hammer in hammers] == [right, right]


def _read(user_id: uuid.UUID) -> memberships.Memberships:
    """The memberships as the gate gets them."""
    with state.guarded() as redis:
        entry, version = redis.mget(memberships.entry_key(user_id), memberships.version_key(user_id))
    return memberships.from_cache(user_id, entry, version)


def test_a_reader_between_two_changes_keeps_nothing_stale(
    deployed: Deployment, member: tuple[Client, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order that the test above can only hope for: the second change commits while somebody who has begun to
    read after the first is about to fill the cache.
    """
    person = member[1]
    kept, lost = (_group_of(deployed, person) for _ in range(2))
    has_read, may_fill = threading.Event(), threading.Event()
    of_person = memberships.of_person

    def slow(user_id: uuid.UUID) -> memberships.Memberships:
        found = of_person(user_id)
        has_read.set()
        may_fill.wait(10)
        return found

    def read() -> memberships.Memberships:
        try:
            return _read(person.id)
        finally:
            connection.close()

    announced, first_is_over = threading.Event(), threading.Event()

    def second_change() -> None:
        try:
            with transaction.atomic():
                memberships.changing([person.id])
                announced.set()
                assert first_is_over.wait(10)
                Membership.objects.filter(user=person, organization=lost).delete()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            memberships.changing([person.id])
            Membership.objects.filter(user=person, organization=kept).update(role=Role.ADMIN)
            second = pool.submit(second_change)
            assert announced.wait(10)
        monkeypatch.setattr(memberships, "of_person", slow)
        reader = pool.submit(read)
        assert has_read.wait(10)
        first_is_over.set()
        second.result(10)
        may_fill.set()
        assert lost.id in reader.result(10)  # it began before the change was there
    monkeypatch.setattr(memberships, "of_person", of_person)

    assert lost.id not in _read(person.id)
    assert _read(person.id)[kept.id].role == Role.ADMIN


def test_a_change_that_is_undone_leaves_the_member_in(deployed: Deployment, member: tuple[Client, User]) -> None:
    phone, person = member
    group = _group_of(deployed, person)
    hammer = Hammer(deployed, phone, group)
    assert hammer.ask().status == 200

    with transaction.atomic():
        memberships.changing([person.id])
        Membership.objects.filter(user=person, organization=group).delete()
        transaction.set_rollback(True)

    assert hammer.ask().status == 200
