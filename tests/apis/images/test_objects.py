"""Images on objects: attached, in an order without gaps, with one cover at most, and words of their own there."""

import itertools
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.models import AuditEntry, Contact, ImageLink, Organization, TagLink
from api.models.base import uuid7
from tests.apis.contacts.rows import make_contact
from tests.apis.images.pictures import path_of
from tests.apis.images.rows import make_image
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def contact(alice: Person, team: Organization) -> Contact:
    return make_contact(alice, team)


@pytest.fixture
def ids(alice: Person, team: Organization) -> list[int]:
    """Four images of the team."""
    return [make_image(alice, team, title=f"Image {number}").id for number in range(4)]


def on(team: Organization, contact: Contact, rest: str = "") -> str:
    return path_of(team, f"images/contacts/contact/{contact.slug}/{rest}")


def order_of(answer: Any) -> list[int]:
    assert answer.status in {200, 201}, answer.body
    assert [row["position"] for row in answer.json["data"]] == list(range(len(answer.json["data"])))
    return [row["image"]["id"] for row in answer.json["data"]]


def cover_of(answer: Any) -> list[int]:
    return [row["image"]["id"] for row in answer.json["data"] if row["is_cover"]]


def test_the_first_one_attached_is_the_cover(
    alice: Person, team: Organization, contact: Contact, ids: list[int]
) -> None:
    first = alice.post(on(team, contact), {"image_id": ids[2]})
    assert (first.status, order_of(first), cover_of(first)) == (201, [ids[2]], [ids[2]])
    second = alice.post(on(team, contact), {"image_id": ids[0]})
    assert (order_of(second), cover_of(second)) == ([ids[2], ids[0]], [ids[2]])
    again = alice.post(on(team, contact), {"image_id": ids[2]})
    assert (again.status, again.json) == (200, second.json)
    assert alice.get(on(team, contact)).json["data"] == second.json["data"]
    assert order_of(alice.get(on(team, contact), limit=1)) == [ids[2]]
    assert AuditEntry.objects.filter(action="image.attached").count() == 2


def test_by_the_body_and_in_bulk(alice: Person, team: Organization, contact: Contact, ids: list[int]) -> None:
    named = {"app_label": "contacts", "model": "contact", "object_id": str(contact.id)}
    assert order_of(alice.post(path_of(team, "attach/"), {**named, "image_id": ids[1]})) == [ids[1]]
    bulk = alice.post(on(team, contact, "bulk_attach/"), {"image_ids": [ids[3], ids[1], ids[0], ids[3]]})
    assert order_of(bulk) == [ids[1], ids[3], ids[0]]
    assert order_of(alice.post(path_of(team, "detach/"), {**named, "image_id": ids[3]})) == [ids[1], ids[0]]
    assert order_of(alice.post(on(team, contact, "bulk_detach/"), {"image_ids": [ids[1], ids[0]]})) == []
    problem_of(alice.post(path_of(team, "detach/"), {**named, "image_id": ids[3]}), 404, "not_found")


def test_in_bulk_it_is_all_or_nothing(
    alice: Person, charlie: Person, team: Organization, contact: Contact, ids: list[int]
) -> None:
    theirs = make_image(charlie, Organization.objects.get(personal_of=charlie.user)).id
    for wrong in (2**62, theirs):
        problem_of(alice.post(on(team, contact, "bulk_attach/"), {"image_ids": [ids[0], wrong]}), 404, "not_found")
    assert not ImageLink.objects.exists()
    alice.post(on(team, contact, "bulk_attach/"), {"image_ids": ids})
    problem_of(alice.post(on(team, contact, "bulk_detach/"), {"image_ids": [ids[0], theirs]}), 404, "not_found")
    assert order_of(alice.get(on(team, contact))) == ids


def test_an_order_names_the_exact_full_set(alice: Person, team: Organization, contact: Contact, ids: list[int]) -> None:
    alice.post(on(team, contact, "bulk_attach/"), {"image_ids": ids})
    for wanted in itertools.permutations(ids):
        answer = alice.post(on(team, contact, "reorder/"), {"image_ids": list(wanted)})
        assert (order_of(answer), cover_of(answer)) == (list(wanted), [ids[0]])
    for wrong in (ids[:3], [*ids, ids[0]], [*ids[:3], ids[0]], [*ids[:3], 2**62]):
        refused = alice.post(on(team, contact, "reorder/"), {"image_ids": wrong})
        assert errors_of(refused) == {"image_ids": "not_the_full_set"}
    before = Organization.objects.get(id=team.id).change_seq
    assert alice.post(on(team, contact, "reorder/"), {"image_ids": list(wanted)}).status == 200
    assert Organization.objects.get(id=team.id).change_seq == before
    counts = list(ImageLink.objects.values_list("change_seq", flat=True))
    assert max(counts) == before
    assert len(set(counts)) == len(counts)


def test_one_cover_or_none(alice: Person, team: Organization, contact: Contact, ids: list[int]) -> None:
    alice.post(on(team, contact, "bulk_attach/"), {"image_ids": ids[:3]})
    assert cover_of(alice.post(on(team, contact, "set_cover/"), {"image_id": ids[2]})) == [ids[2]]
    problem_of(alice.post(on(team, contact, "set_cover/"), {"image_id": ids[3]}), 404, "not_found")
    assert cover_of(alice.get(on(team, contact))) == [ids[2]]
    for _ in range(2):
        assert cover_of(alice.post(on(team, contact, "unset_cover/"))) == []
    assert cover_of(alice.post(on(team, contact), {"image_id": ids[3]})) == []
    alice.post(on(team, contact, "set_cover/"), {"image_id": ids[3]})
    assert cover_of(alice.post(on(team, contact, "bulk_detach/"), {"image_ids": [ids[3]]})) == []


def test_words_of_its_own(alice: Person, team: Organization, contact: Contact, ids: list[int]) -> None:
    alice.post(on(team, contact, "bulk_attach/"), {"image_ids": ids[:2]})
    path = on(team, contact, f"relations/{ids[1]}/")
    answer = alice.patch(path, {"title": "Here", "alt_text": "x"})
    row = answer.json["data"][1]
    assert (row["title"], row["alt_text"], row["description"], row["image"]["title"]) == ("Here", "x", "", "Image 1")
    assert alice.patch(path, {"title": None}).json["data"][1]["title"] == ""
    problem_of(alice.patch(on(team, contact, f"relations/{ids[3]}/"), {"title": "x"}), 404, "not_found")
    problem_of(alice.patch(on(team, contact, "relations/nobody/"), {"title": "x"}), 404, "not_found")


def test_a_deleted_image_leaves_no_gap_and_nothing_hanging(
    alice: Person, team: Organization, contact: Contact, ids: list[int]
) -> None:
    alice.post(on(team, contact, "bulk_attach/"), {"image_ids": ids})
    tagged = f"orgs/{team.slug}/tags/images/image/{ids[1]}/"
    assert alice.post(tagged, ["Seen"]).status == 200
    assert TagLink.objects.count() == 1
    alice.delete(path_of(team, f"images/{ids[1]}/"))
    assert order_of(alice.get(on(team, contact))) == [ids[0], ids[2], ids[3]]
    assert not TagLink.objects.exists()
    alice.post(path_of(team, "bulk-delete/"), {"ids": [ids[0], ids[2]]})
    left = alice.get(on(team, contact))
    assert (order_of(left), cover_of(left)) == ([ids[3]], [])


def test_an_object_has_a_hundred_images_at_most(
    alice: Person, team: Organization, contact: Contact, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.apis.images.services.linking.IMAGES_ON_AN_OBJECT_MAX", 3)
    problem_of(alice.post(on(team, contact, "bulk_attach/"), {"image_ids": ids}), 409, "too_many_images")
    assert alice.post(on(team, contact, "bulk_attach/"), {"image_ids": ids[:3]}).status == 200
    problem_of(alice.post(on(team, contact), {"image_id": ids[3]}), 409, "too_many_images")


def test_what_is_not_there_is_one_refusal(
    alice: Person, charlie: Person, team: Organization, contact: Contact, ids: list[int]
) -> None:
    """A kind that is not registered, somebody else's object, a deleted one and a missing one."""
    theirs, gone = make_contact(charlie), make_contact(alice, team)
    alice.delete(f"contacts/{gone.slug}/")
    told = set()
    for kind, name in (
        ("contacts/contact", str(uuid7())),
        ("contacts/contact", theirs.slug),
        ("contacts/contact", gone.slug),
        ("users/user", str(alice.user.id)),
        ("auth/session", "1"),
        ("organizations/organization", str(theirs.organization_id)),
    ):
        path = path_of(team, f"images/{kind}/{name}/")
        app_label, model = kind.split("/")
        named = {"app_label": app_label, "model": model, "object_id": name, "image_id": ids[0]}
        for answer in (
            alice.get(path),
            alice.post(path, {"image_id": ids[0]}),
            alice.post(f"{path}reorder/", {"image_ids": ids}),
            alice.post(path_of(team, "attach/"), named),
        ):
            document = problem_of(answer, 404, "not_found")
            told.add((document["title"], document["detail"]))
    assert len(told) == 1
    assert not ImageLink.objects.exists()


def test_a_page_costs_the_same_however_many_there_are(
    alice: Person, team: Organization, contact: Contact, ids: list[int]
) -> None:
    alice.post(on(team, contact), {"image_id": ids[0]})
    alice.get(on(team, contact))
    with CaptureQueriesContext(connection) as one:
        alice.get(on(team, contact))
    alice.post(on(team, contact, "bulk_attach/"), {"image_ids": ids})
    with CaptureQueriesContext(connection) as four:
        assert len(alice.get(on(team, contact)).json["data"]) == 4
    assert len(four) == len(one)
