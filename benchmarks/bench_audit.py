"""What the chain of the audit trail costs those who write: contacts created a second, with it and without.

    DATABASE_URL=mysql://… python benchmarks/bench_audit.py [seconds a round]

In a database of the script's own (MariaDB, MySQL or PostgreSQL), two processes create contacts by the service, each in an
organization of its own and one after the other; every creation writes a row of the trail. With the chain, rows are
committed to as they are written, and a third process numbers and chains them every second, sixty times as often as a
deployment does. Without, neither happens. Both take turns. The exit status is 1 when writing with it is slower than 0.9
of writing without.
"""

import harness

# isort: split
import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import connection

from api.apis.audit import services as audit
from api.apis.contacts import services as contacts
from api.apis.users import services as users
from api.models import ActorKind, Channel
from api.platform import audit_chain, callers, memberships
from api.platform.callers import Caller
from tests.services.servers import database_named, deployment, manage

ROUNDS = 30
ROUND_SECONDS = 1.0
WRITERS = 2
LEAST = 0.9


def main() -> int:
    if connection.vendor == "sqlite":
        print("bench_audit: skipped; it needs DATABASE_URL (MariaDB, MySQL or PostgreSQL).")
        return 0
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else ROUND_SECONDS
    rates: dict[bool, list[float]] = {True: [], False: []}
    with database_named(f"handset_bench_{os.getpid()}") as url:
        environment = deployment(DATABASE_URL=url, REDIS_STATE_URL="", REDIS_CACHE_URL="", VAR_DIR=str(harness.SCRATCH))
        manage(environment, "migrate", "--verbosity=0")
        with hands(environment, ["writer"] * WRITERS) as writers, hands(environment, ["sealer"]) as (sealer,):
            for number in range(2 * (ROUNDS + 1)):
                is_chained = number % 2 == 0
                order = json.dumps({"is_chained": is_chained, "seconds": seconds}) + "\n"
                for hand in (*writers, sealer):
                    tell(hand, order)
                made = [json.loads(hear(hand)) for hand in (*writers, sealer)][:WRITERS]
                rates[is_chained].append(sum(made) / seconds)
    connection.close()
    # The first one warms; what disturbs single rounds meets both alike.
    with_it, without = (statistics.mean(rates[is_chained][1:]) for is_chained in (True, False))
    ratio = with_it / without
    print(f"{WRITERS} writers on {connection.vendor}: {with_it:.0f} contacts/s with the chain, {without:.0f} without")
    print(f"ratio {ratio:.3f}, budget ≥ {LEAST}")
    return int(ratio < LEAST)


@contextlib.contextmanager
def hands(environment: Mapping[str, str], roles: list[str]) -> Iterator[list[Any]]:
    """Processes of this script that do what they are told, a line each."""
    running = [
        subprocess.Popen(
            [sys.executable, __file__, "--as", role],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for role in roles
    ]
    try:
        for process in running:
            assert hear(process) == "ready\n"
        yield running
    finally:
        for process in running:
            process.stdin.close()  # type: ignore[union-attr]
            process.wait(30)
            process.stdout.close()  # type: ignore[union-attr]


def tell(process: Any, line: str) -> None:
    process.stdin.write(line)
    process.stdin.flush()


def hear(process: Any) -> str:
    return str(process.stdout.readline())


def hand(role: str) -> None:
    """The other side."""
    caller = somebody() if role == "writer" else None
    committed = audit_chain.committed
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        order = json.loads(line)
        audit_chain.committed = committed if order["is_chained"] else uncommitted
        until, made = time.monotonic() + order["seconds"], 0
        while time.monotonic() < until:
            if caller is not None:
                values = {"display_name": f"Contact {made}", "company": "Analytical Engines"}
                contacts.create_contact(caller, organization=None, contact_id=None, values=values, primaries={})
                made += 1
            else:
                if order["is_chained"]:
                    audit.seal()
                time.sleep(min(1.0, max(0.0, until - time.monotonic())))
        sys.stdout.write(f"{made}\n")
        sys.stdout.flush()


_numbers = itertools.count(10**12 + os.getpid() * 10**6)


def uncommitted(facts: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it would be without a chain, and not one that waits for its number."""
    nothing = {"key_id": "", "salt": None, "commitment": bytes(32), "digest": bytes(32)}
    return {**audit_chain._UNSAID, **facts, **nothing, "number": next(_numbers)}


def somebody() -> Caller:
    email = f"bench-{os.getpid()}@example.com"
    person = users.create_person(callers.command(), email=email, password="correct horse battery", profile={})
    own = memberships.of_person(person.id)
    return Caller(kind=ActorKind.USER, channel=Channel.API, user_id=person.id, memberships=own)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--as"]:
        hand(sys.argv[2])
    else:
        sys.exit(main())
