"""`POST` and `DELETE contacts/<slug>/avatar/`: as for people; the squares stay for as long as a contact has them."""

from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone
from handset_client import Answer, Call

from api.apis.contacts import services
from api.apis.jobs import services as jobs
from api.models import Contact, Organization
from tests.apis.contacts.rows import make_contact
from tests.apis.contacts.trail import no_change, one_change
from tests.conftest import Person
from tests.http.answers import problem_of
from tests.phones import BASE_URL
from tests.pictures import BOUNDARY, photo, picture_form

pytestmark = pytest.mark.django_db


def post(person: Person, contact: Contact, content: bytes, *, key: str = "") -> Answer:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    headers |= {"Idempotency-Key": key} if key else {}
    path = f"contacts/{contact.slug}/avatar/"
    return person.phone.perform(Call("POST", path, body=picture_form(content), headers=headers))


def stored(files: Path) -> list[str]:
    return sorted(str(path.relative_to(files)) for path in files.rglob("*") if path.is_file())


def run_outbox() -> None:
    while jobs.run_due():
        pass


def a_day_later() -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(days=1), tick=False)


@pytest.fixture
def contact(alice: Person, team: Organization) -> Contact:
    return make_contact(alice, team, display_name="Grace")


def test_two_squares_that_anybody_can_load(alice: Person, bob: Person, contact: Contact, files: Path) -> None:
    with one_change(alice, contact, "contact.avatar_changed"):
        answer = post(alice, contact, photo(60, 50))
    assert answer.status == 200, answer.body
    contact.refresh_from_db()
    large = contact.avatar.replace(".webp", "_lg.webp")
    assert answer.json["avatar"] == {
        "small": f"{BASE_URL}/files/{contact.avatar}",
        "large": f"{BASE_URL}/files/{large}",
    }
    assert stored(files) == sorted([contact.avatar, large])
    assert bob.get(f"contacts/{contact.slug}/").json["avatar"] == answer.json["avatar"]
    assert bob.get("contacts/").json["data"][0]["avatar"] == answer.json["avatar"]
    for address in answer.json["avatar"].values():
        assert Answer.read(alice.transport.call("GET", address, {})).status == 200
    with a_day_later():
        run_outbox()
    assert len(stored(files)) == 2


def test_replacing_and_removing_delete_what_was_before(alice: Person, contact: Contact, files: Path) -> None:
    post(alice, contact, photo(60, 50))
    before = stored(files)
    post(alice, contact, photo(50, 60))
    run_outbox()
    assert len(stored(files)) == 2
    assert not set(before) & set(stored(files))
    contact.refresh_from_db()
    with one_change(alice, contact, "contact.avatar_changed"):
        assert alice.delete(f"contacts/{contact.slug}/avatar/").status == 204
    run_outbox()
    assert stored(files) == []
    with no_change(contact):
        assert alice.delete(f"contacts/{contact.slug}/avatar/").status == 204


def test_removing_asks_for_the_version_if_one_is_said(alice: Person, contact: Contact, files: Path) -> None:
    etag = alice.get(f"contacts/{contact.slug}/").headers["etag"]
    post(alice, contact, photo(60, 50))
    path = f"contacts/{contact.slug}/avatar/"
    problem_of(alice.phone.request("DELETE", path, headers={"If-Match": etag}), 412, "version_conflict")


def test_a_repeat_is_one_avatar(alice: Person, contact: Contact, files: Path) -> None:
    first = post(alice, contact, photo(60, 50), key="k1")
    again = post(alice, contact, photo(60, 50), key="k1")
    assert (again.status, again.body) == (200, first.body)
    with a_day_later():
        run_outbox()
    assert len(stored(files)) == 2


def test_nothing_is_left_of_what_is_refused(alice: Person, charlie: Person, contact: Contact, files: Path) -> None:
    with no_change(contact):
        problem_of(post(charlie, contact, photo(60, 50)), 404, "not_found")
        problem_of(post(alice, contact, b"no picture"), 400, "picture_not_supported")
    alice.delete(f"contacts/{contact.slug}/")
    problem_of(post(alice, contact, photo(60, 50)), 404, "not_found")
    assert stored(files) == []


def test_it_goes_when_the_contact_is_purged_and_not_before(alice: Person, contact: Contact, files: Path) -> None:
    post(alice, contact, photo(60, 50))
    alice.delete(f"contacts/{contact.slug}/")
    with a_day_later():
        run_outbox()
    assert len(stored(files)) == 2  # it can be restored
    Contact.objects.filter(id=contact.id).update(deleted_at=timezone.now() - timedelta(days=91))
    assert services.forget_tombstones() == 1
    run_outbox()
    assert stored(files) == []


def test_a_winner_takes_over_the_avatar_that_it_lacks(alice: Person, contact: Contact, files: Path) -> None:
    bare = make_contact(alice, Organization.objects.get(id=contact.organization_id), display_name="Bare")
    post(alice, contact, photo(60, 50))
    kept = stored(files)
    merged = alice.post("contacts/merge/", {"winner": bare.slug, "loser": contact.slug}).json
    assert merged["avatar"]["small"].endswith(next(name for name in kept if "_lg" not in name))
    with a_day_later():
        run_outbox()
    assert stored(files) == kept


def test_of_two_avatars_the_loser_s_goes(alice: Person, contact: Contact, files: Path) -> None:
    other = make_contact(alice, Organization.objects.get(id=contact.organization_id), display_name="Other")
    post(alice, contact, photo(60, 50))
    kept = stored(files)
    post(alice, other, photo(50, 60))
    alice.post("contacts/merge/", {"winner": contact.slug, "loser": other.slug})
    with a_day_later():
        run_outbox()
    assert stored(files) == kept


def test_they_go_with_their_organization(alice: Person, contact: Contact, files: Path) -> None:
    post(alice, contact, photo(60, 50))
    team = Organization.objects.get(id=contact.organization_id)
    assert alice.phone.request("DELETE", f"orgs/{team.slug}/", {"name": team.name}).is_success
    run_outbox()
    assert stored(files) == []
