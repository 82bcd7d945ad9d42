"""`DELETE orgs/<org_slug>/`: nobody's at once, and erased by a job that its former owner follows."""

from pathlib import Path

import pytest
from handset_client.outcomes import accept

from api.apis.erasure.services import rows
from api.apis.erasure.services.organizations import empty_organization
from api.apis.erasure.services.receipts import Receipt
from api.models import AuditEntry, Contact, ContactTerm, Image, Job, Membership, Organization, Role, User
from api.platform import storage
from tests.apis.contacts.rows import make_contact
from tests.apis.erasure.asking import carry_out, give_up, run_outbox
from tests.apis.erasure.searching import places_of
from tests.apis.images.pictures import stored, upload
from tests.conftest import Person
from tests.http.answers import problem_of

pytestmark = pytest.mark.django_db


def delete(person: Person, group: Organization, *, method: str = "POST") -> Job:
    path = f"orgs/{group.slug}/" if method == "DELETE" else f"orgs/{group.slug}/delete/"
    answer = accept(person.phone.request(method, path, {"name": group.name}))
    assert (answer.status, answer.headers["location"]) == (202, f"/api/v1/tasks/{answer.json['id']}/")
    return Job.objects.get(id=answer.json["id"])


@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_a_deleted_group_is_nobodys_at_once_and_erased_afterwards(
    alice: Person, bob: Person, team: Organization, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    contacts = [make_contact(alice, team, display_name=f"Zyxw {number}") for number in range(5)]
    mine = make_contact(alice, display_name="Mine")
    accept(bob.patch(f"contacts/{contacts[0].id}/", {"last_name": "Zyxwlast"}))
    accept(alice.post(f"orgs/{team.slug}/tags/", {"name": "Zyxwtag"}))
    monkeypatch.setattr(rows, "AT_ONCE", 2)
    job = delete(alice, team, method=method)
    for person in (alice, bob):
        problem_of(person.get(f"orgs/{team.slug}/"), 404, "not_found")
        problem_of(person.get(f"contacts/{contacts[0].slug}/"), 404, "not_found")
        assert team.slug not in [row["slug"] for row in person.get("orgs/").json["data"]]
    carry_out(job)
    assert not Organization.objects.filter(id=team.id).exists()
    assert list(Contact.objects.values_list("id", flat=True)) == [mine.id]
    assert not ContactTerm.objects.filter(organization_id=team.id).exists()
    # What members were answered is kept for a day, should they repeat their calls.
    assert set(places_of("zyxw")) <= {"idempotency_key.body"}
    told = alice.get(f"tasks/{job.id}/").json
    assert (told["state"], told["result"]["rows"]["contact"]) == ("SUCCESS", 5)
    # One row of the trail for all of it.
    assert AuditEntry.objects.get(action="org.erased").changes["erased"][1]["rows"]["contact"] == 5


def test_its_pictures_go_and_no_others(alice: Person, team: Organization, files: Path) -> None:
    own = Organization.objects.get(personal_of=alice.user)
    for organization in (team, team, own):
        upload(alice, organization)
    kept = Image.objects.get(organization=own).name
    job = carry_out(delete(alice, team))
    assert [image.name for image in Image.objects.all()] == [kept]
    assert stored(files)
    assert all(name.startswith(kept) for name in stored(files))
    assert job.result is not None
    assert (job.result["rows"]["image"], job.result["files"]) == (2, 10)


def test_a_store_that_fails_is_asked_for_as_long_as_it_takes(
    alice: Person, team: Organization, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(alice, team)
    job = delete(alice, team)

    def refuse(names: object) -> None:
        raise storage.TemporarilyUnavailable

    with monkeypatch.context() as broken:
        broken.setattr(storage, "delete", refuse)
        for _ in range(12):  # more often than a message is tried
            job.message.__class__.objects.filter(job=job).update(due_at=job.created_at)
            run_outbox()
        job.refresh_from_db()
        assert (job.state, job.error, job.ended_at) == ("RETRY", "temporarily_unavailable", None)
        assert Image.objects.count() == 1
    job.message.__class__.objects.filter(job=job).update(due_at=job.created_at)
    carry_out(job)
    assert not stored(files)


def test_only_a_deleted_group_is_erased(alice: Person, team: Organization) -> None:
    make_contact(alice, team, display_name="Grace")
    empty_organization(Receipt(team.id), team.id)
    assert Contact.objects.filter(organization=team).exists()


def test_an_erasure_is_not_called_off(alice: Person, team: Organization) -> None:
    job = delete(alice, team)
    problem_of(alice.delete(f"tasks/{job.id}/"), 409, "job_stays")
    carry_out(job)


def test_it_goes_on_when_its_former_owner_is_erased_first(alice: Person, bob: Person, team: Organization) -> None:
    Membership.objects.filter(user=bob.user).update(role=Role.OWNER)
    of_group = delete(alice, team)
    of_person = give_up(alice)
    carry_out(of_person)
    of_group.refresh_from_db()
    assert (of_group.state, of_group.owner) == ("SUCCESS", None)
    assert not Organization.objects.filter(id=team.id).exists()
    assert not User.objects.filter(id=alice.user.id).exists()
