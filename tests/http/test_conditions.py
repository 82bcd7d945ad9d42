"""Conditional requests: what is unchanged is not sent again, what was changed meanwhile is not overwritten."""

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from handset_client import Answer
from handset_client.outcomes import accept

from api.models import Contact, Membership, Organization, Tag, User
from api.platform import memberships
from tests.apis.contacts.rows import make_contact
from tests.apis.images.rows import make_image
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of, queries
from tests.http.routes import api_routes

pytestmark = pytest.mark.django_db


def get(person: Person, path: str, etag: str | None = None) -> Answer:
    return person.phone.request("GET", path, headers={} if etag is None else {"If-None-Match": etag})


def change(person: Person, contact: Contact, etag: str | None, method: str = "PATCH") -> Answer:
    body = None if method == "DELETE" else {"display_name": "Grace Hopper"}
    headers = {} if etag is None else {"If-Match": etag}
    return person.phone.request(method, f"contacts/{contact.slug}/", body, headers=headers)


@pytest.fixture
def contact(alice: Person) -> Contact:
    return make_contact(alice, display_name="Ada Lovelace")


# -- If-None-Match

# What some addresses have to be asked.
QUESTIONS = ["AddressVerifyView", "CheckUsernameView", "TableExportView", "VCardExportView"]
QUERIES = {"api/v1/users/check_username/": "?username=ada"}


@time_machine.travel(datetime.now(UTC), tick=False)  # auth/check/ tells the seconds that are left
def test_everything_that_is_read_has_a_tag_and_is_not_sent_twice(alice: Person, contact: Contact) -> None:
    job_id = accept(alice.post("tasks/", {"type": "add", "x": 1, "y": 2})).json["id"]
    own = Organization.objects.get(owner=alice.user)
    tag = Tag.objects.create(organization=own, name="VIP", name_identity="vip", slug="vip", change_seq=2)
    image = make_image(alice, own)
    read = 0
    for route in api_routes():
        if "GET" not in route.verbs or route.view.is_confidential:
            continue
        path = route.path(
            **{"slug": contact.slug, "org_slug": own.slug, "job_id": job_id, "username": alice.user.username},
            **{"app_label": "contacts", "model": "contact", "obj_id": contact.slug},
            **{"tag_id": tag.id, "image_id": image.id},
        )
        path += QUERIES.get(route.pattern, "")
        first = get(alice, path)
        assert first.status == 200, path
        again = get(alice, path, first.headers["etag"])
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"]), path
        assert again.headers["cache-control"] == first.headers["cache-control"]
        assert again.headers["vary"] == first.headers["vary"]
        assert "content-type" not in again.headers
        read += 1
    assert read >= 6


def test_the_list_moves_with_the_names_of_creators(alice: Person, bob: Person, team: Organization) -> None:
    make_contact(bob, team, display_name="Ada")
    path = f"contacts/?filter[org]={team.slug}"
    before = get(alice, path)
    assert bob.patch("users/me/", {"location": "London"}).status == 200
    assert get(alice, path, before.headers["etag"]).status == 304
    assert bob.patch("users/me/", {"username": "robert"}).status == 200
    after = get(alice, path, before.headers["etag"])
    assert [row["creator"] for row in after.json["data"]] == ["robert"]


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '{},W/"other"', "*"])
def test_forms_of_a_tag(alice: Person, contact: Contact, form: str) -> None:
    for path in ("contacts/", f"contacts/{contact.slug}/"):
        etag = get(alice, path).headers["etag"]
        assert get(alice, path, form.format(etag)).status == 304
        assert get(alice, path, '"other", W/"another"').status == 200


def test_tags_do_not_depend_on_the_token(alice: Person, contact: Contact) -> None:
    paths = ("contacts/", f"contacts/{contact.slug}/", "users/me/", "orgs/")
    before = {path: get(alice, path).headers["etag"] for path in paths}
    alice.phone.refresh()
    assert {path: get(alice, path).headers["etag"] for path in paths} == before


def test_tag_of_a_contact_moves_with_everything_in_it(alice: Person, contact: Contact) -> None:
    path = f"contacts/{contact.slug}/"
    first = get(alice, path).headers["etag"]
    assert first.startswith('"1-')
    assert change(alice, contact, None).headers["etag"].startswith('"2-')
    second = get(alice, path).headers["etag"]
    # Its creator's name is in it, though no version of the contact.
    alice.patch("users/me/", {"username": "augusta"})
    third = get(alice, path, second)
    assert third.status == 200
    assert third.headers["etag"].startswith('"2-')
    assert len({first, second, third.headers["etag"]}) == 3


def test_tag_of_a_list_moves_with_whatever_may_be_in_it(
    alice: Person, bob: Person, team: Organization, contact: Contact
) -> None:
    etags = [get(alice, "contacts/").headers["etag"]]

    def moved() -> bool:
        answer = get(alice, "contacts/", etags[-1])
        etags.append(answer.headers["etag"])
        return answer.status == 200

    assert not moved()
    bobs = make_contact(bob, team, display_name="Grace")
    assert moved()
    assert not moved()
    for call in (
        lambda: alice.patch(f"contacts/{contact.slug}/", {"notes": "First of all"}),
        lambda: bob.delete(f"contacts/{bobs.slug}/"),
        lambda: bob.post(f"contacts/{bobs.slug}/restore/"),
    ):
        call()
        assert moved()
    Membership.objects.filter(user=alice.user, organization=team).delete()
    memberships.changing([alice.user.id])
    assert moved()
    assert len(set(etags)) == 6


def test_lists_of_other_queries_and_people_have_other_tags(alice: Person, bob: Person, team: Organization) -> None:
    make_contact(alice, team)
    queries_of_it = [{}, {"limit": "1"}, {"sort": "-display_name"}, {"total": "true"}, {"fields": "id"}, {"q": "ada"}]
    etags = [person.get("contacts/", **params).headers["etag"] for person in (alice, bob) for params in queries_of_it]
    assert len(set(etags)) == len(etags)


def test_unchanged_list_takes_one_query(alice: Person, contact: Contact) -> None:
    etag = get(alice, "contacts/").headers["etag"]
    with queries() as asked:
        assert get(alice, "contacts/", etag).status == 304
    assert asked == ["organization"]


def test_tokens_have_no_tag(alice: Person) -> None:
    assert "etag" not in alice.phone.get_token().headers
    assert "etag" not in alice.phone.refresh().headers


# -- If-Match


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_change_in_view_of_the_present_version_is_made(alice: Person, contact: Contact, method: str) -> None:
    etag = get(alice, f"contacts/{contact.slug}/").headers["etag"]
    assert change(alice, contact, etag, method).is_success
    contact.refresh_from_db()
    assert contact.version == 2


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_change_in_view_of_another_version_is_refused(alice: Person, contact: Contact, method: str) -> None:
    path = f"contacts/{contact.slug}/"
    stale = get(alice, path).headers["etag"]
    alice.patch(path, {"company": "Remington Rand"})
    refused = change(alice, contact, stale, method)
    problem_of(refused, 412, "version_conflict")
    assert refused.headers["etag"] == get(alice, path).headers["etag"]
    assert refused.headers["etag"].startswith('"2-')
    contact.refresh_from_db()
    assert (contact.version, contact.display_name, contact.deleted_at) == (2, "Ada Lovelace", None)
    # What the refusal names is what may be sent next.
    assert change(alice, contact, refused.headers["etag"], method).is_success


def test_no_change_in_view_of_another_version_is_refused_too(alice: Person, contact: Contact) -> None:
    path = f"contacts/{contact.slug}/"
    same = {"display_name": "Ada Lovelace"}
    refused = alice.phone.request("PATCH", path, same, headers={"If-Match": '"7"'})
    problem_of(refused, 412, "version_conflict")


@pytest.mark.parametrize("form", ['"1"', 'W/"1"', '"1-anything"', '"9", "1"', "*", ' "1" '])
def test_forms_that_match(alice: Person, contact: Contact, form: str) -> None:
    assert change(alice, contact, form).status == 200


@pytest.mark.parametrize("form", ['"2"', '"01"', '"0"', '""', '"one"', '"10"', '"99999999999"'])
def test_forms_that_do_not_match(alice: Person, contact: Contact, form: str) -> None:
    problem_of(change(alice, contact, form), 412, "version_conflict")


@pytest.mark.parametrize("form", ["1", '"1', "1-abc", '"1" "2"', ",", '"1",', "x" * 2000, '"' + "1" * 2000 + '"'])
def test_forms_that_are_none(alice: Person, contact: Contact, form: str) -> None:
    assert errors_of(change(alice, contact, form)) == {"If-Match": "invalid"}


def test_profile_has_versions_too(alice: Person) -> None:
    first = get(alice, "users/me/")
    assert (first.json["version"], first.headers["etag"][:3]) == (1, '"1-')
    other = {"If-Match": first.headers["etag"]}
    assert alice.phone.request("PATCH", "users/me/", {"location": "London"}, headers=other).json["version"] == 2
    problem_of(alice.phone.request("PATCH", "users/me/", {"location": "Paris"}, headers=other), 412, "version_conflict")
    assert User.objects.get(id=alice.user.id).location == "London"


def test_server_may_insist(alice: Person, contact: Contact, settings: Any) -> None:
    settings.REQUIRE_IF_MATCH = True
    for method in ("PATCH", "PUT", "DELETE"):
        problem_of(change(alice, contact, None, method), 428, "precondition_required")
    problem_of(alice.patch("users/me/", {"location": "London"}), 428, "precondition_required")
    assert change(alice, contact, '"1"').status == 200


# -- sparse fieldsets


def test_fields_are_the_only_members(alice: Person, contact: Contact) -> None:
    rows = alice.get("contacts/", fields="id,display_name").json
    assert rows["data"] == [{"id": str(contact.id), "display_name": "Ada Lovelace"}]
    assert rows["meta"] == {"next": None, "prev": None}
    assert alice.get(f"contacts/{contact.slug}/", fields="slug").json == {"slug": contact.slug}
    assert alice.get("users/me/", fields="email,is_guest").json == {"email": alice.email, "is_guest": False}
    assert [set(row) for row in alice.get("orgs/", fields="slug").json["data"]] == [{"slug"}]
    # The version still names the tag that If-Match takes.
    assert alice.get(f"contacts/{contact.slug}/", fields="slug").headers["etag"].startswith('"1-')


@pytest.mark.parametrize("value", ["", "nothing", "id,nothing", "id,", "id, slug", "addresses.city", "organization_id"])
def test_unknown_fields_are_refused(alice: Person, contact: Contact, value: str) -> None:
    for path in ("contacts/", f"contacts/{contact.slug}/", "users/me/", "orgs/"):
        assert errors_of(alice.get(path, fields=value)) == {"fields": "invalid"}


def test_fields_stand_once_and_where_something_is_read(alice: Person, contact: Contact, send: Any) -> None:
    twice = send("GET", f"/api/v1/contacts/{contact.slug}/?fields=id&fields=slug", person=alice)
    assert errors_of(twice) == {"fields": "invalid"}
    written = send("PATCH", f"/api/v1/contacts/{contact.slug}/?fields=id", {}, person=alice)
    problem_of(written, 400, "unknown_parameter")
    # The answer to a question is no resource.
    problem_of(alice.get("users/check_username/", username="ada", fields="reason"), 400, "unknown_parameter")


def test_whatever_is_read_has_fields_without_a_word_of_the_view(alice: Person) -> None:
    assert alice.get("auth/check/", fields="trust").json == {"trust": "unattested"}
    read = [route.view for route in api_routes() if "GET" in route.verbs]
    assert sorted(view.__name__ for view in read if view.representation() is None) == QUESTIONS


def test_pages_go_on_with_other_fields(alice: Person) -> None:
    for number in range(3):
        make_contact(alice, display_name=f"Contact {number}")
    page = alice.get("contacts/", limit="2", fields="id").json
    rest = alice.get("contacts/", cursor=page["meta"]["next"], fields="display_name").json
    assert rest["data"] == [{"display_name": "Contact 2"}]
