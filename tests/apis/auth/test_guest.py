"""Guests: people without an address, who become people with one, or whose things an account takes over."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from handset_client import Answer
from handset_client.outcomes import accept

from api.apis.auth import services as auth
from api.models import AuditEntry, Contact, Organization, Session, Tag, User
from tests.apis.auth.mailbox import received
from tests.apis.auth.wire import MakePhone, lower_rates
from tests.apis.images.rows import image_of
from tests.conftest import PASSWORD, Person
from tests.http.answers import problem_of
from tests.phones import Phone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

ADA = "ada@example.com"


@pytest.fixture(autouse=True)
def _rates(settings: Any) -> None:
    lower_rates(settings, magic=1000, auth_token=1000, data_modification=1000, burst=1000)


@pytest.fixture
def guest(phone: Phone) -> Phone:
    """A phone on which a guest has gone on."""
    accept(phone.start_session("auth/guest/"))
    assert phone.request("GET", "users/me/").json["is_guest"] is True
    return phone


def by_code(phone: Phone, email: str, **more: Any) -> Answer:
    received()
    accept(phone.request("POST", "auth/magic/request/", {"email": email}))
    code = received(email)[0].code
    return phone.request("POST", "auth/magic/verify/", {"token": code, **more})


def contact(phone: Phone, name: str = "Grace Hopper") -> str:
    created: str = accept(phone.request("POST", "contacts/", {"display_name": name})).json["id"]
    return created


def names(phone: Phone) -> list[str]:
    return [row["display_name"] for row in phone.request("GET", "contacts/").json["data"]]


# -- being one


def test_a_guest_has_no_address_and_an_organization(guest: Phone) -> None:
    person = User.objects.get()
    assert (person.email, person.is_guest, person.has_usable_password()) == (None, True, False)
    assert Organization.objects.get().personal_of == person
    contact(guest)
    assert names(guest) == ["Grace Hopper"]
    assert guest.request("GET", "auth/check/").json["is_guest"] is True


def test_repeats_are_the_same_guest(phone: Phone, new_phone: MakePhone) -> None:
    lossy, transport = new_phone()
    lossy.get_token()
    transport.lose_next = 2
    accept(lossy.start_session("auth/guest/"))
    again = accept(lossy.request("POST", "auth/guest/"))
    assert again.json["session_id"] == lossy.state.session_id
    assert User.objects.count() == 1


def test_a_person_is_no_guest(alice: Person) -> None:
    problem_of(alice.post("auth/guest/"), 409, "already_signed_in")


def test_what_needs_an_account_says_so(guest: Phone) -> None:
    for method, path, body in (
        ("POST", "auth/change-password/", {"new_password": PASSWORD}),
        ("PATCH", "auth/email/", {"email": ADA}),
        ("POST", "auth/email/confirm/request/", None),
    ):
        problem_of(guest.request(method, path, body), 403, "account_required")


# -- becoming somebody


def test_signing_up_keeps_the_user_and_everything(guest: Phone) -> None:
    before, made = User.objects.get(), contact(guest)
    answer = accept(guest.sign_up(ADA, PASSWORD, first_name="Ada"))
    person = User.objects.get()
    assert answer.json["user"]["id"] == str(person.id) == str(before.id)
    assert (person.email, person.is_guest, person.first_name) == (ADA, False, "Ada")
    assert person.username == "ada"
    assert person.check_password(PASSWORD)
    assert names(guest) == ["Grace Hopper"]
    assert Contact.objects.get().id.hex == made.replace("-", "")
    assert AuditEntry.objects.filter(action="user.upgraded").count() == 1
    assert received(ADA)[0].subject == "Confirm your address"


def test_signing_up_leaves_what_it_does_not_say(guest: Phone) -> None:
    accept(guest.request("PATCH", "users/me/", {"first_name": "Ada", "has_finished_onboarding": True}))
    guest.sign_up(ADA, PASSWORD, last_name="Lovelace")
    me = guest.request("GET", "users/me/").json
    assert (me["first_name"], me["last_name"], me["has_finished_onboarding"]) == ("Ada", "Lovelace", True)


def test_a_code_for_a_new_address_keeps_the_user_and_everything(guest: Phone) -> None:
    before = User.objects.get()
    contact(guest)
    guest._adopt(accept(by_code(guest, ADA)))
    person = User.objects.get()
    assert (person.id, person.email, person.is_email_confirmed) == (before.id, ADA, True)
    assert names(guest) == ["Grace Hopper"]


def test_a_new_guest_follows_one_who_became_somebody(guest: Phone) -> None:
    guest.sign_up(ADA, PASSWORD)
    guest.sign_out()
    accept(guest.start_session("auth/guest/"))
    assert User.objects.filter(is_guest=True).count() == 1
    assert guest.request("GET", "users/me/").json["email"] is None


def test_signing_up_with_a_taken_address_leaves_the_guest(guest: Phone, alice: Person) -> None:
    contact(guest)
    problem_of(
        guest.request("POST", "auth/register/", {"email": alice.email, "password": PASSWORD}), 409, "email_taken"
    )
    assert names(guest) == ["Grace Hopper"]
    assert guest.request("GET", "users/me/").json["is_guest"] is True


# -- coming home to an account


def sign_in(phone: Phone, person: Person, **more: Any) -> Answer:
    return phone.request("POST", "token/pair/", {"email": person.email, "password": PASSWORD, **more})


@pytest.mark.parametrize("way", ["password", "code"])
def test_a_guest_with_data_is_asked_about(guest: Phone, alice: Person, way: str) -> None:
    User.objects.filter(id=alice.user.id).update(is_email_confirmed=True)
    made = contact(guest)
    alice.post("contacts/", {"display_name": "Ada Byron"})
    if way == "password":
        problem_of(sign_in(guest, alice), 409, "guest_has_data")
        answer = sign_in(guest, alice, merge_guest=True)
    else:
        received()
        accept(guest.request("POST", "auth/magic/request/", {"email": alice.email}))
        code = received()[0].code
        problem_of(guest.request("POST", "auth/magic/verify/", {"token": code}), 409, "guest_has_data")
        answer = guest.request("POST", "auth/magic/verify/", {"token": code, "merge_guest": True})
    guest._adopt(accept(answer))
    assert names(guest) == names_of(alice) == ["Ada Byron", "Grace Hopper"]
    moved = Contact.objects.get(id=made)
    organization = Organization.objects.get(personal_of=alice.user)
    assert (moved.organization_id, moved.creator_id, moved.version) == (organization.id, alice.user.id, 2)
    assert moved.change_seq == organization.change_seq
    assert alice.get("contacts/", q="hopp").json["data"][0]["id"] == made


def names_of(person: Person) -> list[str]:
    return names(person.phone)


def test_what_is_not_wanted_goes_with_the_guest(guest: Phone, alice: Person, clock: time_machine.Traveller) -> None:
    contact(guest)
    guest._adopt(accept(sign_in(guest, alice, merge_guest=False)))
    assert names(guest) == []
    clock.shift(timedelta(days=1, seconds=1).total_seconds())
    assert auth.forget_merged_guests() == 1
    received()
    assert not Contact.objects.exists()
    assert list(User.objects.values_list("id", flat=True)) == [alice.user.id]
    assert auth.forget_merged_guests() == 0


def test_a_guest_with_nothing_but_tags_is_asked_about(guest: Phone, alice: Person) -> None:
    accept(guest.request("POST", f"orgs/{own_slug(guest)}/tags/", {"name": "Family"}))
    problem_of(sign_in(guest, alice), 409, "guest_has_data")
    guest._adopt(accept(sign_in(guest, alice, merge_guest=True)))
    moved = Tag.objects.get()
    assert (moved.name, moved.organization.personal_of) == ("Family", alice.user)


def test_a_guest_with_nothing_but_images_is_asked_about(guest: Phone, alice: Person) -> None:
    nobody = User.objects.get(is_guest=True)
    image = image_of(nobody, Organization.objects.get(personal_of=nobody))
    problem_of(sign_in(guest, alice), 409, "guest_has_data")
    guest._adopt(accept(sign_in(guest, alice, merge_guest=True)))
    image.refresh_from_db()
    assert (image.organization.personal_of, image.creator) == (alice.user, alice.user)


def own_slug(phone: Phone) -> str:
    person_id = phone.request("GET", "users/me/").json["id"]
    return Organization.objects.get(personal_of=person_id).slug


def test_an_empty_guest_goes_silently(guest: Phone, alice: Person) -> None:
    guest._adopt(accept(sign_in(guest, alice)))
    assert guest.request("GET", "users/me/").json["id"] == str(alice.user.id)
    assert User.objects.get(is_guest=True).merged_into == alice.user


def test_deleted_contacts_are_no_data(guest: Phone, alice: Person) -> None:
    guest.request("DELETE", f"contacts/{contact(guest)}/")
    accept(sign_in(guest, alice))


def test_a_lost_merge_is_asked_for_again(new_phone: MakePhone, alice: Person) -> None:
    phone, transport = new_phone()
    accept(phone.start_session("auth/guest/"))
    contact(phone)
    transport.lose_next = 1
    answer = accept(
        phone.start_session("token/pair/", {"email": alice.email, "password": PASSWORD, "merge_guest": True})
    )
    assert answer.json["user"]["id"] == str(alice.user.id)
    assert names(phone) == ["Grace Hopper"]
    assert Session.objects.filter(user=alice.user, live_device=phone.state.device_id).count() == 1


def test_a_merged_guest_is_gone_for_good(new_phone: MakePhone, alice: Person) -> None:
    phone, _ = new_phone()
    accept(phone.start_session("auth/guest/"))
    phone._adopt(accept(sign_in(phone, alice)))
    phone.sign_out()
    accept(phone.start_session("auth/guest/"))
    assert User.objects.filter(is_guest=True, merged_into=None).count() == 1
    assert User.objects.filter(is_guest=True).count() == 2
