"""An import of 10,000 vCards, twice: progress while it runs, and one set in the end.

    DATABASE_URL=mysql://… REDIS_STATE_URL=redis://… REDIS_CACHE_URL=redis://… python benchmarks/bench_import.py [contacts]

A database of the script's own; the job is begun and carried out as by a worker, and looked at by another connection, as its
owner does. The exit status is 1 when the second import makes anything, or when progress goes back.
"""

import harness

# isort: split
import os
import subprocess
import sys
import threading
import time
import uuid

from django.db import connection

from api.apis.contacts import services
from api.apis.jobs.services import run_due
from api.models import ActorKind, AuditEntry, Channel, Contact, ContactTerm, Job, User
from api.platform import memberships
from api.platform.callers import Caller
from tests import factories
from tests.services.servers import database_named, deployment, manage

CONTACTS = 10_000
_LOOK_SECONDS = 0.5


def main() -> int:
    if connection.vendor != "mysql" or not os.environ.get("REDIS_STATE_URL"):
        print("bench_import: skipped; it needs DATABASE_URL (MariaDB), REDIS_STATE_URL and REDIS_CACHE_URL.")
        return 0
    with database_named(f"handset_bench_{os.getpid()}") as url:
        environment = deployment(DATABASE_URL=url)
        manage(environment, "migrate", "--verbosity=0")
        command = [sys.executable, __file__, "measure", *sys.argv[1:]]
        return subprocess.run(command, cwd=harness.ROOT, env=dict(environment), check=False).returncode


def cards(number: int) -> bytes:
    """So many people, each with an address, a number, a company, and one of ten tags."""
    card = (
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:First{0} Last{0}\r\nN:Last{0};First{0};;;\r\nORG:Company{1}\r\n"
        "EMAIL;TYPE=INTERNET:person{0}@example.com\r\nTEL;TYPE=CELL:+4930{0:07}\r\nCATEGORIES:Tag{2}\r\nEND:VCARD\r\n"
    )
    return "".join(card.format(one, one % 300, one % 10) for one in range(number)).encode()


def measure(contacts: int) -> int:
    person = User.objects.create(email="bench@example.com", username="bench", is_email_confirmed=True)
    team = factories.group(person, name="Benchmark")
    caller = Caller(
        kind=ActorKind.USER, channel=Channel.API, user_id=person.id, memberships=memberships.of_person(person.id)
    )
    content, is_good = cards(contacts), True
    for turn in ("first", "second"):
        name = services.store_import(caller, content)
        wishes = {"organization": team.slug, "is_dry_run": False, "country": None}
        job = services.start_import(caller, name=name, **wishes)
        seen, began_at = watched(job["id"]), time.perf_counter()
        while run_due():
            pass
        seconds = time.perf_counter() - began_at
        told = Job.objects.get(id=job["id"])
        counts_of = {name: value for name, value in (told.result or {}).items() if name != "rows"}
        print(f"{turn}: {told.state} in {seconds:.1f} s, {counts_of}", flush=True)
        is_good = is_good and seen == sorted(seen) and (told.result or {}).get("read") == contacts
    counts = {model.__name__: model.objects.count() for model in (Contact, ContactTerm)}
    told_of = AuditEntry.objects.filter(action="contact.created").values("target_id").distinct().count()
    print(f"there: {counts}, told of in the audit trail: {told_of}")
    return 0 if is_good and counts["Contact"] == told_of == contacts else 1


def watched(job_id: uuid.UUID) -> list[int]:
    """Prints the job's progress in a thread of its own, and collects it."""
    seen: list[int] = []

    def watch() -> None:
        while True:
            state, progress = Job.objects.values_list("state", "progress").get(id=job_id)
            if not seen or progress != seen[-1]:
                seen.append(progress)
                print(f"  {progress:>3} %", flush=True)
            if state in {"SUCCESS", "FAILURE", "REVOKED"}:
                break
            time.sleep(_LOOK_SECONDS)
        connection.close()

    threading.Thread(target=watch, daemon=True).start()
    return seen


if __name__ == "__main__":
    sys.exit(measure(int((*sys.argv[2:], CONTACTS)[0])) if sys.argv[1:2] == ["measure"] else main())
