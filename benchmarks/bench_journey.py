"""Requests a second of the calls that phones make most, over real gunicorn and real sockets, as ratios to the ceiling:
`GET /health/live/`, which the same server answers in the same rounds without touching anything.

    DATABASE_URL=mysql://… REDIS_STATE_URL=redis://… REDIS_CACHE_URL=redis://… python benchmarks/bench_journey.py

measures a server database with Redis, and the embedded default after it; without the variables, only the latter. The
databases are the script's own; the Redis database is shared, and what is written there runs out by itself.

One worker, held to one processor where there are two; the callers have the other. All calls take their turns in every
round, so that whatever else the machine does meets all of them. Beside the rate stands the worker's own processor time,
which others disturb less: of two runs on different machines compare the ratios.
"""

import harness

# isort: split
import itertools
import os
import statistics
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from django.db import connection
from handset_client import Attempt, Call, Client
from handset_client.outcomes import accept
from load import Measured, one_round, request_bytes, separate
from seeding import seeded

from tests.services.servers import UNLIMITED, Gunicorn, database_named, deployment, make_app_key, manage

CONTACTS = 10_000
CALLERS = 4
ROUNDS = 7
ROUND_SECONDS = 0.5
STORES = ("DATABASE_URL", "REDIS_STATE_URL", "REDIS_CACHE_URL", "CELERY_BROKER_URL")
PASSWORD = "correct horse battery staple"
SIGNED_AT_MOST = 400  # by one caller in a round, beforehand: to sign is the phone's work, not the server's


def main() -> None:
    folder = harness.SCRATCH
    if connection.vendor != "sqlite":
        name = f"handset_bench_{os.getpid()}"
        with database_named(name) as url:
            title = f"{connection.vendor}, {'Redis' if os.environ.get('REDIS_STATE_URL') else 'no Redis'}"
            report(title, {**deployment(**UNLIMITED), "DATABASE_URL": url, "WEB_CONCURRENCY": "1"}, folder)
            connection.close()
    own = deployment(VAR_DIR=str(folder), **UNLIMITED)
    report("embedded default", {name: value for name, value in own.items() if name not in STORES}, folder)


def report(title: str, environment: dict[str, str], folder: Path) -> None:
    """Starts a server, measures and prints a table."""
    manage(environment, "migrate", "--verbosity=0")
    app_key = make_app_key(environment)
    with ExitStack() as stack:
        server = Gunicorn(environment, folder / f"{title}.log")
        stack.callback(server.stop)
        server.wait_until_up()
        worker = server.workers()[0]
        separate(server.pid, worker)
        phone = Client(server.base_url, *app_key)
        person = accept(phone.sign_up(f"bench-{os.getpid()}@example.com", PASSWORD)).json["user"]
        slug, contact = seeded(environment, person["id"], CONTACTS)
        found = measure(phone, calls_of(phone, slug, contact), worker, server.port)
        failures = server.failures()
    ceiling = found["GET /health/live/"]
    print(f"\n{title}: one worker, {CALLERS} callers, medians of {ROUNDS} rounds")
    print(f"{'call':<36}{'requests/s':>12}{'of ceiling':>12}{'worker µs':>12}{'× ceiling':>11}")
    for name, one in found.items():
        print(
            f"{name:<36}{one.rate:>12.0f}{one.rate / ceiling.rate:>12.3f}"
            f"{one.cpu_us:>12.0f}{one.cpu_us / ceiling.cpu_us:>11.1f}"
        )
    if failures:
        sys.exit("\n".join(failures[:5]))


def calls_of(phone: Client, slug: str, contact: str) -> dict[str, Call]:
    return {
        "GET /health/live/": Call("GET", "/health/live/"),
        "POST auth/get-token/ (signed)": Call.of_json("POST", "auth/get-token/", {"device_id": phone.state.device_id}),
        "GET users/me/": Call("GET", "users/me/"),
        "GET contacts/, 25 of 10,000": Call("GET", "contacts/", f"filter%5Borg%5D={slug}&limit=25"),
        "GET contacts/<slug>/": Call("GET", f"contacts/{contact}/"),
        "POST contacts/": Call.of_json("POST", "contacts/", {"first_name": "Grace", "email": "grace@example.com"}),
    }


def measure(phone: Client, calls: dict[str, Call], worker: int, port: int) -> dict[str, Measured]:
    rounds: dict[str, list[Measured]] = {name: [] for name in calls}
    for _ in range(ROUNDS + 1):
        for name, call in calls.items():
            supplies = [_supply(phone, call, port) for _ in range(CALLERS)]
            rounds[name].append(one_round(port, worker, supplies, seconds=ROUND_SECONDS))
    found = {
        name: Measured(*(statistics.median(column) for column in zip(*of_one[1:], strict=True)))  # the first one warms
        for name, of_one in rounds.items()
    }
    return dict(sorted(found.items(), key=lambda item: -item[1].rate))


def _supply(phone: Client, call: Call, port: int) -> Iterable[bytes]:
    """What one caller sends in a round: the same again and again, unless it is signed."""
    first = phone.prepare(call)
    if "Signature" not in first.headers:
        return itertools.repeat(_bytes_of(first, port))
    return [_bytes_of(phone.prepare(call), port) for _ in range(SIGNED_AT_MOST)]


def _bytes_of(attempt: Attempt, port: int) -> bytes:
    path = attempt.url.partition(str(port))[2]
    return request_bytes(attempt.method, path, port, headers=attempt.headers, body=attempt.body or b"")


if __name__ == "__main__":
    main()
