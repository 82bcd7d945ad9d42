"""`POST auth/register/`: a new account, signed in at once; an answer that was lost is given again."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from handset_client import Answer
from handset_client.outcomes import accept
from pytest_django import Settings

from api.models import AuditEntry, Device, Membership, Organization, OrganizationKind, RefusalTally, Role, Session, User
from tests.apis.auth.mailbox import received
from tests.apis.auth.wire import (
    Draft,
    MakePhone,
    assert_changes_nothing,
    assert_refused,
    get_token,
    lower_rates,
    rows,
    send,
    with_token,
)
from tests.conftest import PASSWORD, Person
from tests.phones import BASE_URL, InProcess, Phone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

PhoneOnWire = tuple[Phone, InProcess]
Clock = time_machine.Traveller
EMAIL = "ada@example.com"


@pytest.fixture
def device(new_phone: MakePhone) -> PhoneOnWire:
    """A phone on which nobody has signed in, in a session that has been used."""
    return another(new_phone)


def another(new_phone: MakePhone) -> PhoneOnWire:
    phone, transport = new_phone()
    accept(phone.request("GET", "auth/check/"))
    return phone, transport


def sign_up(
    device: PhoneOnWire, email: Any = EMAIL, password: Any = PASSWORD, *, token: str = "", **more: Any
) -> Answer:
    phone, transport = device
    body = {"email": email, "password": password, **more}
    return with_token(transport, "POST", "auth/register/", token or phone.state.access or "", body)


def refused_fields(answer: Answer) -> dict[str, str]:
    assert_refused(answer, 400, "invalid_input")
    return {error["field"]: error["code"] for error in answer.json["errors"]}


def test_new_person_is_signed_in_at_once(device: PhoneOnWire) -> None:
    answer = sign_up(device)
    assert (answer.status, answer.headers["cache-control"]) == (201, "no-store")
    person = User.objects.get()
    assert answer.json["user"] == {
        "id": str(person.id),
        "email": EMAIL,
        "username": "ada",
        "first_name": "",
        "last_name": "",
        "is_guest": False,
        "is_email_confirmed": False,
    }
    assert set(answer.json) == {
        "access", "refresh", "token_type", "expires_in", "refresh_expires_in", "session_id", "server_time", "device", "user", "rekey",
    }  # fmt: skip
    check = accept(with_token(device[1], "GET", "auth/check/", answer.json["access"]))
    assert check.json["user"]["id"] == str(person.id)
    assert person.password.startswith("argon2$argon2id$")
    assert person.check_password(PASSWORD)
    flags = person.is_staff, person.is_superuser, person.is_email_confirmed, person.is_guest
    assert not any(flags)


def test_new_person_has_exactly_one_organization_of_their_own(device: PhoneOnWire) -> None:
    accept(sign_up(device))
    organization = Organization.objects.get()
    member = Membership.objects.get()
    assert (organization.kind, organization.owner) == (OrganizationKind.PERSONAL, User.objects.get())
    assert (member.organization_id, member.user, member.role) == (organization.id, User.objects.get(), Role.OWNER)


def test_it_is_audited_without_what_is_secret(device: PhoneOnWire) -> None:
    accept(sign_up(device))
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert {"user.created", "auth.signed_in"} <= set(actions)
    assert PASSWORD not in repr(list(AuditEntry.objects.values_list()))
    signed_in = AuditEntry.objects.get(action="auth.signed_in")
    assert signed_in.device_id == Device.objects.get().id
    assert signed_in.on_behalf_of == str(User.objects.get().id)


def test_profile_may_be_brought_along(device: PhoneOnWire) -> None:
    profile = {
        "username": "Ada.Lovelace_1815",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "phone_number": "+41 44 123 45 67",
        "birth_date": "1915-12-10",
        "location": "London",
        "about": "Notes\non the\tEngine",
        "preferred_language": "en-GB",
        "preferred_theme": "dark",
        "time_zone": "Europe/London",
        "password_confirm": PASSWORD,
    }
    accept(sign_up(device, **profile))
    person = User.objects.get()
    stored = {name: str(getattr(person, name)) for name in profile if name != "password_confirm"}
    assert stored == {**{n: v for n, v in profile.items() if n != "password_confirm"}, "phone_number": "+41441234567"}


# -- lost answers


def test_lost_answer_is_given_again_as_often_as_it_is_lost(device: PhoneOnWire) -> None:
    phone, _ = device
    first = accept(sign_up(device))
    for _ in range(5):
        again = sign_up(device)
        assert again.status == 201
        assert again.json["session_id"] == first.json["session_id"]
        assert again.json["refresh"] == first.json["refresh"]
        assert again.json["user"] == first.json["user"]
    assert User.objects.count() == Organization.objects.count() == 1
    assert Session.objects.filter(live_device__isnull=False).count() == 1
    assert phone.state.session_id != first.json["session_id"]


def test_phone_that_loses_answers_ends_signed_in(new_phone: MakePhone) -> None:
    phone, transport = new_phone()
    phone.get_token()
    transport.lose_next = 3
    answer = accept(phone.sign_up(EMAIL, PASSWORD))
    assert answer.json["user"]["email"] == EMAIL
    assert User.objects.count() == 1


def test_device_that_asks_for_its_tokens_gets_the_lost_session(device: PhoneOnWire) -> None:
    first = accept(sign_up(device))
    answer = accept(send(device[1], get_token(device[0])))
    assert answer.json["session_id"] == first.json["session_id"]
    assert answer.json["user"] == first.json["user"]
    # Asking is no use: the call may be repeated still.
    assert sign_up(device).json["session_id"] == first.json["session_id"]


def test_first_use_of_the_new_session_ends_the_old_one(device: PhoneOnWire) -> None:
    first = accept(sign_up(device))
    accept(with_token(device[1], "GET", "auth/check/", first.json["access"]))
    before = rows()
    assert_refused(sign_up(device), 401, "token_revoked")
    assert rows() == before


def test_refreshing_the_new_session_is_a_use(device: PhoneOnWire) -> None:
    phone, _ = device
    accept(sign_up(device))
    old = phone.state.access or ""
    phone.get_token()
    phone.refresh()
    assert_refused(sign_up(device, token=old), 401, "token_revoked")


def test_old_session_may_do_nothing_but_repeat(device: PhoneOnWire) -> None:
    phone, transport = device
    accept(sign_up(device))
    for path in ("auth/check/", "users/me/", "contacts/"):
        assert_refused(with_token(transport, "GET", path, phone.state.access or ""), 401, "token_revoked")
    body = {"token": phone.state.access}
    assert_refused(with_token(transport, "POST", "token/verify/", phone.state.access or "", body), 401, "token_revoked")


def test_old_session_repeats_exactly_that_call(device: PhoneOnWire) -> None:
    """With another password it is not this person; for another address it is another call."""
    first = accept(sign_up(device))
    assert_refused(sign_up(device, password="another good password"), 409, "email_taken")
    before = rows()
    assert_refused(sign_up(device, "grace@example.com"), 401, "token_revoked")
    assert rows() == before
    # Nor is signing in the same call as signing up.
    body = {"email": EMAIL, "password": PASSWORD}
    answer = with_token(device[1], "POST", "token/pair/", device[0].state.access or "", body)
    assert_refused(answer, 401, "token_revoked")
    assert sign_up(device, EMAIL.upper()).json["session_id"] == first.json["session_id"]


def test_guesses_by_the_old_session_are_counted_and_lock(device: PhoneOnWire) -> None:
    accept(sign_up(device))
    for _ in range(10):
        assert_refused(sign_up(device, password="another good password"), 409, "email_taken")
    assert_refused(sign_up(device), 409, "email_taken")
    assert sum(RefusalTally.objects.filter(action="auth.sign_in_failed").values_list("times", flat=True)) == 11
    assert AuditEntry.objects.filter(action="auth.account_locked").count() == 1


def test_a_repeat_takes_the_counts_of_wrong_ones_back(device: PhoneOnWire) -> None:
    accept(sign_up(device))
    for _ in range(3):
        for _ in range(9):
            assert_refused(sign_up(device, password="another good password"), 409, "email_taken")
        accept(sign_up(device))


def test_repeat_is_possible_for_a_day(device: PhoneOnWire, clock: Clock, settings: Settings) -> None:
    settings.ACCESS_TOKEN_SECONDS = 7 * 86_400
    phone, _ = device
    phone.get_token()
    first = accept(sign_up(device))
    clock.shift(timedelta(hours=24))
    assert sign_up(device).json["session_id"] == first.json["session_id"]
    clock.shift(1)
    assert_refused(sign_up(device), 401, "token_revoked")


def test_copy_that_overtakes_the_call_is_no_other_person(device: PhoneOnWire) -> None:
    """The copy finishes while the first is between looking for its own repetition and looking for the address."""
    copies: list[Answer] = []

    def overtake(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not copies and sql.startswith("SELECT") and "email_identity" in sql:
            copies.append(Answer(0, {}, b"", None))
            copies[0] = sign_up(device)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(overtake):
        answer = sign_up(device)
    assert (answer.status, copies[0].status) == (201, 201)
    assert answer.json["session_id"] == copies[0].json["session_id"]
    assert User.objects.count() == 1


# -- who may


def test_person_who_is_signed_in_signs_out_first(alice: Person) -> None:
    alice.get("auth/check/")
    before = rows()
    answer = sign_up((alice.phone, alice.transport))
    assert_refused(answer, 409, "already_signed_in")
    assert rows() == before


def test_it_takes_a_device(device: PhoneOnWire) -> None:
    body = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
    given = Draft("POST", f"{BASE_URL}/api/v1/auth/register/", {"Content-Type": "application/json"}, body)
    assert_changes_nothing(device[1], given, 401, "token_missing")


def test_registration_may_be_closed(device: PhoneOnWire, alice: Person, settings: Settings) -> None:
    settings.REGISTRATION_OPEN = False
    before = rows()
    for email in (EMAIL, alice.email):
        assert_refused(sign_up(device, email), 403, "registration_closed")
    assert rows() == before


# -- the address


@pytest.mark.parametrize("spell", [str, str.upper, str.title, lambda email: email.replace("@", "＠")], ids=["same", "upper", "title", "full-width"])  # fmt: skip
def test_address_belongs_to_one_person(device: PhoneOnWire, alice: Person, spell: Any) -> None:
    before = rows()
    answer = sign_up(device, spell(alice.email))
    assert (answer.status, answer.code) in {(409, "email_taken"), (400, "invalid_input")}
    assert rows() == before


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("kate@example.com", "\u212aate@example.com"),
        ("sam@example.com", "\u017fam@example.com"),
        ("a@straße.ch", "a@XN--STRAE-OQA.ch"),
        ("a@bücher.example", "a@BU\u0308CHER.example"),
    ],
    ids=["Kelvin sign", "long s", "A-label", "spelling of a domain"],
)
def test_addresses_that_fold_to_one_are_one(device: PhoneOnWire, new_phone: MakePhone, first: str, second: str) -> None:
    accept(sign_up(device, first))
    assert_refused(sign_up(another(new_phone), second), 409, "email_taken")


@pytest.mark.parametrize(
    ("first", "second", "mailed"),
    [
        ("a@strasse.ch", "a@straße.ch", "a@xn--strae-oqa.ch"),
        ("a@straße.ch", "a@strasse.ch", "a@strasse.ch"),
        ("a@σa.example", "a@ςa.example", "a@xn--a-xmb.example"),
        ("a@paypal.example", "a@p\u0430ypal.example", "a@xn--pypal-4ve.example"),
    ],
    ids=["sharp s", "no sharp s", "final sigma", "Cyrillic"],
)
def test_domains_that_two_may_own_are_two_and_mail_goes_to_the_right_one(
    device: PhoneOnWire, new_phone: MakePhone, first: str, second: str, mailed: str
) -> None:
    accept(sign_up(device, first))
    received()
    accept(sign_up(another(new_phone), second))
    assert [mail.to for mail in received()] == [mailed]


def test_dotless_i_is_another_letter(device: PhoneOnWire, new_phone: MakePhone) -> None:
    accept(sign_up(device, "mike@example.com"))
    answer = accept(sign_up(another(new_phone), "mıke@example.com"))
    assert answer.json["user"]["email"] == "mıke@example.com"
    assert User.objects.count() == 2


BAD_ADDRESSES = [
    None, "", " ", "ada", "ada@", "@example.com", "ada@example", "ada@exa mple.com", "a da@example.com",
    "ada@example.com, eve@example.com", "Ada <ada@example.com>", "ada@example.com\r\nBcc: x@y.zz",
    "ada\u0000@example.com", 1, True, [], {}, ["ada@example.com"], "a" * 250 + "@example.com",
    "ada@" + "a" * 300 + ".com", "ﷺ" * 20 + "@example.com", "ada@☃.example", "ada@ü" + "a" * 62 + ".com",
]  # fmt: skip


def test_other_addresses_are_refused(device: PhoneOnWire, subtests: pytest.Subtests) -> None:
    before = rows()
    for email in BAD_ADDRESSES:
        with subtests.test(email=email):
            assert list(refused_fields(sign_up(device, email))) == ["email"]
    assert rows() == before


# -- the username


def test_username_is_derived_and_made_unique(new_phone: MakePhone) -> None:
    names = []
    for email in (
        "ada@a.example.com",
        "Ada@b.example.com",
        "admin@example.com",
        "..a..b..@example.com",
        "日本@example.com",
    ):
        device = another(new_phone)
        answer = sign_up(device, email)
        if answer.status == 201:
            names.append(answer.json["user"]["username"])
    assert names[0] == "ada"
    assert names[1].startswith("Ada")
    assert names[1][3:].isdigit()
    assert names[2].startswith("admin")
    assert names[2] != "admin"
    assert len(set(names)) == len(names)


def test_chosen_username_is_taken_as_it_is_or_refused(device: PhoneOnWire, new_phone: MakePhone) -> None:
    assert accept(sign_up(device, username="Ada.L")).json["user"]["username"] == "Ada.L"
    other = another(new_phone)
    before = rows()
    for taken in ("Ada.L", "ada.l", "ADA.L"):
        assert_refused(sign_up(other, "grace@example.com", username=taken), 409, "username_taken")
    assert rows() == before


BAD_USERNAMES = [
    "", " ", ".ada", "ada.", "_ada", "ada_", "a..b", "a b", "a-b", "a/b", "a@b", "a\nb", "ada\u0000", "adä", "ａda", "а",
    "a" * 51, None, 1, True, [], {}, "admin", "Admin", "ROOT", "me", "support", "handset", "null",
]  # fmt: skip


def test_other_usernames_are_refused(device: PhoneOnWire, subtests: pytest.Subtests) -> None:
    before = rows()
    for username in BAD_USERNAMES:
        with subtests.test(username=username):
            assert list(refused_fields(sign_up(device, username=username))) == ["username"]
    assert rows() == before


def test_longest_and_shortest_usernames(device: PhoneOnWire, new_phone: MakePhone) -> None:
    assert accept(sign_up(device, username="a" * 50)).status == 201
    other = another(new_phone)
    assert accept(sign_up(other, "grace@example.com", username="7")).status == 201


# -- the password


WEAK = {
    "short": ("1a2b3c!", {"password_too_short"}),
    "common": ("password", {"password_too_common"}),
    "common and numeric": ("12345678", {"password_too_common", "password_entirely_numeric"}),
    "numeric": ("73105529448", {"password_entirely_numeric"}),
    "like the address": ("ada@example.com", {"password_too_similar"}),
    "like the name": ("lovelace1815", {"password_too_similar"}),
}


def test_weak_passwords_are_refused_with_every_reason(device: PhoneOnWire, subtests: pytest.Subtests) -> None:
    before = rows()
    for password, reasons in WEAK.values():
        with subtests.test(password=password):
            answer = sign_up(device, password=password, last_name="Lovelace")
            assert_refused(answer, 400, "invalid_input")
            assert {error["code"] for error in answer.json["errors"]} == reasons
            assert {error["field"] for error in answer.json["errors"]} == {"password"}
    assert rows() == before


def test_passwords_have_a_kind_and_a_size(device: PhoneOnWire, subtests: pytest.Subtests) -> None:
    before = rows()
    for password in (
        None,
        "",
        12345678901234,
        True,
        [],
        {},
        ["x" * 20],
        "p\u0000ssword-with-nul",
        "x" * 257,
        "p" * 100_000,
    ):
        with subtests.test(password=repr(password)[:20]):
            assert list(refused_fields(sign_up(device, password=password))) == ["password"]
    assert_refused(sign_up(device, password="p" * 1024 * 1024), 413, "payload_too_large")
    assert rows() == before


@pytest.mark.parametrize(
    "password", ["  spaces at both ends  ", "пароль из слов", "🔑🔑🔑🔑🔑🔑🔑🔑", "x1-" * 85 + "y", "tab\tand\nline"]
)
def test_password_is_taken_as_it_is(device: PhoneOnWire, password: str) -> None:
    accept(sign_up(device, password=password))
    device[0].get_token()
    device[0].sign_out()
    assert accept(device[0].sign_in(EMAIL, password)).json["user"]["email"] == EMAIL
    if password != password.strip():
        assert device[0].request("POST", "token/pair/", {"email": EMAIL, "password": password.strip()}).status == 401


def test_second_spelling_of_the_password_fits(device: PhoneOnWire) -> None:
    before = rows()
    assert refused_fields(sign_up(device, password_confirm=PASSWORD + "x")) == {"password_confirm": "mismatch"}
    assert refused_fields(sign_up(device, password_confirm=None)) == {"password_confirm": "null"}
    assert rows() == before
    accept(sign_up(device, password_confirm=PASSWORD))


# -- what nobody may set


SERVER_OWNED = [
    "id", "is_staff", "is_superuser", "is_active", "is_guest", "is_email_confirmed", "auth_version", "date_joined", "last_login",
    "stripe_customer_id", "credits", "email_identity", "username_identity", "avatar", "notification_preferences", "groups",
    "user_permissions", "has_finished_onboarding", "organization", "role", "user", "session_id", "device_id", "amr", "sub",
    "created_at", "updated_at", "password2", "__class__", "__proto__", "", "a" * 500,
]  # fmt: skip


def test_server_owned_members_are_refused(device: PhoneOnWire, subtests: pytest.Subtests) -> None:
    before = rows()
    for name in SERVER_OWNED:
        with subtests.test(name=name):
            assert refused_fields(sign_up(device, **{name: True})) == {name[:64]: "unknown_field"}
    assert rows() == before


def test_refusals_repeat_nothing_that_was_sent(device: PhoneOnWire) -> None:
    marker = "Xx marker xX"
    fields = ("username", "phone_number", "birth_date", "preferred_language", "preferred_theme", "time_zone")
    answer = sign_up(device, marker, marker[:4], **dict.fromkeys(fields, marker))
    assert {"email", *fields} - {"username"} == set(refused_fields(answer))
    assert marker.encode() not in answer.body
    assert marker.encode() not in sign_up(device, "ada@example.com", marker[:7], password_confirm=marker).body


@pytest.mark.parametrize("body", [[], None, "x", 1, [{}], {}])
def test_other_bodies_are_refused(device: PhoneOnWire, body: Any) -> None:
    phone, transport = device
    content = json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {phone.state.access}", "Content-Type": "application/json"}
    before = rows()
    answer = send(transport, Draft("POST", f"{BASE_URL}/api/v1/auth/register/", headers, content))
    assert_refused(answer, 400, "invalid_input")
    assert rows() == before


def test_same_member_twice_is_refused(device: PhoneOnWire) -> None:
    phone, transport = device
    content = f'{{"email":"{EMAIL}","password":"{PASSWORD}","email":"eve@example.com"}}'.encode()
    headers = {"Authorization": f"Bearer {phone.state.access}", "Content-Type": "application/json"}
    answer = send(transport, Draft("POST", f"{BASE_URL}/api/v1/auth/register/", headers, content))
    assert_refused(answer, 400, "malformed_body")
    assert not User.objects.exists()


def test_asking_who_has_an_account_has_a_rate_per_device_and_per_address(
    device: PhoneOnWire, new_phone: MakePhone, settings: Settings
) -> None:
    others = [another(new_phone) for _ in range(3)]
    lower_rates(settings, auth_token=3)
    answers = [sign_up(device, f"somebody-{number}@example.com", "short") for number in range(4)]
    assert [answer.code for answer in answers] == ["invalid_input"] * 3 + ["throttled"]
    answers = [sign_up(other, "Somebody-0@example.com", "short") for other in others]
    assert [answer.code for answer in answers] == ["invalid_input"] * 2 + ["throttled"]
