"""`users/me/export/`: everything that is known about a person, and nothing about another one."""

from pathlib import Path

import pytest
from handset_client.outcomes import accept

from api.models import Export, Membership, Organization
from tests.apis.contacts.rows import make_contact
from tests.apis.export.conftest import begun, fetched, work
from tests.conftest import Person
from tests.http.answers import problem_of

pytestmark = pytest.mark.django_db

OWN = "users/me/export/"


def test_ones_own_data_is_in_it(alice: Person, full: Organization) -> None:
    archive = fetched(alice, OWN)
    (profile,) = archive.rows("profile")
    assert (profile["email"], profile["username"]) == (alice.email, alice.user.username)
    assert {row["organization"] for row in archive.rows("memberships")} == {"Team", alice.user.username}
    assert [row["display_name"] for row in archive.rows("contacts")] == ["=1+1"]
    assert len(archive.rows("images")) == 1
    assert archive.rows("devices")
    assert archive.rows("sessions")
    assert any(row["action"] == "user.created" for row in archive.rows("audit") + archive.rows("audit_about"))
    assert archive.manifest["person"]["username"] == alice.user.username


def test_what_others_made_is_not(alice: Person, bob: Person, full: Organization) -> None:
    archive = fetched(bob, OWN)
    assert archive.rows("contacts") == archive.rows("images") == []
    assert all(alice.email not in archive.text(name) for name in archive.zip.namelist() if "/" not in name)


def test_what_was_made_where_one_belongs_no_more_stays_there(alice: Person, bob: Person, team: Organization) -> None:
    make_contact(bob, team, display_name="Theirs")
    make_contact(bob, display_name="Own")
    Membership.objects.filter(user=bob.user, organization=team).delete()
    assert [row["display_name"] for row in fetched(bob, OWN).rows("contacts")] == ["Own"]


def test_it_is_nobody_elses(alice: Person, bob: Person, files: Path) -> None:
    export_id = begun(alice, OWN)["id"]
    work()
    problem_of(bob.get(f"{OWN}{export_id}/"), 404, "not_found")
    problem_of(bob.delete(f"{OWN}{export_id}/"), 404, "not_found")
    assert accept(alice.get(OWN)).json["data"][0]["id"] == export_id
    assert accept(bob.get(OWN)).json["data"] == []
    assert alice.delete(f"{OWN}{export_id}/").status == 204
    work()
    assert not Export.objects.exists()
    assert not [path for path in files.rglob("*") if path.is_file()]
