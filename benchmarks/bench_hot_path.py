"""The calls that phones make most, against two peers that answer them from the same tables on the same stores:

* `peers/stock_drf.py`, the same calls in Django REST Framework as it comes out of the box, and
* `peers/plain_wsgi.py`, a WSGI function without a framework: the floor.

    DATABASE_URL=mysql://… REDIS_STATE_URL=redis://… REDIS_CACHE_URL=redis://… python benchmarks/bench_hot_path.py

Three real gunicorns with one worker each, held to one processor where there are two; the callers have the other. All
pairs take their turns in every round, so that whatever else the machine does meets all of them. Limits stay on, at rates
that nobody meets. The exit status is 1 when a budget is missed, by the worker's processor time: a worker's rate follows
from it, and others disturb it less than the rate itself, which stands beside it.
"""

import harness

# isort: split
import itertools
import os
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

import jwt
from django.db import connection
from handset_client import Call, Client
from handset_client.outcomes import accept
from load import Line, Measured, one_round, request_bytes, separate
from seeding import Seeded, seeded

from api.platform import state
from tests.services.servers import (
    UNLIMITED,
    Gunicorn,
    Process,
    database_named,
    deployment,
    free_port,
    make_app_key,
    manage,
)

CONTACTS = 10_000
CALLERS = 4
ROUNDS = 9
ROUND_SECONDS = 0.5
PASSWORD = "correct horse battery staple"
OURS, STOCK, PLAIN = "ours", "stock DRF", "plain WSGI"
JSON = {"Content-Type": "application/json"}


class Peer(Gunicorn):
    """A peer's server: one worker of the kind that ours has."""

    def __init__(self, environment: dict[str, str], application: str) -> None:
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        options = ("--worker-class=gthread", "--workers=1", "--threads=8", "--keep-alive=75", "--log-level=warning")
        log = harness.SCRATCH / f"{application}.log"
        command = ("-m", "gunicorn", *options, f"--bind=127.0.0.1:{self.port}", application)
        Process.__init__(self, environment, log, *command)


class Target(NamedTuple):
    """Whose server, and what it is asked: the same again and again."""

    server: Gunicorn
    request: bytes


class Journey(NamedTuple):
    """A call, whom it is compared with, and its budgets: how many times cheaper than the stock peer it has to be, and
    which part of the plain function's throughput it has to reach.
    """

    targets: dict[str, Target]
    times_stock: float = 0
    part_of_plain: float = 0


def main() -> int:
    if connection.vendor != "mysql" or not all(os.environ.get(name) for name in ("REDIS_STATE_URL", "REDIS_CACHE_URL")):
        print("bench_hot_path: skipped; it needs DATABASE_URL (MariaDB or MySQL), REDIS_STATE_URL and REDIS_CACHE_URL.")
        return 0
    with database_named(f"handset_bench_{os.getpid()}") as url, ExitStack() as stack:
        key = uuid.uuid4().hex * 2
        own = {"DATABASE_URL": url, "WEB_CONCURRENCY": "1", "ALLOWED_HOSTS": "127.0.0.1", "BENCH_TOKEN_KEY": key}
        environment = deployment(**UNLIMITED, **own)
        manage(environment, "migrate", "--verbosity=0")
        app_key = make_app_key(environment)
        stock = {**environment, "DJANGO_SETTINGS_MODULE": "benchmarks.peers.stock_settings"}

        def started(server: Gunicorn) -> Gunicorn:
            stack.callback(server.stop)
            server.wait_until_up()
            separate(server.pid, *server.workers())
            return server

        servers = {
            OURS: started(Gunicorn(environment, harness.SCRATCH / "ours.log")),
            STOCK: started(Peer(stock, "django.core.wsgi:get_wsgi_application()")),
            PLAIN: started(Peer(environment, "benchmarks.peers.plain_wsgi:application")),
        }
        phone = Client(servers[OURS].base_url, *app_key)
        person = accept(phone.sign_up(f"bench-{os.getpid()}@example.com", PASSWORD)).json["user"]["id"]
        rows = seeded(environment, person, CONTACTS)
        with state.guarded() as redis:
            # As old as a store in service: of one that was found new the gate believes less.
            redis.set(state.EPOCH_KEY, f"1 {redis.info('server')['run_id']}")
        journeys = journeys_of(phone, person, rows, key, servers)
        found = measured(journeys)
        connection.close()
    return report(journeys, found)


def journeys_of(phone: Client, person: str, rows: Seeded, key: str, servers: dict[str, Gunicorn]) -> dict[str, Journey]:
    until = int(time.time()) + 3600
    stock_token = {"token_type": "access", "user_id": person, "exp": until, "jti": uuid.uuid4().hex}
    plain_token = {"sub": person, "sid": str(uuid.uuid4()), "exp": until}
    tokens = {name: jwt.encode(claims, key, "HS256") for name, claims in ((STOCK, stock_token), (PLAIN, plain_token))}

    def target(name: str, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Target:
        server = servers[name]
        bearer = {"Authorization": f"Bearer {tokens[name]}", **(headers or {})}
        request = request_bytes(method, path, server.port, headers=bearer, body=body)
        return Target(server, request)

    def ours(call: Call, headers: dict[str, str] | None = None) -> Target:
        server, attempt = servers[OURS], phone.prepare(call)
        path = attempt.url.partition(str(server.port))[2]
        request = request_bytes(
            attempt.method, path, server.port, headers={**attempt.headers, **(headers or {})}, body=attempt.body or b""
        )
        return Target(server, request)

    query = f"filter%5Borg%5D={rows.organization}&limit=25"
    # Not where the list is read, which would not stay unchanged.
    own = next(org for org in accept(phone.request("GET", "orgs/")).json["data"] if org["kind"] == "personal")
    body = {"organization": own["slug"], "display_name": "Grace Hopper", "first_name": "Grace"}
    emails = [{"label": "work", "value": "grace@example.com", "is_primary": True}]
    creation = Call.of_json("POST", "contacts/", {**body, "emails": emails})
    of_contacts = Call("GET", "contacts/", query)
    journeys = {
        "25 of 10,000 contacts": Journey(
            {
                OURS: ours(of_contacts),
                STOCK: target(STOCK, "GET", f"/contacts/?org={rows.organization}"),
                PLAIN: target(PLAIN, "GET", f"/contacts/?filter%5Borg%5D={rows.organization}"),
            },
            times_stock=6,
            part_of_plain=0.35,
        ),
        "one contact": Journey(
            {
                OURS: ours(Call("GET", f"contacts/{rows.contact}/")),
                STOCK: target(STOCK, "GET", f"/contacts/{rows.contact}/"),
            },
            times_stock=3,
        ),
        "users/me": Journey(
            {OURS: ours(Call("GET", "users/me/")), STOCK: target(STOCK, "GET", "/users/me/")}, times_stock=3
        ),
        "create a contact": Journey(
            {OURS: ours(creation), STOCK: target(STOCK, "POST", "/contacts/", JSON, creation.body or b"")},
            times_stock=3,
        ),
    }
    etag = etag_of(journeys["25 of 10,000 contacts"].targets[OURS])
    if etag is None:
        print("The server gives its lists no ETag: the journey of an unchanged list is left out.")
    else:
        unchanged = ours(of_contacts, {"If-None-Match": etag})
        journeys["unchanged list (304)"] = Journey(
            {OURS: unchanged, PLAIN: target(PLAIN, "GET", "/constant/")}, part_of_plain=0.5
        )
    require_answers(journeys)
    return journeys


def etag_of(target: Target) -> str | None:
    line = Line(target.server.port)
    answer = line.ask(target.request)
    line.close()
    return answer.headers.get("etag")


def require_answers(journeys: dict[str, Journey]) -> None:
    """Raises RuntimeError when somebody answers something else than is to be compared."""
    for name, journey in journeys.items():
        expected = 201 if name.startswith("create") else 304 if name.startswith("unchanged") else 200
        for peer, target in journey.targets.items():
            line = Line(target.server.port)
            answer = line.ask(target.request)
            line.close()
            if answer.status != (200 if peer == PLAIN else expected):
                log = target.server.log.read_text()[-2000:]
                raise RuntimeError(f"{name}, {peer}: {answer.status} {answer.body[:500]!r}\n{log}")


def measured(journeys: dict[str, Journey]) -> dict[tuple[str, str], Measured]:
    rounds: dict[tuple[str, str], list[Measured]] = {}
    for _ in range(ROUNDS + 1):
        for name, journey in journeys.items():
            for peer, target in journey.targets.items():
                supplies = [itertools.repeat(target.request)] * CALLERS
                server = target.server
                one = one_round(server.port, server.workers()[0], supplies, seconds=ROUND_SECONDS)
                rounds.setdefault((name, peer), []).append(one)
    return {  # the first round warms
        key: Measured(*(statistics.median(column) for column in zip(*of_one[1:], strict=True)))
        for key, of_one in rounds.items()
    }


def report(journeys: dict[str, Journey], found: dict[tuple[str, str], Measured]) -> int:
    is_within = True
    print(f"\none worker each, {CALLERS} callers, medians of {ROUNDS} rounds; CPU: the worker's microseconds a request")
    columns = f"{'CPU':>8}{'requests/s':>12}{'CPU ratio':>11}{'rate ratio':>12}   budget"
    print(f"{'call':<24}{'whose':<12}{columns}")
    for name, journey in journeys.items():
        ours = found[name, OURS]
        print(f"{name:<24}{OURS:<12}{ours.cpu_us:>8.0f}{ours.rate:>12.0f}")
        for peer, ratio, budget in _comparisons(journey):
            other = found[name, peer]
            by_cpu, by_rate = ratio(other.cpu_us, ours.cpu_us), ratio(ours.rate, other.rate)
            verdict = "" if by_cpu >= budget else "  MISSED"
            is_within = is_within and not verdict
            print(
                f"{'':<24}{peer:<12}{other.cpu_us:>8.0f}{other.rate:>12.0f}"
                f"{by_cpu:>11.2f}{by_rate:>12.2f}   ≥ {budget}{verdict}"
            )
    return 0 if is_within else 1


def _comparisons(journey: Journey) -> list[tuple[str, Callable[[float, float], float], float]]:
    def ratio(one: float, other: float) -> float:
        return one / other

    budgets = {STOCK: journey.times_stock, PLAIN: journey.part_of_plain}
    return [(peer, ratio, budgets[peer]) for peer in journey.targets if peer != OURS]


if __name__ == "__main__":
    sys.exit(main())
