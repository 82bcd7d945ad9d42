"""One call on a bad network."""

from collections.abc import Mapping

import pytest
from fake_api import FakeTime, problem, success
from handset_client import Attempt, DeviceRevoked, NetworkFailure, Response, ServerClock
from handset_client.delivery import Delivery

LOST = "lost"


class Script:
    """A Transport that answers what it is told to, in turn."""

    def __init__(self, *answers: Response | str) -> None:
        self.answers = list(answers)
        self.bodies: list[bytes] = []

    def send(self, _method: str, _url: str, _headers: Mapping[str, str], body: bytes) -> Response:
        self.bodies.append(body)
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            raise NetworkFailure(answer)
        return answer


class Line:
    """A Delivery with a script at its other end."""

    def __init__(self, time: FakeTime, *answers: Response | str) -> None:
        self.script = Script(*answers)
        self.clock = ServerClock(wall=time, monotonic=time)
        self.delivery = Delivery(self.script, self.clock, time.sleep)
        self.prepared = 0

    def prepare(self) -> Attempt:
        self.prepared += 1
        return Attempt("GET", "https://api.example.com/", {}, str(self.prepared).encode())


def test_every_attempt_is_prepared_anew(time: FakeTime) -> None:
    line = Line(time, LOST, LOST, LOST, success({}))
    assert line.delivery.deliver(line.prepare).is_success
    assert line.script.bodies == [b"1", b"2", b"3", b"4"]


def test_pauses_are_random_and_bounded(time: FakeTime) -> None:
    for _ in range(50):
        line = Line(time, LOST, LOST, LOST, success({}))
        line.delivery.deliver(line.prepare)
    first, second, third = time.slept[::3], time.slept[1::3], time.slept[2::3]
    assert 0 <= max(first) <= 0.5 < max(second) <= 1 < max(third) <= 2
    assert len(set(time.slept)) == 150


def test_fourth_failure_is_raised(time: FakeTime) -> None:
    line = Line(time, *[LOST] * 4)
    with pytest.raises(NetworkFailure):
        line.delivery.deliver(line.prepare)


def test_captive_portal_is_waited_out(time: FakeTime) -> None:
    line = Line(time, Response(200, {"Content-Type": "text/html"}, b"<html>"), success({}))
    assert line.delivery.deliver(line.prepare).json == {}


def test_server_is_given_the_time_it_asks_for(time: FakeTime) -> None:
    busy = problem(503, "temporarily_unavailable", headers={"Retry-After": "20"})
    line = Line(time, busy, success({}))
    assert line.delivery.deliver(line.prepare).is_success
    assert 20 <= time.slept[0] <= 20.5


def test_too_long_a_wait_is_for_the_caller_to_decide(time: FakeTime) -> None:
    line = Line(time, problem(429, "throttled", headers={"Retry-After": "3600"}))
    assert line.delivery.deliver(line.prepare).code == "throttled"
    assert not time.slept


def test_patience_ends(time: FakeTime) -> None:
    line = Line(time, *[problem(409, "idempotency_in_progress")] * 4)
    assert line.delivery.deliver(line.prepare).code == "idempotency_in_progress"


def test_clock_is_put_right_at_once(time: FakeTime) -> None:
    skewed = problem(401, "clock_skew", server_time=int(time.now) + 7200)
    line = Line(time, skewed, success({}))
    assert line.delivery.deliver(line.prepare).is_success
    assert time.slept == [0]
    assert line.clock.now() == time.now + 7200


def test_lost_replay_store_is_given_a_second(time: FakeTime) -> None:
    reset = problem(401, "replay_cache_reset", server_time=int(time.now))
    line = Line(time, reset, reset, reset, success({}))
    assert line.delivery.deliver(line.prepare).is_success
    assert time.slept == [1, 1, 1]


def test_clock_is_put_right_three_times_only(time: FakeTime) -> None:
    line = Line(time, *[problem(401, "clock_skew", server_time=int(time.now) + 400)] * 4)
    assert line.delivery.deliver(line.prepare).code == "clock_skew"
    assert line.prepared == 4


def test_incredible_time_is_not_believed(time: FakeTime) -> None:
    line = Line(time, problem(401, "clock_skew", server_time=4102444800))
    assert line.delivery.deliver(line.prepare).code == "clock_skew"
    assert line.clock.now() == time.now


def test_replayed_nonce_is_signed_again_once(time: FakeTime) -> None:
    replayed = problem(401, "nonce_replayed")
    line = Line(time, replayed, success({}))
    assert line.delivery.deliver(line.prepare).is_success
    line = Line(time, replayed, replayed)
    assert line.delivery.deliver(line.prepare).code == "nonce_replayed"


def test_revoked_device_ends_everything(time: FakeTime) -> None:
    line = Line(time, problem(403, "device_revoked"))
    with pytest.raises(DeviceRevoked) as refusal:
        line.delivery.deliver(line.prepare)
    assert refusal.value.answer.code == "device_revoked"
