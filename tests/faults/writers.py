"""Phones that write contacts without a pause, repeat each until it is acknowledged, and keep a journal.

What the journal holds has to be in the database, once, and nothing else: that is what "nothing lost, nothing doubled"
means here.
"""

import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from handset_client import Call, Client, HttpTransport, NetworkFailure, Response, uuid7

from tests.services.servers import wait_until

# What a phone waits between two writes, and before it repeats one (seconds).
_PAUSE_SECONDS = 0.1
_REPEAT_SECONDS = 1.0
_PATIENCE_SECONDS = 60

# What a write may be answered while a store fails. Anything else is a broken promise.
_PROMISED = {201: "", 200: "", 503: "temporarily_unavailable", 409: "idempotency_in_progress"}


class Writer:
    """A person on a phone, and everything that was acknowledged to them."""

    def __init__(self, phone: Client) -> None:
        self.phone = phone
        self.acknowledged: list[uuid.UUID] = []
        self.is_replayed = 0
        self._transport = HttpTransport()

    def write(self, load: "Load") -> None:
        """One contact under an id and a key of the phone's choice, however often it has to be said."""
        contact_id, key = uuid7(), str(uuid.uuid4())
        body = {"id": str(contact_id), "first_name": "Grace", "notes": f"number {len(self.acknowledged)}"}
        answer = self.repeat(Call.of_json("POST", "contacts/", body, headers={"Idempotency-Key": key}), load)
        assert json.loads(answer.body)["id"] == str(contact_id)
        self.acknowledged.append(contact_id)

    def repeat(self, call: Call, load: "Load", *, base_url: str = "") -> Response:
        """The answer that ends it; `base_url` is another server than the phone's."""
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < give_up_at:
            answer = self._send(call, load, base_url)
            if answer is not None and answer.status < 300:
                return answer
            time.sleep(random.uniform(0.2, 1) * _REPEAT_SECONDS)
        raise AssertionError("a write was never acknowledged")

    def _send(self, call: Call, load: "Load", base_url: str) -> Response | None:
        """The answer to one attempt, None if there was none. What was not promised is noted."""
        attempt = self.phone.prepare(call)
        url = base_url + urlsplit(attempt.url).path if base_url else attempt.url
        began_at = time.monotonic()
        try:
            answer = self._transport.send(attempt.method, url, attempt.headers, attempt.body)
        except NetworkFailure as failure:
            load.note(0, str(failure), began_at)
            return None
        load.note(answer.status, _broken_promise(answer), began_at)
        self.is_replayed += "Idempotency-Replayed" in answer.headers
        return answer

    def close(self) -> None:
        self._transport.close()


def _broken_promise(answer: Response) -> str:
    """What is wrong with an answer; empty when nothing is."""
    if answer.status not in _PROMISED:
        return f"{answer.status} {answer.body[:300]!r}"
    if answer.status < 300:
        return ""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if headers.get("content-type") != "application/problem+json":
        return f"{answer.status} is no problem document: {answer.body[:300]!r}"
    if not headers.get("retry-after", "").isdecimal():
        return f"{answer.status} does not say when to come back"
    code = json.loads(answer.body)["code"]
    return "" if code == _PROMISED[answer.status] else f"{answer.status} {code}"


class Load:
    """Writers at work, each in a thread of its own, until the `with` block is left; then each completes its write."""

    def __init__(self, writers: Sequence[Writer], *, may_break: bool = False) -> None:
        """`may_break`: a connection may end without an answer, since the server behind it is killed."""
        self._writers = writers
        self._may_break = may_break
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, args=(writer,)) for writer in writers]
        self.statuses: Counter[int] = Counter()
        self.broken: Counter[str] = Counter()
        self.slowest_seconds = 0.0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        for writer in self._writers:
            writer.close()
        if kind is None:
            assert not self.broken

    def _work(self, writer: Writer) -> None:
        try:
            while not self._is_over.is_set():
                writer.write(self)
                self._is_over.wait(random.uniform(0, 2) * _PAUSE_SECONDS)
        except Exception as error:  # noqa: BLE001 -- told by whoever leaves the block
            self.note(0, f"{type(error).__name__}: {error}", time.monotonic(), is_fatal=True)

    def note(self, status: int, complaint: str, began_at: float, *, is_fatal: bool = False) -> None:
        with self._lock:
            self.statuses[status] += 1
            self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began_at)
            if complaint and (is_fatal or status or not self._may_break):
                self.broken[complaint] += 1

    def wait_for_everybody(self) -> None:
        """Until each of the phones has had a write acknowledged that it began after now, or was at just now."""
        before = [len(writer.acknowledged) for writer in self._writers]

        def is_so() -> bool:
            assert not self.broken
            now = (len(writer.acknowledged) for writer in self._writers)
            return all(count > was for count, was in zip(now, before, strict=True))

        wait_until(is_so, "a write of each phone is acknowledged", seconds=_PATIENCE_SECONDS)

    def told(self) -> str:
        """How it went, for the report."""
        answers = ", ".join(f"{number} × {status or 'none'}" for status, number in sorted(self.statuses.items()))
        return f"{answers}; slowest answer {self.slowest_seconds:.1f} s"
