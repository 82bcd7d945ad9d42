"""How the database means to answer the lists: along an index and in its order, however much there is."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from api.apis.contacts.selectors import SORTS, searching
from api.apis.contacts.services import identities
from api.apis.contacts.services.finding import index_new
from api.models import Contact, Organization
from api.platform import search
from tests import factories
from tests.conftest import Person

pytestmark = pytest.mark.django_db(transaction=True)  # statistics are gathered outside a transaction

ROWS = 1200  # of each organization: enough that no database thinks of reading them all


def fill(organization: Organization, creator: Any) -> None:
    names = [f"Name {number * 7919 % ROWS:05}" for number in range(ROWS)]
    Contact.objects.bulk_create(
        Contact(
            organization=organization,
            creator=creator,
            slug=f"{organization.slug}-{number}",
            display_name=name,
            change_seq=number + 1,
            **{column: search.sort_key(name) for column in SORTS.values() if column.endswith("_key")},
        )
        for number, name in enumerate(names)
    )


@pytest.fixture
def crowded(alice: Person, charlie: Person) -> list[Organization]:
    """Three organizations of Alice's beside two of somebody else's."""
    groups = [factories.group(person.user, name="G") for person in (alice, alice, alice, charlie, charlie)]
    for organization in groups:
        fill(organization, organization.owner)
    with connection.cursor() as cursor:
        for table in ("contact", "organization", "membership"):
            cursor.execute(f"ANALYZE TABLE {table}" if connection.vendor == "mysql" else f"ANALYZE {table}")
    return groups[:3]


def flaws_of(sql: str, table: str = "contact") -> list[str]:
    """What of a statement's plan reads or sorts a whole table, of contacts or of what is named."""
    return {"mysql": _flaws_in_mysql, "postgresql": _flaws_in_postgresql, "sqlite": _flaws_in_sqlite}[
        connection.vendor
    ](sql, table)


def _flaws_in_mysql(sql: str, table: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        columns = [column[0] for column in cursor.description]
        steps = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    assert any(step["key"] for step in steps)
    return [
        str(step)
        for step in steps
        if step["table"] in {table, "U0"} and (step["type"] == "ALL" or "filesort" in (step["Extra"] or ""))
    ]


def _flaws_in_postgresql(sql: str, table: str) -> list[str]:
    with transaction.atomic(), connection.cursor() as cursor:
        # Where there is another way, however dear, it is taken: what is left is a lack of an index.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
        found = cursor.fetchone()[0]
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]

    def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield node
        for child in node.get("Plans", ()):
            yield from nodes(child)

    assert any("Index" in node["Node Type"] for node in nodes(plan))
    return [
        f"{node['Node Type']} {node.get('Relation Name', '')} {node.get('Sort Key', '')}"
        for node in nodes(plan)
        if (node["Node Type"] == "Seq Scan" and node["Relation Name"] == table)
        # What was limited before may be sorted.
        or ("Sort" in node["Node Type"] and not any(below["Node Type"] == "Limit" for below in nodes(node)))
    ]


def _flaws_in_sqlite(sql: str, table: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        steps = [str(row[3]) for row in cursor.fetchall()]
    assert any(re.search("USING (COVERING )?INDEX", step) for step in steps)
    sorts = [step for step in steps if "TEMP B-TREE" in step]
    # The union of several parts is sorted once; it is as long as a page for each of them.
    return [step for step in steps if step == f"SCAN {table}"] + (sorts[1:] if "UNION ALL" in sql else sorts)


def list_statements(person: Person, **params: Any) -> list[str]:
    with CaptureQueriesContext(connection) as asked:
        answer = person.get("contacts/", **params)
    assert answer.status == 200, answer.body
    assert answer.json["data"]
    # MariaDB is told with the statement how long it may take.
    asked_of = [re.sub("^SET STATEMENT .*? FOR ", "", query["sql"]) for query in asked.captured_queries]
    found = [sql for sql in asked_of if "display_name" in sql]
    assert found
    return found


def test_every_order_is_an_index_read_in_one_direction(
    alice: Person, crowded: list[Organization], subtests: pytest.Subtests
) -> None:
    for sort in [*SORTS, *(f"-{name}" for name in SORTS)]:
        for params in ({"filter[org]": crowded[0].slug}, {}, {"filter[org]": f"{crowded[1].slug},{crowded[2].slug}"}):
            with subtests.test(sort=sort, **params):
                first = alice.get("contacts/", sort=sort, **params).json["meta"]["next"]
                for cursor in ({}, {"cursor": first}):
                    for sql in list_statements(alice, sort=sort, **params, **cursor):
                        assert flaws_of(sql) == []


def test_filters_keep_to_an_index(alice: Person, crowded: list[Organization], subtests: pytest.Subtests) -> None:
    for params in (
        {"filter[creator]": alice.user.username},
        {"filter[updated_since]": "2020-01-01T00:00:00Z", "sort": "updated_at"},
        {"filter[updated_since]": "2020-01-01T00:00:00Z", "sort": "-updated_at"},
    ):
        with subtests.test(**params):
            for sql in list_statements(alice, **{"filter[org]": crowded[0].slug}, **params):
                assert flaws_of(sql) == []


# -- duplicates


def test_duplicates_are_read_along_an_index(
    alice: Person, crowded: list[Organization], subtests: pytest.Subtests
) -> None:
    """However many contacts there are, and however many of them repeat others."""
    for organization in crowded:
        contacts = list(Contact.objects.filter(organization=organization))
        for number, contact in enumerate(contacts):
            contact.display_name = f"Pair {number // 2}"  # of which the identities are made
        identities.identify_new(contacts)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {'TABLE ' if connection.vendor == 'mysql' else ''}contact_identity")
    for sort in ("value", "-value"):
        for params in ({"filter[org]": crowded[0].slug}, {}):
            first = alice.get("contacts/duplicates/", sort=sort, **params).json["meta"]["next"]
            assert first
            for cursor in ({}, {"cursor": first}):
                with subtests.test(sort=sort, **params, **cursor):
                    with CaptureQueriesContext(connection) as asked:
                        assert alice.get("contacts/duplicates/", sort=sort, **params, **cursor).json["data"]
                    (sql,) = [query["sql"] for query in asked.captured_queries if "is_repeat" in query["sql"]]
                    assert flaws_of(sql, "contact_identity") == []


# -- search


def scans_of(sql: str) -> list[str]:
    """What of a statement's plan reads all contacts, or all of their words."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # where there is another way, however dear, it is taken
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"{'EXPLAIN QUERY PLAN' if connection.vendor == 'sqlite' else 'EXPLAIN'} {sql}")
        columns = [column[0] for column in cursor.description]
        steps = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    if connection.vendor == "mysql":
        return [
            str(step) for step in steps if step["type"] in {"ALL", "index"} and not str(step["table"]).startswith("<")
        ]
    texts = [str(list(step.values())[-1]) for step in steps]
    whole = r"SCAN (contact|contact_term|[UV]\d)\b(?!.*SUBQUERY)|Seq Scan on contact"
    return [text for text in texts if re.search(whole, text)]


def test_a_search_reads_neither_all_contacts_nor_all_words(
    alice: Person, crowded: list[Organization], monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    for organization in crowded:
        index_new(list(Contact.objects.filter(organization=organization)))
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {'TABLE ' if connection.vendor == 'mysql' else ''}contact_term")
    monkeypatch.setattr(searching, "_RANKED_MAX", 100)
    for query, is_ranked in (("name 00042", True), ("name 0004", True), ("name", False), ("na name n", False)):
        for params in ({"filter[org]": crowded[0].slug}, {}):
            with subtests.test(query=query, **params):
                sql, *whole = list_statements(alice, q=query, limit="5", **params)
                assert (("rank" in sql), len(whole)) == (is_ranked, is_ranked)
                for each in (sql, *whole):
                    assert scans_of(each) == []
                if not is_ranked:  # what most contacts have is found along the order's index
                    assert flaws_of(sql) == []


def test_a_search_that_reads_everything_is_noticed(alice: Person, crowded: list[Organization]) -> None:
    assert scans_of("SELECT * FROM contact WHERE notes LIKE '%a%'")
    if connection.vendor != "postgresql":  # told to spare the table, it reads an index that holds the whole of it
        assert scans_of("SELECT * FROM contact_term WHERE weight = 3")


def test_a_plan_without_an_index_is_noticed(alice: Person, crowded: list[Organization]) -> None:
    for sql in list_statements(alice, **{"filter[org]": crowded[0].slug}, sort="last_name,first_name"):
        assert flaws_of(sql)
