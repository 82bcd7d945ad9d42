"""Doing the same thing many times at once, and phones that share one installation."""

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from handset_client import Attempt, Client, HttpTransport, MemoryStorage, Response
from handset_client.outcomes import Answer

T = TypeVar("T")
C = TypeVar("C")

AT_ONCE_SECONDS = 60


def at_once(actions: Iterable[Callable[[], T]]) -> list[T]:
    """The results of `actions`, each in a thread of its own, all let go at the same moment.

    Raises what the first of them raised, and BrokenBarrierError or TimeoutError when they do not come to an end.
    """
    todo = list(actions)
    gate = threading.Barrier(len(todo), timeout=AT_ONCE_SECONDS)

    def run(action: Callable[[], T]) -> T:
        gate.wait()
        return action()

    with ThreadPoolExecutor(len(todo)) as pool:
        running = [pool.submit(run, action) for action in todo]
        deadline = time.monotonic() + AT_ONCE_SECONDS
        return [future.result(max(0.0, deadline - time.monotonic())) for future in running]


class Wire(HttpTransport):
    """The client's own transport over real sockets, which remembers what every attempt was answered.

    Crowds are larger than the servers: who finds no thread free comes again, and does not speak of it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[int] = []

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        while _finds_no_thread(response := super().send(method, url, headers, body)):
            time.sleep(random.uniform(0, 0.05))
        self.statuses.append(response.status)
        return response

    def send_attempt(self, attempt: Attempt, *, to: str = "") -> Answer:
        """One prepared attempt to the byte; `to` is another server's base URL, reached under the signed name."""
        url, headers = attempt.url, dict(attempt.headers)
        if to:
            parts = urlsplit(url)
            url, headers["Host"] = to + urlunsplit(("", "", *parts[2:])), parts.netloc
        return Answer.read(self.send(attempt.method, url, headers, attempt.body))


def _finds_no_thread(response: Response) -> bool:
    """Whether the server's bulkhead has answered, before anything was looked at."""
    return response.status == 503 and response.headers.get("Retry-After") == "1" and b"temporarily" in response.body


def copies(phone: Client, base_urls: Sequence[str], number: int, make: Callable[..., Client]) -> list[Client]:
    """`number` clients that hold what `phone` holds now, spread over the servers: one app, started again and again."""
    found = []
    for base_url in islice(cycle(base_urls), number):
        storage = MemoryStorage()
        storage.save(phone.state.to_json())
        found.append(make(base_url, storage=storage))
    return found


def answers_of(clients: Iterable[C], call: Callable[[C], T]) -> list[T]:
    """What `call` gives for each of `clients`, all at once."""
    return at_once(partial(call, client) for client in clients)


def posting(path: str, body: Any) -> Callable[[Client], Answer]:
    """The call that posts `body`, for `answers_of`."""
    return lambda client: client.request("POST", path, body)


def answers_to(wire: Wire, attempt: Attempt, base_urls: Sequence[str], number: int) -> list[Answer]:
    """What `number` copies of one attempt are answered, sent to the servers by turns, all at once."""
    turns = islice(cycle(base_urls), number)
    return at_once(partial(wire.send_attempt, attempt, to=base_url) for base_url in turns)
