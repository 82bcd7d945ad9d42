"""The server's time, whatever the device's own clock says."""

import pytest
from fake_api import FakeTime
from handset_client import ServerClock
from handset_client.clock import MAX_CORRECTION_SECONDS


@pytest.fixture
def monotonic() -> FakeTime:
    monotonic = FakeTime()
    monotonic.now = 12.5
    return monotonic


@pytest.fixture
def clock(time: FakeTime, monotonic: FakeTime) -> ServerClock:
    return ServerClock(wall=time, monotonic=monotonic)


def test_device_clock_is_believed_until_the_server_is_heard(
    clock: ServerClock, time: FakeTime, monotonic: FakeTime
) -> None:
    monotonic.now += 7
    assert clock.now() == time.now + 7


def test_setting_the_device_clock_changes_nothing(clock: ServerClock, time: FakeTime) -> None:
    before = clock.now()
    time.now += 3600
    assert clock.now() == before


@pytest.mark.parametrize("written", [1_767_232_800, 1_767_232_800.9, "2026-01-01T02:00:00.500000Z"])
def test_server_time_is_adopted_and_goes_on(clock: ServerClock, monotonic: FakeTime, written: object) -> None:
    assert clock.adopt(written)
    assert clock.now() == 1_767_232_800
    monotonic.now += 60
    assert clock.now() in {1_767_232_860, 1_767_232_861}


def test_correction_is_bounded(clock: ServerClock, time: FakeTime) -> None:
    before = clock.now()
    assert not clock.adopt(time.now + MAX_CORRECTION_SECONDS + 1)
    assert not clock.adopt(time.now - MAX_CORRECTION_SECONDS - 1)
    assert clock.now() == before
    assert clock.adopt(time.now + MAX_CORRECTION_SECONDS)


def test_bound_is_against_the_device_and_cannot_be_walked_around(clock: ServerClock, time: FakeTime) -> None:
    assert clock.adopt(time.now + MAX_CORRECTION_SECONDS)
    assert not clock.adopt(time.now + MAX_CORRECTION_SECONDS + 3600)


@pytest.mark.parametrize("nonsense", [None, "", "yesterday", {}, [], True, float("nan"), 10**400])
def test_what_is_not_a_time_changes_nothing(clock: ServerClock, nonsense: object) -> None:
    before = clock.now()
    assert not clock.adopt(nonsense)
    assert clock.now() == before
