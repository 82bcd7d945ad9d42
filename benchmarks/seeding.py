"""Fills a database of a benchmark, in a process of its own that has the environment of the server to be measured:

    python benchmarks/seeding.py <user id> <contacts>

makes a group of that person with so many contacts, and prints its slug and that of a contact in its middle.
"""

import harness

# isort: split
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.db import connection

from api.apis.contacts.services.finding import index_new
from api.models import Contact, ContactIdentity, ContactTerm, Organization, Tag, TagLink, User
from api.platform import kinds, search
from tests import factories

_MADE = 10_000  # by Django; more are copied from these by the database


class Seeded(NamedTuple):
    """Slugs."""

    organization: str
    contact: str


def seeded(environment: Mapping[str, str], user_id: str, contacts: int) -> Seeded:
    """Seeds the database of `environment`."""
    command = [sys.executable, __file__, user_id, str(contacts)]
    done = subprocess.run(
        command, cwd=harness.ROOT, env=dict(environment), capture_output=True, text=True, timeout=1800, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return Seeded(*done.stdout.split())


def seed(user_id: str, contacts: int) -> Seeded:
    organization = factories.group(User.objects.get(id=user_id), name="Benchmark")
    rows = [_contact(organization, user_id, number) for number in range(1, min(contacts, _MADE) + 1)]
    Contact.objects.bulk_create(rows, batch_size=500)
    index_new(rows)
    _tag(organization, rows)
    for first in range(_MADE, contacts, _MADE):
        _copy(organization, first)
    Organization.objects.filter(id=organization.id).update(change_seq=contacts)
    tables = ", ".join(model._meta.db_table for model in (Contact, ContactIdentity, ContactTerm))
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE TABLE {tables}" if connection.vendor == "mysql" else "ANALYZE")
    return Seeded(organization.slug, rows[len(rows) // 2].slug)


def _tag(organization: Organization, contacts: Sequence[Contact]) -> None:
    """Puts two out of ten tags on each contact."""
    words = [f"Tag {number}" for number in range(10)]
    tags = [
        Tag.objects.create(
            organization=organization, name=word, name_identity=word.lower(), slug=f"tag-{number}", change_seq=0
        )
        for number, word in enumerate(words)
    ]
    links = [
        TagLink(
            organization=organization,
            kind=kinds.CONTACT,
            object_id=contact.id,
            tag=tags[(number + one) % 10],
            change_seq=0,
        )
        for number, contact in enumerate(contacts)
        for one in (0, 3)
    ]
    TagLink.objects.bulk_create(links, batch_size=1000)


def _contact(organization: Organization, user_id: str, number: int) -> Contact:
    first_name, last_name, email = f"First{number % 97}", f"Last{number}", f"person{number}@example.com"
    name = f"{first_name} {last_name}"
    return Contact(
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
        change_seq=number,
    )


def _copy(organization: Organization, first: int) -> None:
    """Copies the first contacts of the organization under the numbers behind `first` (MariaDB), with all by which they may
    be duplicates of others, and the words of their names.
    """
    new_id = "CONCAT('01900000-0000-7000-8000-', LPAD(HEX(contact.change_seq + %(first)s), 12, '0'))"
    columns = {field.column: f"contact.{field.column}" for field in Contact._meta.concrete_fields}
    columns |= {"id": new_id, "change_seq": "contact.change_seq + %(first)s"}
    for name in ("slug", "display_name_key", "first_name_key", "last_name_key", "email_key"):
        columns[name] = f"CONCAT(contact.{name}, '-', %(first)s)"
    for name in ("created_at", "updated_at"):
        columns[name] = f"contact.{name} + INTERVAL %(first)s SECOND"
    found_by = {"organization_id": "contact.organization_id", "contact_id": new_id}
    values = {**found_by, "value": "CONCAT(value, '-', %(first)s)", "is_repeat": "is_repeat"}
    terms = {**found_by, "term": "CONCAT(term, '-', %(first)s)", "weight": "weight"}
    for table, copied, source in (
        ("contact", columns, "contact WHERE"),
        ("contact_identity", values, "contact JOIN contact_identity one ON one.contact_id = contact.id WHERE"),
        ("contact_term", terms, "contact JOIN contact_term one ON one.contact_id = contact.id WHERE weight = 8 AND"),
    ):
        statement = (
            f"INSERT INTO {table} ({', '.join(copied)}) SELECT {', '.join(copied.values())} FROM {source}"
            " contact.organization_id = %(organization)s AND contact.change_seq <= %(made)s"
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, {"first": first, "organization": str(organization.id), "made": _MADE})


if __name__ == "__main__":
    print(*seed(sys.argv[1], int(sys.argv[2])))
