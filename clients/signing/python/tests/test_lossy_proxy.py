"""The proxy that loses things, over real sockets."""

from collections import Counter
from collections.abc import Iterator, Mapping

import pytest
from handset_client import NetworkFailure, Response
from handset_client.lossy_proxy import Exchange, Fate, LossyProxy, ThroughProxy, fate_of

ORIGIN = "https://api.example.com"
PATH = "/api/v1/contacts/"


class Upstream:
    """A Transport that notes what arrives and answers what it is told to; None is nobody there."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Mapping[str, str], bytes]] = []
        self.response: Response | None = Response(200, {"Content-Type": "text/plain", "ETag": '"1"'}, b"here you are")

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        self.requests.append((method, url, headers, body))
        if self.response is None:
            raise NetworkFailure("nobody there")
        return self.response


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
def fates() -> list[Fate]:
    """What becomes of the next exchanges; afterwards all arrive."""
    return []


@pytest.fixture
def proxy(upstream: Upstream, fates: list[Fate]) -> Iterator[LossyProxy]:
    with LossyProxy(upstream, ORIGIN, lambda _call, _attempt: fates.pop(0) if fates else Fate.ARRIVED) as found:
        yield found


@pytest.fixture
def network(proxy: LossyProxy) -> Iterator[ThroughProxy]:
    found = ThroughProxy(proxy)
    yield found
    found.close()


def test_what_is_not_lost_arrives_as_it_was_sent(network: ThroughProxy, upstream: Upstream) -> None:
    answer = network.send("POST", f"{ORIGIN}{PATH}?q=a%20b", {"Content-Type": "text/plain"}, b"please")
    assert (answer.status, answer.body, answer.headers["ETag"]) == (200, b"here you are", '"1"')
    [(method, url, headers, body)] = upstream.requests
    assert (method, url, body) == ("POST", f"{ORIGIN}{PATH}?q=a%20b", b"please")
    assert (headers["Host"], headers["Content-Type"]) == ("api.example.com", "text/plain")


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_is_one(network: ThroughProxy, upstream: Upstream, status: int) -> None:
    upstream.response = Response(status, {"ETag": '"1"'}, b"")
    for _ in range(2):  # over the same connection
        answer = network.send("GET", f"{ORIGIN}{PATH}", {}, b"")
        assert (answer.status, answer.body) == (status, b"")


def test_a_lost_answer_was_given(
    network: ThroughProxy, proxy: LossyProxy, upstream: Upstream, fates: list[Fate]
) -> None:
    fates.append(Fate.ANSWER_LOST)
    with pytest.raises(NetworkFailure):
        network.send("POST", f"{ORIGIN}{PATH}", {}, b"please")
    assert [body for *_, body in upstream.requests] == [b"please"]
    assert proxy.exchanges == [Exchange(f"POST {PATH}", Fate.ANSWER_LOST, upstream.response)]
    assert network.send("POST", f"{ORIGIN}{PATH}", {}, b"please").status == 200


def test_a_lost_request_never_arrives(
    network: ThroughProxy, proxy: LossyProxy, upstream: Upstream, fates: list[Fate]
) -> None:
    fates.append(Fate.REQUEST_LOST)
    with pytest.raises(NetworkFailure):
        network.send("POST", f"{ORIGIN}{PATH}", {}, b"please")
    assert not upstream.requests
    assert proxy.exchanges == [Exchange(f"POST {PATH}", Fate.REQUEST_LOST, None)]


def test_a_server_that_is_not_there_looks_the_same(
    network: ThroughProxy, proxy: LossyProxy, upstream: Upstream
) -> None:
    upstream.response = None
    with pytest.raises(NetworkFailure):
        network.send("GET", f"{ORIGIN}{PATH}", {}, b"")
    assert proxy.exchanges == [Exchange(f"GET {PATH}", Fate.REQUEST_LOST, None)]


def test_attempts_of_one_call_are_counted_apart(upstream: Upstream) -> None:
    asked: list[tuple[str, int]] = []

    def decide(call: str, attempt: int) -> Fate:
        asked.append((call, attempt))
        return Fate.ARRIVED

    proxy = LossyProxy(upstream, ORIGIN, decide)
    with proxy:
        for name in ("one", "two", "one"):
            proxy.carry("POST", PATH, {"X-Request-ID": name}, b"")
        proxy.carry("GET", f"{PATH}?q=a", {}, b"")
    assert asked == [("one", 0), ("two", 0), ("one", 1), (f"GET {PATH}", 0)]


def test_a_third_of_the_answers_is_lost_the_same_ones_for_one_seed() -> None:
    attempts = [(seed, f"create-{number}", attempt) for seed in range(50) for number in range(20) for attempt in (0, 1)]
    fates = Counter(fate_of(*attempt) for attempt in attempts)
    assert fates == Counter(fate_of(*attempt) for attempt in attempts)
    answered = fates[Fate.ARRIVED] + fates[Fate.ANSWER_LOST]
    assert fates[Fate.ANSWER_LOST] / answered == pytest.approx(1 / 3, abs=0.03)
    assert fates[Fate.REQUEST_LOST] / fates.total() == pytest.approx(1 / 10, abs=0.03)
    assert len({tuple(fate_of(seed, "create-1", attempt) for attempt in range(20)) for seed in range(50)}) == 50
