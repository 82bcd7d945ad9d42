"""`GET orgs/<org_slug>/audit/`: what was done in an organization, for its admins."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api.models import ActorKind, AuditEntry, Channel, Organization
from api.platform import audit
from api.platform.callers import Caller
from tests.apis.api_keys.service import make_key
from tests.apis.contacts.rows import make_contact
from tests.conftest import Person
from tests.http.answers import problem_of

pytestmark = pytest.mark.django_db


def test_admins_see_what_was_done_and_by_whom(alice: Person, bob: Person, team: Organization) -> None:
    make_contact(alice, display_name="Mine")
    _, service = make_key(alice, team, "contacts:*")
    service.request("POST", "contacts/", {"display_name": "By the service"})
    bob.post("contacts/", {"display_name": "By bob", "organization": team.slug})
    alice.delete(f"orgs/{team.slug}/members/{bob.user.username}/")
    page = alice.get(f"orgs/{team.slug}/audit/", total="true").json
    told = [(row["action"], row["actor_kind"], row["actor"]) for row in page["data"]]
    assert told == [
        ("org.member_removed", "user", alice.user.username),
        ("contact.created", "user", bob.user.username),
        ("contact.created", "api_key", "Nightly sync"),
        ("api_key.created", "user", alice.user.username),
    ]
    assert page["meta"]["total"] == 4
    removed = page["data"][0]
    assert removed["changes"] == {"role": ["member", None]}
    assert (removed["target_id"], removed["address"]) == (str(bob.user.id), "192.0.2.1")
    assert not {"digest", "mac", "salt", "number"} & removed.keys()


def test_the_list_is_paged_and_filtered(alice: Person, team: Organization) -> None:
    for number in range(5):
        alice.post("contacts/", {"display_name": f"Contact {number}", "organization": team.slug})
    alice.patch(f"orgs/{team.slug}/", {"name": "Other"})
    path = f"orgs/{team.slug}/audit/"
    first = alice.get(path, limit="4").json
    rest = alice.get(path, limit="4", cursor=first["meta"]["next"]).json
    ids = [row["id"] for page in (first, rest) for row in page["data"]]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 6
    assert [row["id"] for row in alice.get(path, sort="at").json["data"]] == sorted(ids)
    assert len(alice.get(path, **{"filter[action]": "org.renamed,nothing"}).json["data"]) == 1
    assert len(alice.get(path, **{"filter[target_id]": str(team.id)}).json["data"]) == 1
    problem_of(alice.get(path, **{"filter[actor_id]": "x"}), 400, "unknown_parameter")


def test_of_staff_it_is_not_told_who_from_where_and_why(alice: Person, team: Organization) -> None:
    staff = Caller(
        kind=ActorKind.STAFF, channel=Channel.CMS, user_id=alice.user.id, address="192.0.2.77", reason="a complaint"
    )
    audit.record(staff, "org.looked_at", target_kind="organization", target_id=team.id, organization_id=team.id)
    (row,) = alice.get(f"orgs/{team.slug}/audit/").json["data"]
    assert (row["actor_kind"], row["actor"], row["actor_id"], row["address"], row["reason"]) == (
        "staff",
        None,
        "",
        None,
        "",
    )


def test_members_and_strangers_do_not_see_it(bob: Person, charlie: Person, team: Organization) -> None:
    problem_of(bob.get(f"orgs/{team.slug}/audit/"), 403, "forbidden")
    problem_of(charlie.get(f"orgs/{team.slug}/audit/"), 404, "not_found")


@pytest.mark.parametrize("sort", ["at", "-at"])
@pytest.mark.parametrize(
    ("name", "value", "index"),
    [("action", "org.renamed", "audit_of_organization_action"), ("target_id", "t7", "audit_of_target")],
)
def test_a_filter_is_answered_along_an_index(
    alice: Person, team: Organization, name: str, value: str, index: str, sort: str
) -> None:
    """However long the trail is: what is rare in it must not be looked for row by row."""
    template = {"at": timezone.now(), "channel": Channel.API, "actor_kind": ActorKind.USER, "target_kind": "x"}
    AuditEntry.objects.bulk_create(
        AuditEntry(
            **template,
            action="org.renamed" if number % 100 == 0 else "contact.updated",
            target_id=f"t{number // 10}",
            organization_id=team.id if number % 2 == 0 else uuid.uuid4(),
        )
        for number in range(1000)
    )
    with CaptureQueriesContext(connection) as asked:
        assert alice.get(f"orgs/{team.slug}/audit/", sort=sort, **{f"filter[{name}]": value}).json["data"]
    (listed,) = (query["sql"] for query in asked.captured_queries if "audit_entry" in query["sql"])
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # where there is another way, however dear, it is taken
            cursor.execute(
                "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off"
            )
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' * (connection.vendor == 'sqlite')}{listed}")
        plan = str(cursor.fetchall())
    assert index in plan
    assert not any(sign in plan for sign in ("TEMP B-TREE", "filesort", "Sort"))
