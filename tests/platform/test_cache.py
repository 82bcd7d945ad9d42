"""The cache's helpers: what is kept, what happens without a store, and that both are counted."""

from typing import Any

import pytest
from django.core.cache import caches

from api.platform import cache, metrics

KEY = cache.Key("test", 60)


@pytest.fixture(autouse=True)
def _empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_silent_until", 0.0)
    caches["telling"].clear()


class Gone:
    """A store that does not answer."""

    asked = 0

    def __getattr__(self, name: str) -> Any:
        self.asked += 1
        raise ConnectionError


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> Gone:
    store = Gone()
    monkeypatch.setattr(cache, "caches", {"telling": store})
    return store


def counted(operation: str, outcome: str) -> float:
    return metrics.CACHE.labels(operation, outcome)._value.get()


def test_what_is_kept_is_found_until_it_is_deleted() -> None:
    assert cache.get(KEY, "a", default="nothing") == "nothing"
    cache.put(KEY, "a", value=None)
    assert cache.get(KEY, "a", default="nothing") is None
    assert cache.get(KEY, "b", default="nothing") == "nothing"
    cache.delete(KEY, "a")
    assert cache.get(KEY, "a", default="nothing") == "nothing"


def test_it_is_computed_once() -> None:
    made: list[int] = []
    for _ in range(2):
        assert cache.get_or_put(KEY, "c", compute=lambda: made.append(1) or "made") == "made"
    assert made == [1]


def test_hits_and_misses_are_counted() -> None:
    before = counted("get", "hit"), counted("get", "miss")
    cache.get_or_put(KEY, "d", compute=int)
    cache.get(KEY, "d")
    assert (counted("get", "hit") - before[0], counted("get", "miss") - before[1]) == (1, 1)


def test_without_its_store_everything_is_computed(gone: Gone) -> None:
    before = counted("get", "error")
    assert cache.get(KEY, "a", default="nothing") == "nothing"
    assert cache.get_or_put(KEY, "a", compute=lambda: "made") == "made"
    cache.put(KEY, "a", value=1)
    cache.delete(KEY, "a")
    assert counted("get", "error") - before == 2
    assert gone.asked == 1, "whoever has waited in vain is the only one for a second"
