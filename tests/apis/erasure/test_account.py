"""`DELETE auth/delete/`: nothing of the account works any more, everything of it is erased, and groups keep what is theirs."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from handset_client import Call
from handset_client.outcomes import accept

from api.apis.audit import services as audit_services
from api.apis.auth import services as auth
from api.models import (
    AuditEntry,
    Contact,
    Device,
    Image,
    Invitation,
    Job,
    MailedProof,
    Membership,
    Organization,
    OutboxMessage,
    Session,
    User,
    WaitingListEntry,
)
from api.platform import callers
from tests.apis.auth.mailbox import received
from tests.apis.auth.wire import lower_rates
from tests.apis.erasure.asking import ask, carry_out, give_up, run_outbox
from tests.apis.erasure.searching import places_of
from tests.apis.images.pictures import stored, upload
from tests.conftest import PASSWORD, Person
from tests.http.answers import problem_of
from tests.phones import Phone
from tests.pictures import BOUNDARY, photo, picture_form

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rates(settings: Any) -> None:
    lower_rates(settings, magic=1000, auth_token=1000, data_modification=1000, burst=1000)


def test_nothing_of_the_account_works_at_once(alice: Person, new_phone: Any) -> None:
    other, _ = new_phone()
    accept(other.sign_in(alice.email, PASSWORD))
    other.request("POST", "auth/password-reset/request/", {"email": alice.email})
    reset = received(alice.email)[-1].token
    give_up(alice)
    for phone in (alice.phone, other):
        problem_of(phone.request("GET", "users/me/"), 403, "sign_in_required")  # and a session without a person
    stranger, _ = new_phone()
    stranger.get_token()
    problem_of(
        stranger.request("POST", "token/pair/", {"email": alice.email, "password": PASSWORD}),
        401,
        "invalid_credentials",
    )
    body = {"token": reset, "new_password": "another horse battery staple"}
    problem_of(stranger.request("POST", "auth/password-reset/confirm/", body), 400, "invalid_or_expired")
    accept(stranger.sign_up(alice.email, PASSWORD))  # somebody new
    assert User.objects.filter(email=alice.email).exclude(id=alice.user.id).count() == 1


@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_it_takes_the_password(alice: Person, method: str) -> None:
    problem_of(ask(alice, {"password": "wrong horse battery staple"}, method=method), 401, "invalid_credentials")
    problem_of(ask(alice, {}, method=method), 401, "invalid_credentials")
    assert User.objects.get(id=alice.user.id).deleted_at is None
    assert ask(alice, {"password": PASSWORD}, method=method).status == 202


def test_without_a_password_a_fresh_session_does(alice: Person) -> None:
    User.objects.filter(id=alice.user.id).update(password="!")
    long_ago = timezone.now() - timedelta(minutes=11)
    Session.objects.filter(user=alice.user).update(auth_time=long_ago)
    problem_of(ask(alice, {}), 403, "fresh_proof_required")
    Session.objects.filter(user=alice.user).update(auth_time=timezone.now())
    assert ask(alice, {}).status == 202


def test_a_guest_proves_nothing(phone: Phone) -> None:
    accept(phone.start_session("auth/guest/"))
    answer = phone.request("POST", "auth/delete/", {})
    assert answer.status == 202
    run_outbox()
    assert not User.objects.exists()
    assert not Organization.objects.exists()


def test_the_last_owner_of_a_group_stays(alice: Person, bob: Person, team: Organization) -> None:
    problem = problem_of(ask(alice, {"password": PASSWORD}), 409, "last_owner")
    assert [group["slug"] for group in problem["organizations"]] == [team.slug]
    assert alice.get("users/me/").status == 200
    Membership.objects.filter(user=bob.user).update(role="owner")
    carry_out(give_up(alice))
    team.refresh_from_db()
    assert team.owner == bob.user
    assert [member.user for member in Membership.objects.filter(organization=team)] == [bob.user]
    # And then he is the last.
    problem_of(ask(bob, {"password": PASSWORD}), 409, "last_owner")


def test_a_repeat_is_told_the_same_job_for_as_long_as_the_token_lives(alice: Person) -> None:
    job = give_up(alice)
    again = ask(alice, {"password": PASSWORD})
    assert (again.status, again.json["id"], again.json["state"]) == (202, str(job.id), "PENDING")
    carry_out(job)
    told = alice.get("auth/delete/").json
    assert (told["state"], told["result"]["rows"]["user"]) == ("SUCCESS", 1)
    assert Job.objects.filter(subject_id=alice.user.id).count() == 1


def test_a_session_that_ended_otherwise_deletes_nothing(alice: Person) -> None:
    alice.post("auth/logout-all/")
    problem_of(ask(alice, {"password": PASSWORD}), 403, "sign_in_required")
    problem_of(alice.get("auth/delete/"), 403, "sign_in_required")
    assert User.objects.get(id=alice.user.id).deleted_at is None


def test_what_a_group_has_stays_without_the_name(alice: Person, bob: Person, team: Organization, files: Path) -> None:
    contact = accept(bob.post("contacts/", {"organization": team.slug, "display_name": "Grace"})).json
    image = upload(bob, team)
    count = Organization.objects.get(id=team.id).change_seq
    tag = alice.get("contacts/", **{"filter[org]": team.slug}).headers["etag"]
    job = carry_out(give_up(bob))
    left = Contact.objects.get(id=contact["id"])
    assert (left.creator, left.version) == (None, contact["version"] + 1)
    assert left.change_seq > count
    assert Image.objects.get(id=image["id"]).creator is None
    assert len(stored(files)) == 5
    listed = alice.get("contacts/", **{"filter[org]": team.slug})
    assert listed.json["data"][0]["creator"] is None
    assert listed.headers["etag"] != tag
    assert (job.result["rows"]["contact"], job.result["rows"]["image"]) == (1, 1)


def test_after_it_a_search_finds_nothing_but_ids(
    alice: Person, bob: Person, team: Organization, files: Path, new_phone: Any
) -> None:
    """The address, the names, the pictures' digests: in no column of any table, and in no file."""
    # All that a person can leave behind.
    Membership.objects.filter(user=bob.user).update(role="owner")
    User.objects.filter(id=alice.user.id).update(is_email_confirmed=True)
    alice.patch(
        "users/me/", {"username": "zyxwalice", "first_name": "Zyxwfirst", "last_name": "Zyxwlast", "about": "Zyxwabout"}
    )
    content = photo(64, 64)
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    for _ in range(2):
        answer = alice.phone.perform(Call("POST", "users/avatar/", body=picture_form(content), headers=headers))
        assert answer.status == 200
    own = Organization.objects.get(personal_of=alice.user)
    upload(alice, own, content)
    digest = bytes(Image.objects.get(organization=own).sha256)
    mine = accept(alice.post("contacts/", {"display_name": "Zyxwcontact"})).json
    alice.post("tags/orgs/" + own.slug + "/", {"name": "Zyxwtag"})
    alice.post("contacts/", {"organization": team.slug, "display_name": "Grace"})
    answer = alice.phone.perform(
        Call(
            "POST",
            "contacts/",
            body=b'{"display_name": "Zyxwkept"}',
            headers={"Content-Type": "application/json", "Idempotency-Key": "one"},
        )
    )
    assert answer.status == 201
    device = next(row for row in alice.get("devices/").json["data"] if row["is_current"])
    assert alice.patch(f"devices/{device['id']}/", {"name": "Zyxw's phone"}).status == 200
    alice.patch(f"contacts/{mine['id']}/", {"display_name": "Zyxwrenamed"})
    alice.phone.request("PATCH", "auth/email/", {"email": "zyxwnext@example.com", "current_password": PASSWORD})
    bob.post(f"orgs/{team.slug}/invitations/", {"email": alice.email, "role": "member"})
    alice.post("pre-register/", {"email": alice.email})
    other, _ = new_phone()
    other.get_token()
    other.request("POST", "auth/magic/request/", {"email": alice.email})
    auth.write_note(callers.command(), user_id=alice.user.id, text="Zyxwnote")
    alice.post("auth/change-password/", {"old_password": PASSWORD, "new_password": "Zyxw horse battery staple"})
    run_outbox()
    needles = ("zyxw", alice.email, digest, hashlib.sha256(content).digest())
    assert len(places_of(*needles, files=files)) > 15

    job = carry_out(give_up(alice, {"password": "Zyxw horse battery staple"}))

    assert places_of(*needles, files=files) == []
    ids = {str(alice.user.id), alice.user.id.hex}
    kept = places_of(*ids)
    assert {place.partition(".")[0] for place in kept} <= {"audit_entry", "job", "outbox_message", "rate_limit"}
    _, faults = audit_services.verify()
    assert faults == []
    assert not stored(files)
    assert job.result["files"] == 2 + 5
    assert job.result["audit_rows"] > 10
    assert job.result["subject_id"] == str(alice.user.id)
    assert not Device.objects.filter(name__icontains="zyxw").exists()
    for model in (MailedProof, Invitation, WaitingListEntry):
        assert not model.objects.filter(email=alice.email).exists()
    assert OutboxMessage.objects.get(job=job).arguments.keys() == {"job_id", "user_id"}


def test_the_receipt_is_mailed_and_the_trail_keeps_it(alice: Person) -> None:
    received()
    job = carry_out(give_up(alice))
    mail = received(alice.email)[-1]
    assert mail.subject == "Your account has been erased"
    assert str(job.id) in mail.text
    erased = AuditEntry.objects.get(action="user.erased")
    assert erased.changes["erased"][1]["rows"]["user"] == 1
    assert AuditEntry.objects.get(action="user.deleted").changes == {}


def test_staff_erase_somebody_for_a_reason(alice: Person, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        job = auth.delete_person(callers.command("asked by letter"), user_id=alice.user.id)
    problem_of(alice.get("users/me/"), 403, "sign_in_required")
    carry_out(Job.objects.get(id=job["id"]))
    assert not User.objects.filter(id=alice.user.id).exists()
