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
import http.client
import itertools
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from django.db import connection
from handset_client import Attempt, Call, Client
from handset_client.outcomes import accept

from api.models import Contact, Organization, User
from api.platform import search
from tests import factories
from tests.services.servers import UNLIMITED, Gunicorn, database_named, deployment, make_app_key, manage

CONTACTS = 10_000
CALLERS = 4
ROUNDS = 7
ROUND_SECONDS = 0.5
STORES = ("DATABASE_URL", "REDIS_STATE_URL", "REDIS_CACHE_URL", "CELERY_BROKER_URL")
PASSWORD = "correct horse battery staple"
SIGNED_AT_MOST = 400  # by one caller in a round, beforehand: to sign is the phone's work, not the server's


class Measured(NamedTuple):
    """Requests a second, and microseconds of the worker's processor time for each."""

    rate: float
    cpu_us: float


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
        _separate(server.pid, worker)
        phone = Client(server.base_url, *app_key)
        person = accept(phone.sign_up(f"bench-{os.getpid()}@example.com", PASSWORD)).json["user"]
        slug, contact = _seeded(environment, person["id"])
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
            supplies = [_supply(phone, call) for _ in range(CALLERS)]
            rounds[name].append(_one_round(supplies, worker, port))
    found = {
        name: Measured(*(statistics.median(column) for column in zip(*of_one[1:], strict=True)))  # the first one warms
        for name, of_one in rounds.items()
    }
    return dict(sorted(found.items(), key=lambda item: -item[1].rate))


def _supply(phone: Client, call: Call) -> Iterable[Attempt]:
    """What one caller sends in a round: the same again and again, unless it is signed."""
    first = phone.prepare(call)
    if "Signature" not in first.headers:
        return itertools.repeat(first)
    return [phone.prepare(call) for _ in range(SIGNED_AT_MOST)]


def _one_round(supplies: list[Iterable[Attempt]], worker: int, port: int) -> Measured:
    """Callers with a connection each, until the time is over."""
    counts = [0] * len(supplies)
    deadline = 0.0
    gate = threading.Barrier(len(supplies) + 1)

    def call(number: int) -> None:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        line.connect()
        gate.wait()
        for attempt in supplies[number]:
            if time.perf_counter() > deadline:
                break
            path = attempt.url.partition(str(port))[2]
            line.request(attempt.method, path, attempt.body or None, dict(attempt.headers))
            answer = line.getresponse()
            answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"{attempt.method} {path}: {answer.status}")
            counts[number] += 1
        line.close()

    threads = [threading.Thread(target=call, args=(number,)) for number in range(len(supplies))]
    for thread in threads:
        thread.start()
    cpu_before, started = _cpu_seconds(worker), time.perf_counter()
    deadline = started + ROUND_SECONDS
    gate.wait()
    for thread in threads:
        thread.join()
    seconds, cpu = time.perf_counter() - started, _cpu_seconds(worker) - cpu_before
    return Measured(sum(counts) / seconds, cpu / max(1, sum(counts)) * 1e6)


def _cpu_seconds(pid: int) -> float:
    """The processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _separate(*server: int) -> None:
    """Gives the server one processor and us the others, where there are two."""
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) > 1:
        for pid in server:
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {processors[0]})
        os.sched_setaffinity(0, set(processors[1:]))


def _seeded(environment: dict[str, str], user_id: str) -> tuple[str, str]:
    """Makes a group of the person with ten thousand contacts; its slug, and that of a contact in the middle."""
    command = [sys.executable, __file__, "--seed", user_id]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    slug, contact = done.stdout.split()
    return slug, contact


def seed(user_id: str) -> None:
    """The seeding itself, in a process that has the server's environment."""
    organization = factories.group(User.objects.get(id=user_id), name="Benchmark")
    rows = []
    for number in range(CONTACTS):
        first_name, last_name, email = f"First{number % 97}", f"Last{number}", f"person{number}@example.com"
        name = f"{first_name} {last_name}"
        rows.append(
            Contact(
                organization=organization,
                creator_id=user_id,
                slug=f"{search.sort_key(name).replace(' ', '-')}-{number:06}",
                display_name=name,
                first_name=first_name,
                last_name=last_name,
                emails=[{"label": "work", "value": email, "is_primary": True}],
                phone_numbers=[{"label": "", "value": f"+4930{number:07}", "is_primary": True}],
                company=f"Company {number % 300}",
                display_name_key=search.sort_key(name),
                first_name_key=search.sort_key(first_name),
                last_name_key=search.sort_key(last_name),
                email_key=search.sort_key(email),
                change_seq=number + 1,
            )
        )
    Contact.objects.bulk_create(rows, batch_size=500)
    Organization.objects.filter(id=organization.id).update(change_seq=CONTACTS)
    print(organization.slug, rows[CONTACTS // 2].slug)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--seed"]:
        seed(sys.argv[2])
    else:
        main()
