"""`POST contacts/`: a new contact, made once however often a phone has to ask for it."""

import re
import threading
import uuid
from typing import Any

import pytest
from django.db import connection
from handset_client import Answer
from handset_client.outcomes import accept

from api.models import AuditEntry, Contact, ContactTerm, Organization
from api.models.base import uuid7
from tests import factories
from tests.apis.contacts.rows import make_contact
from tests.apis.contacts.trail import check_entry, count_of
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of, queries

pytestmark = pytest.mark.django_db

WHOLE: dict[str, Any] = {
    "display_name": "Grace Hopper",
    "first_name": "Grace",
    "last_name": "Hopper",
    "company": "US Navy",
    "title": "Rear Admiral",
    "emails": [
        {"label": "home", "value": "grace@example.com", "is_primary": False},
        {"label": "work", "value": "hopper@navy.example", "is_primary": True},
    ],
    "phone_numbers": [{"label": "", "value": "+41441234567", "is_primary": True}],
    "addresses": [
        {
            "label": "office",
            "street": "Pier 7\n2nd floor",
            "postal_code": "22202",
            "city": "Arlington",
            "region": "VA",
            "country": "US",
        }
    ],
    "birth_date": "1906-12-09",
    "location": "Arlington",
    "website": "https://example.com/grace",
    "notes": "Found the first bug.\n\tA moth.",
    "custom_fields": {"pets": ["moth"], "rank": {"grade": 7, "since": None}},
}
MEMBERS = {
    *WHOLE,
    "id",
    "slug",
    "organization",
    "email",
    "phone",
    "avatar",
    "tags",
    "creator",
    "version",
    "created_at",
    "updated_at",
    "deleted_at",
}


def created(answer: Answer) -> dict[str, Any]:
    assert answer.status == 201, answer.body
    return dict(answer.json)


# -- what is made


def test_a_whole_contact_comes_back_as_it_was_sent(alice: Person) -> None:
    made = created(alice.post("contacts/", WHOLE))
    assert made.keys() == MEMBERS
    assert {name: made[name] for name in WHOLE} == WHOLE
    assert (made["email"], made["phone"]) == ("hopper@navy.example", "+41441234567")
    assert made["organization"] == alice.user.personal_organization.slug
    assert (made["creator"], made["version"]) == (alice.user.username, 1)
    assert (made["avatar"], made["deleted_at"]) == (None, None)
    assert made["created_at"] <= made["updated_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", made["created_at"])
    assert uuid.UUID(made["id"]).version == 7
    assert alice.get(f"contacts/{made['slug']}/").json == made


def test_the_least_that_is_needed_is_a_name(alice: Person) -> None:
    made = created(alice.post("contacts/", {"display_name": "Ada"}))
    assert {made[name] for name in ("first_name", "last_name", "company", "title", "location", "website", "notes")} == {
        ""
    }
    assert made["emails"] == made["phone_numbers"] == made["addresses"] == []
    assert (made["custom_fields"], made["email"], made["phone"], made["birth_date"]) == ({}, None, None, None)


NAMED: list[tuple[dict[str, Any], str]] = [
    ({"first_name": "Ada", "last_name": "Lovelace"}, "Ada Lovelace"),
    ({"first_name": "Ada"}, "Ada"),
    ({"last_name": "Lovelace", "company": "Engines"}, "Lovelace"),
    ({"company": "Engines", "email": "ada@example.com"}, "Engines"),
    ({"email": "ada@example.com", "phone": "+41441234567"}, "ada@example.com"),
    ({"phone": "+41 44 123 45 67"}, "+41441234567"),
    ({"emails": [{"value": "a@example.com"}, {"value": "b@example.com"}]}, "a@example.com"),
    ({"display_name": "  ", "first_name": "Ada"}, "Ada"),
    ({"first_name": "x" * 100, "last_name": "y" * 100}, "x" * 100 + " " + "y" * 99),
]


def test_a_contact_without_a_name_is_called_by_what_it_has(alice: Person) -> None:
    for body, name in NAMED:
        assert created(alice.post("contacts/", body))["display_name"] == name


def test_a_contact_with_nothing_to_call_it_by_is_refused(alice: Person) -> None:
    for body in (
        {},
        {"display_name": ""},
        {"display_name": " \t\n"},
        {"display_name": None},
        {"first_name": "\u00a0\u3000"},
        {"first_name": "\u200d", "last_name": "\u2060\ufeff"},  # joiners that join nothing
        {"display_name": "\u0301\ufe0f"},  # an accent on nothing
        {"notes": "someone"},
        {"title": "Dr"},
    ):
        assert errors_of(alice.post("contacts/", body)) == {"display_name": "required"}
    assert not Contact.objects.exists()


def test_a_slug_is_made_of_the_name_and_chance(alice: Person) -> None:
    for name, stem in {
        "Ada Lovelace": "ada-lovelace",
        "Zoë Ångström": "zoe-angstrom",
        "田中太郎": "x",
        "🍣": "x",
        "C++ & C#": "c-c",
        "../../etc": "etc",
        "A" * 200: "a" * 53,
    }.items():
        slug = created(alice.post("contacts/", {"display_name": name}))["slug"]
        assert re.fullmatch(re.escape(stem) + "-[a-z2-7]{6}", slug)
        again = created(alice.post("contacts/", {"display_name": name}))["slug"]
        assert again != slug


def test_a_name_that_looks_like_a_uuid_does_not_get_its_form(alice: Person) -> None:
    name = "01933b5e-0000-7000-8000-000000000001"
    slug = created(alice.post("contacts/", {"display_name": name}))["slug"]
    assert slug != name
    problem_of(alice.get(f"contacts/{name}/"), 404, "not_found")


# -- the trail


def test_a_creation_is_counted_and_told(alice: Person) -> None:
    own = alice.user.personal_organization.id
    before = count_of(own)
    made = created(alice.post("contacts/", {"display_name": "Ada", "notes": "secret", "email": "ada@example.com"}))
    contact = Contact.objects.get(id=made["id"])
    assert (contact.version, contact.change_seq) == (1, before + 1)
    assert count_of(own) == before + 1
    (entry,) = AuditEntry.objects.filter(action="contact.created")
    check_entry(entry, alice, contact, "contact.created", {"display_name": [None, "Ada"]})
    assert contact.creator_id == alice.user.id


def test_each_organization_counts_for_itself(alice: Person, team: Organization) -> None:
    for organization in (team, None, team, None, team):
        make_contact(alice, organization)
    sequences = Contact.objects.filter(organization=team).order_by("created_at").values_list("change_seq", flat=True)
    assert list(sequences) == [1, 2, 3]
    assert count_of(team.id) == 3
    assert count_of(alice.user.personal_organization.id) == 2


def test_a_refused_creation_leaves_no_trace(alice: Person) -> None:
    own = alice.user.personal_organization.id
    for body in ({}, {"display_name": "Ada", "creator": "bob"}, {"display_name": "Ada", "emails": [{}]}):
        assert alice.post("contacts/", body).status == 400
    assert count_of(own) == 0
    assert not Contact.objects.exists()
    assert not ContactTerm.objects.exists()
    assert not AuditEntry.objects.filter(target_kind="contact").exists()


# -- whose it is


def test_it_belongs_to_the_organization_that_is_named(alice: Person, bob: Person, team: Organization) -> None:
    for name in (team.slug, str(team.id), str(team.id).upper()):
        made = created(bob.post("contacts/", {"display_name": "Ada", "organization": name}))
        assert made["organization"] == team.slug
        assert alice.get(f"contacts/{made['slug']}/").json["creator"] == bob.user.username


def test_somebody_elses_organization_is_not_there(alice: Person, charlie: Person, team: Organization) -> None:
    refused = []
    for name in (
        team.slug,
        str(team.id),
        "nobodys-aaaaaa",
        str(uuid7()),
        alice.user.personal_organization.slug,
        "%",
        "x" * 100,
    ):
        document = problem_of(
            charlie.post("contacts/", {"display_name": "Ada", "organization": name}), 404, "not_found"
        )
        document.pop("request_id")
        refused.append(document)
    assert all(document == refused[0] for document in refused)
    assert not Contact.objects.exists()
    assert count_of(team.id) == 0


def test_an_organization_is_named_by_a_text(alice: Person) -> None:
    for name in ("", "  ", None, 7, ["x"], "x" * 101):
        answer = alice.post("contacts/", {"display_name": "Ada", "organization": name})
        assert errors_of(answer).keys() == {"organization"}


THE_SERVERS = {
    "slug": "ada",
    "creator": "bob",
    "creator_id": "00000000-0000-7000-8000-000000000000",
    "owner": "bob",
    "organization_id": "00000000-0000-7000-8000-000000000000",
    "version": 7,
    "change_seq": 7,
    "created_at": "2000-01-01T00:00:00Z",
    "updated_at": "2000-01-01T00:00:00Z",
    "deleted_at": None,
    "merged_into": None,
    "avatar": "somebody.webp",
    "creation_digest": "x",
    "display_name_key": "x",
    "tags": ["x"],
    "terms": [],
    "pk": 1,
}


def test_what_is_the_servers_is_refused(alice: Person) -> None:
    for field, value in THE_SERVERS.items():
        assert errors_of(alice.post("contacts/", {"display_name": "Ada", field: value})) == {field: "unknown_field"}
    assert not Contact.objects.exists()


# -- how it is reached


def test_the_first_entry_is_primary_unless_one_says_so(alice: Person) -> None:
    made = created(alice.post("contacts/", {"emails": [{"value": "a@example.com"}, {"value": "b@example.com"}]}))
    assert [entry["is_primary"] for entry in made["emails"]] == [True, False]
    assert made["email"] == "a@example.com"


def test_two_primary_entries_are_refused(alice: Person) -> None:
    emails = [{"value": "a@example.com", "is_primary": True}, {"value": "b@example.com", "is_primary": True}]
    assert errors_of(alice.post("contacts/", {"emails": emails})) == {"emails": "ambiguous"}
    phones = [{"value": "+41441234567", "is_primary": True}, {"value": "+41441234568", "is_primary": True}]
    assert errors_of(alice.post("contacts/", {"phone_numbers": phones})) == {"phone_numbers": "ambiguous"}


def test_the_short_forms_make_the_primary_entry(alice: Person) -> None:
    made = created(alice.post("contacts/", {"email": "ada@example.com", "phone": "+41 44 123 45 67"}))
    assert made["emails"] == [{"label": "", "value": "ada@example.com", "is_primary": True}]
    assert made["phone_numbers"] == [{"label": "", "value": "+41441234567", "is_primary": True}]


def test_a_short_form_beside_its_list_is_refused(alice: Person) -> None:
    body = {"email": "a@example.com", "emails": [{"value": "b@example.com"}]}
    assert errors_of(alice.post("contacts/", body)) == {"email": "ambiguous"}
    body = {"phone": "+41441234567", "phone_numbers": []}
    assert errors_of(alice.post("contacts/", body)) == {"phone": "ambiguous"}


def test_lists_hold_twenty_entries(alice: Person) -> None:
    emails = [{"value": f"a{number}@example.com"} for number in range(21)]
    assert errors_of(alice.post("contacts/", {"emails": emails})) == {"emails": "max_length"}
    assert len(created(alice.post("contacts/", {"emails": emails[:20]}))["emails"]) == 20


ENTRIES_REFUSED: list[tuple[str, Any, dict[str, str]]] = [
    ("emails", [{"value": "nobody"}], {"emails.0.value": "invalid"}),
    ("emails", [{"value": "a@example.com"}, {"value": "a@b@example.com"}], {"emails.1.value": "invalid"}),
    ("emails", [{"value": "a" * 250 + "@example.com"}], {"emails.0.value": "max_length"}),
    ("emails", [{"label": "x" * 51, "value": "a@example.com"}], {"emails.0.label": "max_length"}),
    ("emails", [{"label": "work"}], {"emails.0.value": "required"}),
    ("emails", [{"value": None}], {"emails.0.value": "null"}),
    ("emails", [None], {"emails.0": "null"}),
    ("emails", ["a@example.com"], {"emails.0": "invalid"}),
    ("emails", {"value": "a@example.com"}, {"emails": "not_a_list"}),
    ("emails", "a@example.com", {"emails": "not_a_list"}),
    ("emails", [{"value": "a@example.com", "is_primary": 1}], {"emails.0.is_primary": "invalid"}),
    ("emails", [{"value": "a@example.com", "id": 1}], {"emails.0.id": "unknown_field"}),
    ("phone_numbers", [{"value": "044 123 45 67"}], {"phone_numbers.0.value": "invalid"}),
    ("phone_numbers", [{"value": "+4911111111111111"}], {"phone_numbers.0.value": "invalid"}),
    ("addresses", [{"country": "ch"}], {"addresses.0.country": "invalid"}),
    ("addresses", [{"country": "CHE"}], {"addresses.0.country": "invalid"}),
    ("addresses", [{"country": "CH\n"}], {"addresses.0.country": "invalid"}),
    ("addresses", [{"city": "x" * 101}], {"addresses.0.city": "max_length"}),
    ("addresses", [{"zip": "8000"}], {"addresses.0.zip": "unknown_field"}),
    ("custom_fields", [], {"custom_fields": "type"}),
    ("custom_fields", "{}", {"custom_fields": "type"}),
    ("notes", "x" * 10_001, {"notes": "max_length"}),
    ("website", "x" * 501, {"website": "max_length"}),
    ("display_name", "x" * 201, {"display_name": "max_length"}),
]


def test_entries_that_do_not_fit_are_named_by_their_place(alice: Person, subtests: pytest.Subtests) -> None:
    for field, value, errors in ENTRIES_REFUSED:
        with subtests.test(f"{field} {value!r:.50}"):
            if field == "addresses" and value == [{"country": "CH\n"}]:
                # White space around is trimmed before anything is looked at.
                assert created(alice.post("contacts/", {"display_name": "Ada", field: value}))
                continue
            assert errors_of(alice.post("contacts/", {"display_name": "Ada", field: value})) == errors


def test_null_is_nothing(alice: Person) -> None:
    nothing = {name: None for name in WHOLE if name != "display_name"} | {"email": None, "phone": None}
    nothing = {name: value for name, value in nothing.items() if name not in {"emails", "phone_numbers"}}
    assert created(alice.post("contacts/", {"display_name": "Ada", **nothing}))["emails"] == []
    assert (
        created(alice.post("contacts/", {"display_name": "Ada", "emails": None, "phone_numbers": None}))["emails"] == []
    )


# -- under an id of the client's own

ID = "01933b5e-0000-7000-8000-000000000001"
BODY = {"id": ID, "first_name": "Ada", "email": "ada@example.com", "custom_fields": {"a": 1, "b": [2]}}


def test_a_repeat_is_the_same_resource(alice: Person) -> None:
    first = created(alice.post("contacts/", BODY))
    assert first["id"] == ID
    own = alice.user.personal_organization.id
    entries = AuditEntry.objects.count()
    for body in (BODY, dict(reversed(BODY.items())), {**BODY, "organization": str(own)}, {**BODY, "id": ID.upper()}):
        again = alice.post("contacts/", body)
        assert (again.status, again.json) == (200, first)
    assert Contact.objects.count() == 1
    assert count_of(own) == 1
    assert AuditEntry.objects.count() == entries


def test_a_lost_answer_is_asked_for_again(alice: Person) -> None:
    alice.transport.lose_next = 2
    answer = accept(alice.post("contacts/", BODY))
    assert (answer.status, answer.json["id"]) == (201, ID)
    assert answer.headers["idempotency-replayed"] == "true"
    assert Contact.objects.count() == 1


def test_a_repeat_answers_what_became_of_it(alice: Person) -> None:
    alice.post("contacts/", BODY)
    alice.patch(f"contacts/{ID}/", {"first_name": "Augusta"})
    again = alice.post("contacts/", BODY)
    assert (again.status, again.json["first_name"], again.json["version"]) == (200, "Augusta", 2)
    alice.delete(f"contacts/{ID}/")
    gone = alice.post("contacts/", BODY)
    assert (gone.status, gone.json["version"]) == (200, 3)
    assert gone.json["deleted_at"] is not None


def test_other_content_under_the_same_id_is_a_conflict(alice: Person) -> None:
    alice.post("contacts/", BODY)
    for changed in (
        {"first_name": "Augusta"},
        {"email": "other@example.com"},
        {"custom_fields": {"a": 1}},
        {"notes": "x"},
        {"last_name": "L"},
    ):
        document = problem_of(alice.post("contacts/", {**BODY, **changed}), 409, "id_conflict")
        assert ID not in document["detail"]
    assert alice.get(f"contacts/{ID}/").json["version"] == 1


def test_the_same_content_in_another_organization_is_a_conflict(alice: Person, team: Organization) -> None:
    alice.post("contacts/", BODY)
    problem_of(alice.post("contacts/", {**BODY, "organization": team.slug}), 409, "id_conflict")
    assert count_of(team.id) == 0


def test_a_teammates_id_is_taken(alice: Person, bob: Person, team: Organization) -> None:
    body = {**BODY, "organization": team.slug}
    created(alice.post("contacts/", body))
    problem_of(bob.post("contacts/", body), 409, "id_conflict")


def test_a_strangers_id_is_taken_and_nothing_more_is_told(alice: Person, charlie: Person) -> None:
    alice.post("contacts/", BODY)
    document = problem_of(charlie.post("contacts/", BODY), 409, "id_conflict")
    assert document.keys() == {"type", "title", "status", "detail", "code", "instance", "request_id"}
    other = problem_of(charlie.post("contacts/", {**BODY, "first_name": "Grace"}), 409, "id_conflict")
    assert document["detail"] == other["detail"]
    problem_of(charlie.get(f"contacts/{ID}/"), 404, "not_found")
    assert count_of(charlie.user.personal_organization.id) == 0


def test_an_id_that_the_server_chose_is_taken_too(alice: Person) -> None:
    made = created(alice.post("contacts/", {"display_name": "Ada"}))
    problem_of(alice.post("contacts/", {"id": made["id"], "display_name": "Ada"}), 409, "id_conflict")


def test_an_id_is_a_uuid_in_its_canonical_form(alice: Person) -> None:
    for given in (
        "",
        "x",
        ID.replace("-", ""),
        f"{{{ID}}}",
        f"urn:uuid:{ID}",
        ID[:-1],
        ID + "0",
        ID.replace("1", "１"),
        7,
        None,
        [ID],
    ):
        assert errors_of(alice.post("contacts/", {"id": given, "display_name": "Ada"})).keys() == {"id"}


@pytest.mark.django_db(transaction=True)
def test_of_many_attempts_at_once_one_makes_it(alice: Person) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("a database in memory has one connection; threads meet on a server")
    ready = threading.Barrier(8)
    answers: list[Answer] = []

    def attempt() -> None:
        try:
            ready.wait()
            answers.append(alice.post("contacts/", BODY))
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [200] * 7 + [201]
    assert len({answer.json["slug"] for answer in answers}) == 1
    assert Contact.objects.count() == 1
    assert count_of(alice.user.personal_organization.id) == 1
    assert AuditEntry.objects.filter(action="contact.created").count() == 1


@pytest.mark.django_db(transaction=True)
def test_changes_at_once_are_counted_one_by_one(alice: Person, bob: Person) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("a database in memory has one connection; threads meet on a server")
    team = factories.group(alice.user, {bob.user: "member"}, name="Team")
    statuses: list[int] = []

    def work(person: Person) -> None:
        try:
            for _ in range(5):
                statuses.append(person.post("contacts/", {"display_name": "Ada", "organization": team.slug}).status)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(person,)) for person in (alice, bob, alice, bob)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [201] * 20
    sequences = Contact.objects.filter(organization=team).values_list("change_seq", flat=True)
    assert sorted(sequences) == list(range(1, 21))
    assert count_of(team.id) == 20


# -- what it costs


def test_creating_takes_seven_queries(alice: Person, team: Organization) -> None:
    alice.post("contacts/", {"display_name": "Ada"})
    with queries() as asked:
        alice.post("contacts/", WHOLE)
    assert asked == [
        "organization",  # its count moves, which locks it
        "contact",
        "contact_identity",  # who has the same
        "contact_identity",
        "contact_term",
        "audit_entry",
        "contact",  # the answer
    ]
    with queries() as asked:
        alice.post("contacts/", {**WHOLE, "organization": team.slug})
    assert len(asked) == 7
