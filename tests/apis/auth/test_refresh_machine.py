"""Every order in which a phone and a thief can refresh, lose answers, repeat, replay and sign out, against a model.

The thief holds a copy of the refresh token and of the device's key. One who also asks for tokens by `auth/get-token/` is,
to the server, the device; only a new key shuts that one out, which the machine lets happen too.
"""

import hashlib
import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
import time_machine
from handset_client import Answer, Tag
from handset_client.keys import HmacKey, b64url, unb64url
from handset_client.outcomes import accept
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from hypothesis.strategies import booleans, integers

from api.models import Device, Session
from tests.apis.auth.wire import MakePhone, Signer, draft, send, with_token
from tests.conftest import PASSWORD
from tests.phones import InProcess

pytestmark = pytest.mark.django_db


@dataclass
class Line:
    """What the server must know of one session: a counter, the attempt that moved it last, whether it is over."""

    counter: int = 0
    attempt: str | None = None
    is_over: bool = False

    def present(self, counter: int, attempt: str | None) -> str:
        """What must come of a refresh token with this counter."""
        if self.is_over:
            return "token_revoked"
        if counter == self.counter:
            self.counter, self.attempt = counter + 1, attempt
            return ""
        if counter == self.counter - 1 and attempt == self.attempt:
            return ""
        self.is_over = True
        return "refresh_reuse_detected"


@dataclass
class Holder:
    """What somebody has in their hands."""

    signer: Signer
    refresh: str = ""
    access: str = ""
    session_id: str = ""
    attempt: str | None = None  # of a refresh whose answer has not arrived

    @property
    def counter(self) -> int:
        return int(self.refresh.split(".")[2])

    def take(self, answer: Answer) -> None:
        self.refresh, self.access = answer.json["refresh"], answer.json["access"]
        self.session_id, self.attempt = answer.json["session_id"], None


@dataclass
class World:
    """A phone with a person on it, and the model of its sessions."""

    transport: InProcess
    device_id: str
    phone: Holder
    email: str
    lines: dict[str, Line] = field(default_factory=dict)


class Refreshing(RuleBasedStateMachine):
    """One device, its owner, and from some step on a thief."""

    make_world: Any  # set by the test

    @initialize()
    def begin(self) -> None:
        self.world: World = type(self).make_world()
        self.phone = self.world.phone
        self.thief: Holder | None = None
        self.stolen: list[str] = []  # every refresh token that the thief has seen
        self.was_stolen_from: set[str] = set()  # sessions
        self.signed_out: set[str] = set()
        self.lines = self.world.lines
        self.lines[self.phone.session_id] = Line()
        self.numbers = itertools.count()

    # -- helpers

    def new_attempt(self) -> str:
        return b64url(hashlib.sha256(f"{id(self)}{next(self.numbers)}".encode()).digest()[:16])

    def call(self, who: Holder, path: str, body: Any = None) -> Answer:
        return send(self.world.transport, draft(who.signer, "POST", path, body, tag=Tag.TOKEN))

    def present(self, who: Holder, token: str, attempt: str | None) -> Answer:
        """Refreshes, and compares what comes of it with the model."""
        body = {"refresh": token} | ({"attempt": attempt} if attempt else {})
        answer = self.call(who, "auth/refresh-token/", body)
        if who.signer != self.phone.signer:
            assert answer.code == "key_superseded"
            return answer
        line = self.lines[token.split(".")[1]]
        expected = line.present(int(token.split(".")[2]), attempt)
        assert answer.code == expected, answer.body
        if not expected:
            assert answer.json["refresh"].split(".")[2] == str(line.counter)
        return answer

    def is_let_in(self, who: Holder) -> bool:
        return with_token(self.world.transport, "GET", "auth/check/", who.access).status == 200

    def sign_in_again(self) -> None:
        """After the session is over: a session without a person, then the person."""
        self.phone.take(accept(self.call(self.phone, "auth/get-token/", {"device_id": self.world.device_id})))
        self.lines.setdefault(self.phone.session_id, Line())
        before = self.phone.session_id
        body = {"email": self.world.email, "password": PASSWORD}
        answer = accept(with_token(self.world.transport, "POST", "token/pair/", self.phone.access, body))
        assert answer.json["user"]["email"] == self.world.email
        self.phone.take(answer)
        self.lines[before].is_over = True  # superseded
        self.signed_out.add(before)
        self.lines[self.phone.session_id] = Line()

    # -- the phone

    @rule(is_lost=booleans())
    def refresh(self, is_lost: bool) -> None:
        """The phone refreshes, in the attempt that it began if there is one; perhaps the answer is lost."""
        self.phone.attempt = self.phone.attempt or self.new_attempt()
        answer = self.present(self.phone, self.phone.refresh, self.phone.attempt)
        if is_lost:
            return
        if answer.is_success:
            self.phone.take(answer)
            assert self.is_let_in(self.phone)
            return
        # Signed out without having asked for it: somebody else must have had the token.
        assert self.phone.session_id in self.was_stolen_from
        assert not self.is_let_in(self.phone)
        if self.thief is not None:
            assert not self.is_let_in(self.thief) or self.thief.session_id != self.phone.session_id
        self.sign_in_again()

    @rule()
    def crash_before_sending(self) -> None:
        """The app dies with an attempt that was never sent; after a sent one it comes back with the same."""
        line = self.lines[self.phone.session_id]
        if self.phone.attempt is not None and line.counter == self.phone.counter:
            self.phone.attempt = None

    @rule()
    def get_token(self) -> None:
        """The present session, whose counter stays where it is."""
        line = self.lines[self.phone.session_id]
        answer = accept(self.call(self.phone, "auth/get-token/", {"device_id": self.world.device_id}))
        if line.is_over:
            assert answer.json["session_id"] != self.phone.session_id
            assert answer.json["user"] is None
            self.sign_in_again()
            return
        assert answer.json["session_id"] == self.phone.session_id
        assert answer.json["refresh"].split(".")[2] == str(line.counter)
        if answer.json["refresh"] == self.phone.refresh:
            self.phone.access = answer.json["access"]  # the attempt goes on
        else:
            self.phone.take(answer)

    @rule(is_repeated=booleans())
    def sign_out(self, is_repeated: bool) -> None:
        for _ in range(1 + is_repeated):
            answer = with_token(self.world.transport, "POST", "auth/logout/", self.phone.access)
            assert answer.status == 204
        self.lines[self.phone.session_id].is_over = True
        self.signed_out.add(self.phone.session_id)
        assert not self.is_let_in(self.phone)
        self.sign_in_again()

    @rule(is_lost=booleans())
    def rotate(self, is_lost: bool) -> None:
        """A new key; if its answer is lost the old one goes on. Its first use ends the old one."""
        answer = accept(self.call(self.phone, "device/rotate/"))
        if is_lost:
            return
        self.phone.signer = answer.json["key_id"], HmacKey(unb64url(answer.json["secret"]))
        self.get_token()

    # -- the thief

    @rule()
    def steal(self) -> None:
        """A copy of what is stored, but not of the attempt that is only being made."""
        phone = self.phone
        self.thief = Holder(phone.signer, phone.refresh, phone.access, phone.session_id)
        self.stolen.append(phone.refresh)
        self.was_stolen_from.add(phone.session_id)

    @precondition(lambda self: self.thief is not None)
    @rule(is_lost=booleans())
    def thief_refreshes(self, is_lost: bool) -> None:
        thief = self.thief
        assert thief is not None
        thief.attempt = thief.attempt or self.new_attempt()
        answer = self.present(thief, thief.refresh, thief.attempt)
        if answer.is_success and not is_lost:
            thief.take(answer)
            self.stolen.append(thief.refresh)

    @precondition(lambda self: self.thief is not None)
    @rule(which=integers(min_value=0), has_attempt=booleans())
    def thief_replays(self, which: int, has_attempt: bool) -> None:
        """Any token that was ever stolen, in a new attempt or in none."""
        assert self.thief is not None
        token = self.stolen[which % len(self.stolen)]
        answer = self.present(self.thief, token, self.new_attempt() if has_attempt else None)
        if answer.is_success:
            self.thief.take(answer)
            self.stolen.append(self.thief.refresh)

    # -- what always holds

    @invariant()
    def rows_are_the_model(self) -> None:
        for row in Session.objects.filter(id__in=self.lines):
            line = self.lines[str(row.id)]
            kept = bytes(row.attempt_digest) if row.attempt_digest is not None else None
            made = hashlib.sha256(unb64url(line.attempt)).digest() if line.attempt else None
            assert (row.refresh_counter, kept) == (line.counter, made)
            assert (row.live_device_id is None) == line.is_over
        assert Session.objects.filter(live_device_id=self.world.device_id).count() <= 1

    @invariant()
    def honest_phone_is_signed_in_unless_there_was_a_theft(self) -> None:
        if self.phone.session_id not in self.was_stolen_from:
            assert self.is_let_in(self.phone)
        over = {session_id for session_id, line in self.lines.items() if line.is_over}
        assert over <= self.was_stolen_from | self.signed_out

    @invariant()
    def thief_is_let_in_only_until_the_phone_refreshes(self) -> None:
        """What the thief holds is never ahead of what the phone was last answered, or the next refresh finds out."""
        thief, line = self.thief, self.lines[self.phone.session_id]
        if thief is None or thief.session_id != self.phone.session_id or line.is_over:
            return
        if thief.signer == self.phone.signer and thief.counter > self.phone.counter:
            expected = Line(line.counter, line.attempt)
            own = self.phone.attempt or "a new attempt"
            assert expected.present(self.phone.counter, own) == "refresh_reuse_detected"

    @invariant()
    def device_is_asked_for_a_new_key_after_a_reuse(self) -> None:
        reused = [line for line in self.lines.values() if line.is_over]
        asked = Device.objects.get(id=self.world.device_id).rekey_requested_at
        assert asked is None or reused


def test_honest_phone_stays_signed_in_and_thief_does_not(new_phone: MakePhone, clock: time_machine.Traveller) -> None:
    numbers = itertools.count()

    def make_world() -> World:
        phone, transport = new_phone()
        email = f"owner-{next(numbers)}@example.com"
        accept(phone.sign_up(email, PASSWORD))
        state = phone.state
        holder = Holder(state.signer, state.refresh or "", state.access or "", state.session_id or "")
        return World(transport, state.device_id or "", holder, email)

    machine = type("Machine", (Refreshing,), {"make_world": staticmethod(make_world)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=10,
            stateful_step_count=20,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
