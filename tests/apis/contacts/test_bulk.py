"""`POST contacts/bulk/`: many changes in one call, each whole or not at all."""

from typing import Any

import pytest
from handset_client import Answer

from api.models import AuditEntry, Contact, ContactTerm, Organization
from api.models.base import uuid7
from tests.apis.api_keys.service import make_key
from tests.apis.contacts.rows import make_contact
from tests.apis.contacts.trail import count_of
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of

pytestmark = pytest.mark.django_db


def bulk(person: Person, *items: Any) -> list[dict[str, Any]]:
    answer = person.post("contacts/bulk/", {"items": list(items)})
    assert answer.status == 200, answer.body
    data: list[dict[str, Any]] = answer.json["data"]
    return data


def codes(results: list[dict[str, Any]]) -> list[tuple[int, str | None]]:
    return [(result["status"], (result["problem"] or {}).get("code")) for result in results]


def test_each_change_is_answered_in_its_place(alice: Person, charlie: Person, team: Organization) -> None:
    changed, deleted, theirs = make_contact(alice, team), make_contact(alice, team), make_contact(charlie)
    before = count_of(team.id)
    results = bulk(
        alice,
        {"op": "create", "contact": {"display_name": "Grace", "organization": team.slug, "email": "g@example.com"}},
        {"op": "update", "slug": changed.slug, "contact": {"title": "Dr"}},
        {"op": "delete", "slug": str(deleted.id)},
        {"op": "update", "slug": theirs.slug, "contact": {"title": "Mallory"}},
        {"op": "create", "contact": {"display_name": "Bad", "email": "no address"}},
        {"op": "update", "slug": changed.slug, "version": 1, "contact": {"title": "Prof"}},
        {"op": "delete", "slug": deleted.slug},
        {"op": "create", "contact": {}},
        {"op": "fly"},
        {"op": "create", "slug": "x", "contact": {"display_name": "A"}},
        {"op": "update", "contact": {"title": "Dr"}},
        {"op": "update", "slug": changed.slug, "contact": {"organization": team.slug}},
        {},
    )
    assert codes(results) == [
        (201, None),
        (200, None),
        (204, None),
        (404, "not_found"),
        (400, "invalid_input"),
        (412, "version_conflict"),
        (404, "not_found"),
        *[(400, "invalid_input")] * 6,
    ]
    assert results[0]["contact"] == alice.get(f"contacts/{results[0]['contact']['slug']}/").json
    assert results[1]["contact"]["title"] == "Dr"
    assert results[4]["problem"]["errors"][0]["field"] == "contact.email"
    assert results[7]["problem"]["errors"][0]["field"] == "display_name"
    assert results[9]["problem"]["errors"][0] | {"message": ""} == {
        "field": "slug", "code": "unknown_field", "message": "",
    }  # fmt: skip
    assert results[11]["problem"]["errors"][0]["field"] == "contact.organization"
    assert count_of(team.id) == before + 3
    assert AuditEntry.objects.filter(action="contact.created", target_id=results[0]["contact"]["id"]).exists()
    theirs.refresh_from_db()
    assert theirs.title == ""


def test_a_refused_change_leaves_no_half(alice: Person) -> None:
    own = alice.user.personal_organization.id
    taken = make_contact(alice, display_name="Taken")
    before = (count_of(own), ContactTerm.objects.count())
    body = {"id": str(taken.id), "display_name": "Another"}
    assert codes(bulk(alice, {"op": "create", "contact": body})) == [(409, "id_conflict")]
    assert (count_of(own), ContactTerm.objects.count()) == before


def test_the_same_again_makes_nothing_twice(alice: Person) -> None:
    items = [{"op": "create", "contact": {"id": str(uuid7()), "display_name": f"C{number}"}} for number in range(120)]
    assert {result["status"] for result in bulk(alice, *items)} == {201}
    assert {result["status"] for result in bulk(alice, *items)} == {200}
    assert Contact.objects.count() == 120


def test_it_takes_from_one_to_five_hundred(alice: Person) -> None:
    deletion = {"op": "delete", "slug": "nobody"}
    assert len(bulk(alice, *[deletion] * 500)) == 500
    assert errors_of(alice.post("contacts/bulk/", {"items": [deletion] * 501})) == {"items": "max_length"}
    assert errors_of(alice.post("contacts/bulk/", {"items": []})) == {"items": "min_length"}
    for items in (None, {}, "x", [7], [None]):
        assert alice.post("contacts/bulk/", {"items": items}).status == 400


def test_a_key_does_what_its_scopes_say(alice: Person, team: Organization) -> None:
    contact = make_contact(alice, team)
    _, reader = make_key(alice, team, "contacts:read")
    answer: Answer = reader.request("POST", "contacts/bulk/", {"items": [{"op": "delete", "slug": contact.slug}]})
    assert codes(answer.json["data"]) == [(403, "forbidden")]


def test_an_idempotency_key_makes_it_one(alice: Person) -> None:
    items = [{"op": "create", "contact": {"display_name": "A"}}, {"op": "delete", "slug": "nobody"}]
    answers = [
        alice.phone.request("POST", "contacts/bulk/", {"items": items}, headers={"Idempotency-Key": "once"})
        for _ in range(2)
    ]
    assert answers[0].json == answers[1].json
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert Contact.objects.count() == 1
    assert problem_of(
        alice.phone.request("POST", "contacts/bulk/", {"items": items[:1]}, headers={"Idempotency-Key": "once"}),
        422,
        "idempotency_key_reused",
    )
