"""What a list, a look-up or a creation costs as the tables grow: the same calls over 10,000 contacts and over 1,000,000.

    DATABASE_URL=mysql://… REDIS_STATE_URL=redis://… REDIS_CACHE_URL=redis://… python benchmarks/bench_growth.py [contacts]

Two databases of the script's own (MariaDB, which copies the rows itself), a server for each, and one caller at a time, so
that what counts is how long a request takes, the database's work included. Both take turns in every round. Each asks for
the same pages again and again: measured is the work, not the disk. The exit status is 1 when something costs more than
1.3 times as much.
"""

import harness

# isort: split
import itertools
import os
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from django.db import connection
from handset_client import Call, Client
from handset_client.outcomes import accept
from load import one_round, request_bytes
from seeding import seeded

from api.apis.contacts.selectors import SORTS
from tests.services.servers import UNLIMITED, Gunicorn, database_named, deployment, make_app_key, manage

FEW, MANY = 10_000, 1_000_000
ROUNDS = 9
ROUND_SECONDS = 0.4
MOST = 1.3
PASSWORD = "correct horse battery staple"


class Grown(NamedTuple):
    """A server over so many contacts, and what it is asked."""

    server: Gunicorn
    requests: dict[str, bytes]


def main() -> int:
    if connection.vendor != "mysql" or not os.environ.get("REDIS_STATE_URL"):
        print("bench_growth: skipped; it needs DATABASE_URL (MariaDB), REDIS_STATE_URL and REDIS_CACHE_URL.")
        return 0
    many = int(sys.argv[1]) if len(sys.argv) > 1 else MANY
    with grown(FEW) as small, grown(many) as large:
        times: dict[tuple[str, int], list[float]] = {}
        for _, name, (number, one) in itertools.product(range(ROUNDS + 1), small.requests, enumerate((small, large))):
            supply = [itertools.repeat(one.requests[name])]
            rate = one_round(one.server.port, one.server.workers()[0], supply, seconds=ROUND_SECONDS).rate
            times.setdefault((name, number), []).append(1000 / rate)
    connection.close()
    is_flat = True
    print(f"\n{'call':<52}{f'{FEW:,}':>12}{f'{many:,}':>12}{'ratio':>8}   budget ≤ {MOST}; ms a request")
    for name in small.requests:
        before, after = (statistics.median(times[name, number][1:]) for number in (0, 1))  # the first one warms
        is_flat = is_flat and after / before <= MOST
        print(f"{name:<52}{before:>12.2f}{after:>12.2f}{after / before:>8.2f}{'   MISSED' * (after / before > MOST)}")
    return 0 if is_flat else 1


@contextmanager
def grown(contacts: int) -> Iterator[Grown]:
    """A database with so many contacts, and a server over it."""
    with database_named(f"handset_bench_{os.getpid()}_{contacts}") as url, ExitStack() as stack:
        # A token outlives the making of the other database.
        own = {"DATABASE_URL": url, "WEB_CONCURRENCY": "1", "ACCESS_TOKEN_SECONDS": "86400"}
        environment = deployment(**UNLIMITED, **own)
        manage(environment, "migrate", "--verbosity=0")
        app_key = make_app_key(environment)
        server = Gunicorn(environment, harness.SCRATCH / f"{contacts}.log")
        stack.callback(server.stop)
        server.wait_until_up()
        phone = Client(server.base_url, *app_key)
        person = accept(phone.sign_up(f"bench-{os.getpid()}@example.com", PASSWORD)).json["user"]["id"]
        rows = seeded(environment, person, contacts)
        calls = dict(calls_of(phone, rows.organization, rows.contact))
        requests = {}
        for name, call in calls.items():
            attempt = phone.prepare(call)
            path = attempt.url.partition(str(server.port))[2]
            requests[name] = request_bytes(
                attempt.method, path, server.port, headers=attempt.headers, body=attempt.body or b""
            )
        yield Grown(server, requests)


def calls_of(phone: Client, organization: str, contact: str) -> Iterator[tuple[str, Call]]:
    """Every order's first page and a later one, in one organization and over all of the person's; look-ups; a creation."""
    for sort in [*SORTS, *(f"-{name}" for name in SORTS)]:
        for where, narrowed in (("one organization", f"filter%5Borg%5D={organization}&"), ("all", "")):
            query = f"{narrowed}sort={sort}&limit=100"
            yield f"contacts by {sort}, {where}", Call("GET", "contacts/", query)
            page = accept(phone.perform(Call("GET", "contacts/", query))).json
            yield (
                f"contacts by {sort}, {where}, page 2",
                Call("GET", "contacts/", f"{query}&cursor={page['meta']['next']}"),
            )
    recent = f"filter%5Borg%5D={organization}&filter%5Bupdated_since%5D=2020-01-01T00:00:00Z&sort=updated_at"
    yield "contacts changed since", Call("GET", "contacts/", recent)
    yield "a contact by its slug", Call("GET", f"contacts/{contact}/")
    identity = accept(phone.perform(Call("GET", f"contacts/{contact}/"))).json["id"]
    yield "a contact by its id", Call("GET", f"contacts/{identity}/")
    yield "an organization", Call("GET", f"orgs/{organization}/")
    yield "users/me", Call("GET", "users/me/")
    emails = [{"label": "work", "value": "grace@example.com", "is_primary": True}]
    body = {"organization": organization, "display_name": "Grace Hopper", "first_name": "Grace", "emails": emails}
    yield "create a contact", Call.of_json("POST", "contacts/", body)


if __name__ == "__main__":
    sys.exit(main())
