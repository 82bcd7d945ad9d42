"""Somebody else's, a missing and a deleted one: on every address of an object, by every verb, generated from the table."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from handset_client import Answer
from handset_client.outcomes import accept

from api.models import (
    AuditEntry,
    Contact,
    ContactTerm,
    Export,
    Image,
    ImageLink,
    Membership,
    Organization,
    Tag,
    TagLink,
)
from api.models.base import uuid7
from api.platform import memberships
from tests.apis.contacts.rows import make_contact
from tests.apis.images.rows import make_image
from tests.conftest import Person
from tests.http.answers import problem_of
from tests.http.routes import Route, api_routes

pytestmark = pytest.mark.django_db

# What stands behind a place belongs to somebody; a provider to nobody.
OBJECTS = [route for route in api_routes() if route.places and route.places != ["provider"]]
ANNOUNCED = {"bytes": 1, "media_type": "image/jpeg", "sha256": "A" * 43 + "="}
ATTACHMENT = {"image_id": 1, "app_label": "contacts", "model": "contact", "object_id": "mallory"}
JOB = {"type": "add", "x": 1, "y": 2}
# A body that would do, by verb and the end of the route; none where nothing is said.
BODIES: dict[tuple[str, str], Any] = {
    ("PUT", "contacts/<str:slug>/"): {"display_name": "Mallory"},
    ("PATCH", "contacts/<str:slug>/"): {"title": "Mallory"},
    ("PATCH", "devices/<str:device_id>/"): {"name": "Mallory's"},
    ("PATCH", "orgs/<str:org_slug>/"): {"name": "Mallory's"},
    ("DELETE", "orgs/<str:org_slug>/"): {"name": "Team"},
    ("POST", "orgs/<str:org_slug>/delete/"): {"name": "Team"},
    ("PATCH", "members/<str:username>/"): {"role": "billing"},
    ("POST", "transfer-ownership/"): {"username": "mallory"},
    ("POST", "orgs/<str:org_slug>/invitations/"): {"email": "mallory@example.com"},
    ("POST", "orgs/<str:org_slug>/api-keys/"): {"name": "Mallory's", "scopes": ["contacts:read"]},
    ("POST", "api-keys/<str:key_id>/rotate/"): {},
    ("POST", "orgs/<str:org_slug>/tags/"): {"name": "Mallory's"},
    ("PATCH", "tags/<str:tag_id>/"): {"name": "Mallory's"},
    ("POST", "tags/<str:app_label>/<str:model>/<str:obj_id>/"): ["Mallory's"],
    ("POST", "images/<str:app_label>/<str:model>/<str:obj_id>/"): {"image_id": 1},
    ("POST", "bulk_attach/"): {"image_ids": [1]},
    ("POST", "bulk_detach/"): {"image_ids": [1]},
    ("POST", "reorder/"): {"image_ids": [1]},
    ("POST", "/set_cover/"): {"image_id": 1},
    ("PATCH", "relations/<str:image_id>/"): {"title": "Mallory's"},
    ("POST", "attach/"): ATTACHMENT,
    ("POST", "detach/"): ATTACHMENT,
    ("POST", "bulk-delete/"): {"ids": [1]},
    ("PATCH", "images/<str:image_id>/"): {"title": "Mallory's"},
    ("POST", "uploads/"): ANNOUNCED,
    ("POST", "shares/"): {},
}


Fill = dict[str, str]


class Named(NamedTuple):
    """What may stand in the place of a route: the same object by each of its names."""

    foreign: list[str]
    missing: list[str]
    deleted: list[str]


@pytest.fixture
def places(alice: Person, charlie: Person, team: Organization) -> dict[str, Named]:
    """By the name of the place: what is the team's, what is nobody's, and what was charlie's and is deleted."""
    contact = make_contact(alice, team, display_name="Secret", notes="secret")
    gone = make_contact(charlie, display_name="Gone")
    charlie.delete(f"contacts/{gone.slug}/")
    invited = accept(alice.post(f"orgs/{team.slug}/invitations/", {"email": "grace@example.com"})).json
    key = accept(alice.post(f"orgs/{team.slug}/api-keys/", {"name": "Sync", "scopes": ["contacts:read"]})).json
    tags = accept(alice.post(f"orgs/{team.slug}/tags/contacts/contact/{contact.slug}/", ["Secret"])).json["data"]
    image = make_image(alice, team)
    return {
        "tag_id": Named([str(tags[0]["id"])], [str(tags[0]["id"] + 1000)], []),
        "tag_slug": Named(["secret"], ["nobodys"], []),
        "app_label": Named(["contacts"], ["nobodys"], []),
        "model": Named(["contact"], ["nobody"], []),
        "obj_id": Named([contact.slug, str(contact.id)], ["secret-aaaaaa", str(uuid7())], []),
        "slug": Named([contact.slug, str(contact.id)], ["secret-aaaaaa", str(uuid7())], [gone.slug, str(gone.id)]),
        "device_id": Named([str(alice.phone.state.device_id)], [str(uuid7())], []),
        "job_id": Named([accept(alice.post("tasks/", JOB)).json["id"]], [str(uuid7())], []),
        "export_id": Named([accept(alice.post(f"orgs/{team.slug}/export/")).json["id"]], [str(uuid7())], []),
        "org_slug": Named([team.slug, str(team.id)], ["team-aaaaaa", str(uuid7())], []),
        "key_id": Named([key["id"]], [str(uuid7())], []),
        "invitation_id": Named([invited["id"]], [str(uuid7())], []),
        "upload_id": Named(
            [accept(alice.post(f"images/orgs/{team.slug}/uploads/", ANNOUNCED)).json["id"]], [str(uuid7())], []
        ),
        "image_id": Named([str(image.id)], [str(image.id + 1000)], []),
        "share_id": Named(
            [accept(alice.post(f"images/orgs/{team.slug}/images/{image.id}/shares/", {})).json["id"]],
            [str(uuid7())],
            [],
        ),
        "username": Named([alice.user.username], ["nobody"], []),
    }


def fills(route: Route, places: dict[str, Named]) -> Iterator[tuple[Fill, Fill]]:
    """The places of a route filled with what is the team's, and with what is nobody's; of an object inside of another
    one, both, and each with the other's.
    """
    outer = places[route.places[0]]
    for foreign, missing in zip(outer.foreign, outer.missing, strict=True):
        if len(route.places) == 1:
            yield {route.places[0]: foreign}, {route.places[0]: missing}
            continue
        inner = [places[place] for place in route.places[1:]]
        for inside in ([named.foreign[0] for named in inner], [named.missing[0] for named in inner]):
            yield (
                dict(zip(route.places, (foreign, *inside), strict=True)),
                dict(zip(route.places, (missing, *inside), strict=True)),
            )


def calls(route: Route) -> Iterator[tuple[str, Any]]:
    for verb in sorted(route.verbs):
        yield (
            verb,
            next((body for (of, end), body in BODIES.items() if of == verb and route.pattern.endswith(end)), None),
        )
    if "GET" in route.verbs:
        yield "HEAD", None


def told(answer: Answer) -> dict[str, Any]:
    document = json.loads(answer.body) if answer.body else {}
    return {name: value for name, value in document.items() if name not in {"request_id", "instance"}}


def stored() -> list[Any]:
    """All that a stranger could have changed."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (Contact, ContactTerm, Export, Image, ImageLink, Organization, Membership, Tag, TagLink)
    ]


def test_every_place_of_the_table_is_known(places: dict[str, Named]) -> None:
    assert {place for route in OBJECTS for place in route.places} == places.keys()
    assert len(OBJECTS) >= 3


@pytest.mark.parametrize("route", OBJECTS, ids=lambda route: route.pattern)
def test_a_strangers_object_and_a_missing_one_are_the_same(
    charlie: Person, places: dict[str, Named], route: Route
) -> None:
    before = stored()
    entries = AuditEntry.objects.count()
    for verb, body in calls(route):
        for foreign, missing in fills(route, places):
            outcomes = []
            for filled in (missing, foreign, missing):  # the first one warms up
                path = route.path(**filled)
                with CaptureQueriesContext(connection) as asked:
                    answer = charlie.phone.request(verb, path, body) if verb != "HEAD" else head(charlie, path)
                if answer.body:
                    problem_of(answer, 404, "not_found")
                headers = {n for n in answer.headers if not n.startswith(("x-ratelimit", "ratelimit"))}
                outcomes.append((answer.status, told(answer), headers, len(asked)))
            assert outcomes[1] == outcomes[2], (verb, foreign)
            assert outcomes[1][0] == 404
    assert stored() == before
    assert AuditEntry.objects.count() == entries


WITHIN = [route for route in OBJECTS if route.places[0] == "org_slug" and len(route.places) > 1]


@pytest.mark.parametrize("route", WITHIN, ids=lambda route: route.pattern)
def test_a_strangers_object_below_ones_own_organization_is_a_missing_one(
    charlie: Person, places: dict[str, Named], route: Route
) -> None:
    """The parent is the caller's own, who may do everything there; the object is another one's."""
    own = Organization.objects.get(id=accept(charlie.post("orgs/", {"name": "Own"})).json["id"])
    contact, image = make_contact(charlie, own, display_name="Mine"), make_image(charlie, own)
    mine = {"app_label": "contacts", "model": "contact", "obj_id": contact.slug, "image_id": str(image.id)}
    before = stored()
    entries = AuditEntry.objects.count()
    for verb, body in calls(route):
        for strange in route.places[1:]:
            if strange in {"app_label", "model"}:
                continue
            around = {**{place: places[place].foreign[0] for place in route.places}, "org_slug": own.slug}
            # What is around the object is the caller's as far as there is such a thing; what is below it is as strange.
            around |= {place: mine[place] for place in route.places if place in mine and place != strange}
            outcomes = []
            for name in (places[strange].missing[0], places[strange].foreign[0], places[strange].missing[0]):
                with CaptureQueriesContext(connection) as asked:
                    path = route.path(**{**around, strange: name})
                    answer = charlie.phone.request(verb, path, body) if verb != "HEAD" else head(charlie, path)
                outcomes.append((answer.status, told(answer), len(asked)))
            assert outcomes[1] == outcomes[2], (verb, strange)
            assert outcomes[1][0] == 404, (verb, strange)
    assert stored() == before
    assert AuditEntry.objects.count() == entries


def head(person: Person, path: str) -> Answer:
    """A HEAD, whose answer has the status of a problem document and none of its body."""
    url = f"http://localhost:8000{path}"
    response = person.transport.call("HEAD", url, {"Authorization": f"Bearer {person.phone.state.access}"})
    return Answer(response.status, {n.lower(): v for n, v in response.headers.items()}, response.body, None)


@pytest.mark.parametrize("route", OBJECTS, ids=lambda route: route.pattern)
def test_a_deleted_object_is_a_missing_one(charlie: Person, places: dict[str, Named], route: Route) -> None:
    place = route.places[-1]
    for verb, body in calls(route):
        if route.pattern.endswith("/restore/") or verb == "HEAD":
            continue  # what it is there for: test_restore.py
        missing = charlie.phone.request(verb, route.path(**{place: places[place].missing[0]}), body)
        for name in places[place].deleted:
            answer = charlie.phone.request(verb, route.path(**{place: name}), body)
            assert (answer.status, told(answer)) == (missing.status, told(missing))


@pytest.mark.parametrize("route", OBJECTS, ids=lambda route: route.pattern)
def test_a_strangers_tombstone_is_a_missing_one_too(
    bob: Person, charlie: Person, places: dict[str, Named], route: Route
) -> None:
    place = route.places[-1]
    bob.get("contacts/")
    for verb, body in calls(route):
        for name in places[place].deleted:
            if verb != "HEAD":
                problem_of(bob.phone.request(verb, route.path(**{place: name}), body), 404, "not_found")
    assert not Contact.objects.filter(deleted_at=None, organization__personal_of=charlie.user).exists()


OF_ORGANIZATIONS = [route for route in OBJECTS if route.places[0] in {"slug", "org_slug"}]


@pytest.mark.parametrize("route", OF_ORGANIZATIONS, ids=lambda route: route.pattern)
def test_a_removed_members_live_token_opens_nothing(
    alice: Person, bob: Person, team: Organization, places: dict[str, Named], route: Route
) -> None:
    for verb, body in calls(route):
        for filled, _ in fills(route, places):
            Membership.objects.update_or_create(user=bob.user, organization=team, defaults={"role": "admin"})
            memberships.changing([bob.user.id])
            path = route.path(**filled)
            if verb == "GET" and all(name in places[place].foreign for place, name in filled.items()):
                assert bob.get(path).status == 200
            memberships.changing([bob.user.id])
            Membership.objects.filter(user=bob.user, organization=team).delete()
            before = stored()
            if verb != "HEAD":
                problem_of(bob.phone.request(verb, path, body), 404, "not_found")
            else:
                assert head(bob, path).status == 404
            assert stored() == before
    assert bob.get("contacts/", q="secret").json["data"] == []
    problem_of(bob.get("contacts/", **{"filter[org]": team.slug}), 404, "not_found")
    problem_of(bob.post("contacts/", {"display_name": "Mallory", "organization": team.slug}), 404, "not_found")


@pytest.mark.parametrize("route", OBJECTS, ids=lambda route: route.pattern)
def test_who_signed_out_is_asked_to_sign_in(alice: Person, places: dict[str, Named], route: Route) -> None:
    alice.phone.sign_out()
    filled, _ = next(fills(route, places))
    for verb, body in calls(route):
        if verb != "HEAD":
            answer = alice.phone.request(verb, route.path(**filled), body)
            problem_of(answer, 403, "sign_in_required")


def test_an_organization_in_a_body_or_a_filter_is_like_one_in_a_path(charlie: Person, places: dict[str, Named]) -> None:
    for foreign, missing in zip(places["org_slug"].foreign, places["org_slug"].missing, strict=True):
        for call in (
            lambda name: charlie.post("contacts/", {"display_name": "Mallory", "organization": name}),
            lambda name: charlie.get("contacts/", **{"filter[org]": name}),
            lambda name: charlie.get("contacts/", q="secret", total="true", **{"filter[org]": name}),
        ):
            outcomes = []
            for name in (missing, foreign, missing):
                with CaptureQueriesContext(connection) as asked:
                    answer = call(name)
                problem_of(answer, 404, "not_found")
                outcomes.append((told(answer), len(asked)))
            assert outcomes[1] == outcomes[2]


def test_nothing_that_is_sorted_or_filtered_by_tells_of_others(charlie: Person, places: dict[str, Named]) -> None:
    for params in (
        {"sort": "organization__name"},
        {"sort": "creator__email"},
        {"sort": "notes"},
        {"sort": "change_seq"},
        {"filter[id]": places["slug"].foreign[1]},
        {"filter[deleted_at]": "null"},
        {"filter[organization_id]": places["org_slug"].foreign[1]},
        {"filter[creator__email]": "alice@example.com"},
        {"filter[org__name]": "Team"},
        {"fields": "creator__password"},
        {"include_deleted": "true"},
    ):
        assert charlie.get("contacts/", **params).status == 400
    for creator in ("alice", "%", "*"):
        assert charlie.get("contacts/", total="true", **{"filter[creator]": creator}).json["meta"]["total"] == 0
