"""The database has committed, and nobody hears of it: whoever repeats the write gets the answer that was lost."""

import json
import os
import signal
import uuid
from collections import Counter
from functools import partial

import pytest
from handset_client import Call

from tests.faults.conftest import Site
from tests.faults.proxy import Proxy
from tests.faults.stores import rest
from tests.faults.writers import Load, Writer
from tests.services.crowds import at_once
from tests.services.servers import Gunicorn, wait_until

pytestmark = pytest.mark.faults

WRITERS = 12
CUTS = 30
SILENT_SECONDS = 6
KILLS = 3
KEYS, COPIES = 20, 20

Proxied = tuple[Proxy, Gunicorn]


def test_commits_whose_answers_are_lost(site: Site, proxied: Proxied) -> None:
    proxy, server = proxied
    writers = site.people(WRITERS, server.base_url)
    with Load(writers) as load:
        load.wait_for_everybody()
        proxy.cut_commits(CUTS)
        wait_until(lambda: proxy.has_cut, "all of them were cut", seconds=60)
        load.wait_for_everybody()
    replayed = sum(writer.is_replayed for writer in writers)
    assert load.statuses[503] >= CUTS
    # Fewer than were lost: the answer to a repetition can be lost as well.
    assert WRITERS <= replayed <= CUTS
    site.say(f"{CUTS} answers to COMMIT lost: {load.told()}, {replayed} replayed", site.require_nothing_lost())


def test_network_that_falls_silent(site: Site, proxied: Proxied) -> None:
    proxy, server = proxied
    writers = site.people(WRITERS, server.base_url)
    with Load(writers) as load:
        load.wait_for_everybody()
        proxy.silence()
        rest(SILENT_SECONDS)
        proxy.reset()
        load.wait_for_everybody()
    assert load.statuses[503]
    site.say(f"network silent for {SILENT_SECONDS} s: {load.told()}", site.require_nothing_lost())


def test_worker_killed_between_commit_and_answer(site: Site, proxied: Proxied) -> None:
    proxy, server = proxied
    writers = site.people(WRITERS, server.base_url)
    with Load(writers, may_break=True) as load:
        for _ in range(KILLS):
            load.wait_for_everybody()
            (worker,) = server.workers()
            proxy.cut_commits(1, lambda: os.kill(worker, signal.SIGKILL))  # noqa: B023 -- called in this round
            wait_until(lambda: proxy.has_cut and worker not in server.workers(), "it was killed")  # noqa: B023
        load.wait_for_everybody()
    replayed = sum(writer.is_replayed for writer in writers)
    # Each kill meets one write at that very point, and perhaps others at theirs.
    assert replayed >= KILLS
    site.say(f"{KILLS} workers killed after COMMIT: {load.told()}, {replayed} replayed", site.require_nothing_lost())


def test_copies_of_one_write_at_once(site: Site, few: list[Writer]) -> None:
    """Twenty keys, each sent twenty times at once to both servers, without an id that would tell that they are one."""
    load = Load(few)

    def send(writer: Writer, key: str, number: int) -> tuple[str, bool]:
        call = Call.of_json("POST", "contacts/", {"first_name": "Grace"}, headers={"Idempotency-Key": key})
        answer = writer.repeat(call, load, base_url=site.servers[number % 2].base_url)
        return json.loads(answer.body)["id"], "Idempotency-Replayed" in answer.headers

    writers = few[:KEYS]
    keys = [str(uuid.uuid4()) for _ in writers]
    answers = at_once(
        partial(send, writer, key, number)
        for writer, key in zip(writers, keys, strict=True)
        for number in range(COPIES)
    )
    assert not load.broken
    for index, writer in enumerate(writers):
        ((contact_id, copies),) = Counter(answer for answer, _ in answers[index * COPIES :][:COPIES]).items()
        assert copies == COPIES
        writer.acknowledged.append(uuid.UUID(contact_id))
    assert sum(is_replayed for _, is_replayed in answers) == KEYS * (COPIES - 1)
    site.say(f"{KEYS} keys × {COPIES} copies at once: {load.told()}", site.require_nothing_lost())
