"""`GET` and `PATCH users/me/`: people read and change themselves, and nothing that only the server decides."""

import threading
from typing import Any

import pytest
from django.db import connection
from handset_client import Answer

from api.models import AuditEntry, User
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of, queries
from tests.phones import Phone

pytestmark = pytest.mark.django_db

MEMBERS = {
    "id",
    "email",
    "username",
    "first_name",
    "last_name",
    "phone_number",
    "birth_date",
    "location",
    "about",
    "avatar",
    "preferred_language",
    "preferred_theme",
    "time_zone",
    "notification_preferences",
    "has_finished_onboarding",
    "is_email_confirmed",
    "is_guest",
    "is_staff",
    "date_joined",
    "version",
    "updated_at",
}
PROFILE = {
    "username": "Ada.Lovelace_1815",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "phone_number": "+41441234567",
    "birth_date": "1915-12-10",
    "location": "London",
    "about": "Notes\n\ton the engine",
    "preferred_language": "de-CH",
    "preferred_theme": "dark",
    "time_zone": "Europe/Zurich",
    "has_finished_onboarding": True,
}


def changed(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    return dict(answer.json)


# -- reading


def test_people_see_themselves_and_no_secret(alice: Person) -> None:
    me = alice.get("users/me/").json
    assert me.keys() == MEMBERS
    assert (me["id"], me["email"]) == (str(alice.user.id), alice.email)
    assert me["date_joined"].endswith("Z")
    assert len(me["date_joined"]) == len("2026-11-21T09:30:00.000000Z")
    assert (me["avatar"], me["birth_date"]) == (None, None)
    assert (me["is_staff"], me["is_guest"], me["is_email_confirmed"]) == (False, False, False)


def test_all_notifications_are_wanted_until_somebody_says_otherwise(alice: Person) -> None:
    User.objects.filter(id=alice.user.id).update(notification_preferences={"push": {"tips": False}})
    wanted = {"updates": True, "tips": True, "payment": True}
    assert alice.get("users/me/").json["notification_preferences"] == {
        "email": wanted,
        "push": {**wanted, "tips": False},
    }


def test_the_short_address_is_the_same_resource(alice: Person) -> None:
    assert alice.get("me/").json == alice.get("users/me/").json
    assert changed(alice.patch("me/", {"first_name": "Ada"}))["first_name"] == "Ada"
    assert alice.get("users/me/").json["first_name"] == "Ada"


def test_everybody_sees_themselves_only(alice: Person, bob: Person) -> None:
    assert alice.get("me/").json["id"] != bob.get("me/").json["id"]
    alice.patch("me/", {"location": "London"})
    assert bob.get("me/").json["location"] == ""


def test_a_device_without_a_person_is_asked_to_sign_in(phone: Phone) -> None:
    problem_of(phone.request("GET", "users/me/"), 403, "sign_in_required")
    problem_of(phone.request("PATCH", "users/me/", {"first_name": "Ada"}), 403, "sign_in_required")


def test_reading_takes_one_query(alice: Person) -> None:
    alice.get("me/")
    with queries() as asked:
        alice.get("me/")
    assert asked == ["user"]


# -- changing


def test_a_whole_profile_is_changed(alice: Person) -> None:
    me = changed(alice.patch("users/me/", PROFILE))
    assert {name: me[name] for name in PROFILE} == PROFILE
    assert alice.get("users/me/").json == me


def test_one_member_changes_and_absence_leaves_the_others_alone(alice: Person) -> None:
    before = alice.get("me/").json
    for field, value in PROFILE.items():
        me = changed(alice.patch("me/", {field: value}))
        assert {name for name in MEMBERS if me[name] != before[name]} == {field, "version", "updated_at"}
        assert me["updated_at"] > before["updated_at"]
        before = me


def test_null_clears(alice: Person) -> None:
    alice.patch("me/", PROFILE)
    for field in ("first_name", "last_name", "phone_number", "location", "about"):
        assert changed(alice.patch("me/", {field: None}))[field] == ""
    assert changed(alice.patch("me/", {"birth_date": None}))["birth_date"] is None
    left = alice.get("me/").json
    assert {name: left[name] for name in ("username", "time_zone")} == {
        n: PROFILE[n] for n in ("username", "time_zone")
    }


def test_the_empty_text_clears_like_null(alice: Person) -> None:
    alice.patch("me/", PROFILE)
    for field in ("first_name", "last_name", "phone_number", "location", "about"):
        assert changed(alice.patch("me/", {field: "  "}))[field] == ""


def test_what_everybody_has_is_not_cleared(alice: Person) -> None:
    for field in ("username", "preferred_language", "preferred_theme", "time_zone", "has_finished_onboarding"):
        assert errors_of(alice.patch("me/", {field: None})) == {field: "null"}


REFUSED: list[tuple[str, Any, str]] = [
    ("first_name", "x" * 101, "max_length"),
    ("last_name", "x" * 101, "max_length"),
    ("location", "x" * 201, "max_length"),
    ("about", "x" * 2001, "max_length"),
    ("first_name", "🍣" * 101, "max_length"),
    ("first_name", "A\nda", "control"),
    ("about", "A\rda", "control"),
    ("first_name", 1, "type"),
    ("first_name", ["Ada"], "type"),
    ("phone_number", "044 123 45 67", "invalid"),
    ("phone_number", "+41", "invalid"),
    ("phone_number", "+999123456789", "invalid"),
    ("phone_number", "+4911111111111111", "invalid"),  # possible, but too long for E.164
    ("phone_number", "+41 44 123 45 67 89 01 23", "invalid"),
    ("phone_number", 41441234567, "invalid"),
    ("phone_number", "1" * 10_000, "invalid"),
    ("birth_date", "2999-01-01", "range"),
    ("birth_date", "1849-12-31", "range"),
    ("birth_date", "10.12.1915", "invalid"),
    ("preferred_language", "klingon-language", "invalid"),
    ("preferred_language", "de_CH", "invalid"),
    ("preferred_language", "d", "invalid"),
    ("preferred_language", "", "blank"),
    ("preferred_language", "x" * 36, "max_length"),
    ("preferred_theme", "neon", "invalid_choice"),
    ("preferred_theme", "DARK", "invalid_choice"),
    ("preferred_theme", "", "invalid_choice"),
    ("preferred_theme", ["dark"], "invalid_choice"),
    ("time_zone", "Mars/Olympus", "invalid"),
    ("time_zone", "europe/zurich", "invalid"),
    ("time_zone", "../../etc/passwd", "invalid"),
    ("time_zone", "", "blank"),
    ("has_finished_onboarding", "true", "invalid"),
    ("has_finished_onboarding", 1, "invalid"),
]


def test_what_does_not_fit_changes_nothing(alice: Person, subtests: pytest.Subtests) -> None:
    before = alice.get("me/").json
    for field, value, code in REFUSED:
        with subtests.test(f"{field} {value!r:.40}"):
            answer = alice.patch("me/", {"location": "elsewhere", field: value})
            assert errors_of(answer) == {field: code}
    assert alice.get("me/").json == before


def test_what_just_fits_is_taken(alice: Person) -> None:
    fits = {
        "first_name": "🍣" * 100,
        "last_name": "x" * 100,
        "location": "é" * 200,
        "about": "\n".join(["x" * 999] * 2),
        "preferred_language": "zh-Hant-TW-x1901",
        "time_zone": "America/Argentina/ComodRivadavia",
    }
    me = changed(alice.patch("me/", fits))
    assert {name: me[name] for name in fits} == fits


def test_a_phone_number_is_kept_as_e164(alice: Person) -> None:
    for given, kept in {
        "+41 44 123 45 67": "+41441234567",
        "+41 (0)44 123-45-67": "+41441234567",
        "  +1 (415) 555-2671 ": "+14155552671",
        "＋４１４４１２３４５６７": "+41441234567",
        "tel:+41-44-123-45-67": "+41441234567",
        "+39 02 12345678": "+390212345678",
        "": "",
    }.items():
        assert changed(alice.patch("me/", {"phone_number": given}))["phone_number"] == kept


def test_text_is_trimmed_and_kept_in_nfc(alice: Person) -> None:
    me = changed(alice.patch("me/", {"first_name": "  Zoe\u0308  ", "about": "\u1112\u1161\u11ab"}))
    assert (me["first_name"], me["about"]) == ("Zoë", "한")


# -- what is the server's

THE_SERVERS = {
    "id": "00000000-0000-7000-8000-000000000000",
    "email": "somebody.else@example.com",
    "email_identity": "somebody.else@example.com",
    "username_identity": "root",
    "password": "correct horse",
    "is_staff": True,
    "is_superuser": True,
    "is_active": False,
    "is_guest": True,
    "is_email_confirmed": True,
    "credits": 1_000_000,
    "stripe_customer_id": "cus_123",
    "auth_version": 7,
    "avatar": "somebody.webp",
    "date_joined": "2000-01-01T00:00:00Z",
    "last_login": None,
    "created_at": "2000-01-01T00:00:00Z",
    "updated_at": "2000-01-01T00:00:00Z",
    "notification_preferences": {},
    "groups": [1],
    "user_permissions": [1],
    "memberships": [],
    "organization": "x",
    "role": "owner",
    "version": 7,
    "deleted_at": None,
    "pk": 1,
    "__class__": "x",
}


def test_nobody_sets_what_only_the_server_decides(alice: Person) -> None:
    before = User.objects.filter(id=alice.user.id).values().get()
    for field, value in THE_SERVERS.items():
        answer = alice.patch("me/", {"first_name": "Mallory", field: value})
        assert errors_of(answer) == {field: "unknown_field"}
    assert User.objects.filter(id=alice.user.id).values().get() == before


def test_all_that_is_refused_is_named_at_once(alice: Person) -> None:
    many = {f"member{number}": 1 for number in range(30)}
    assert len(errors_of(alice.patch("me/", many))) == 20  # and no more: the answer stays small
    assert errors_of(alice.patch("me/", {"is_staff": True, "credits": 5})).keys() == {"is_staff", "credits"}


# -- usernames


def test_a_username_may_be(alice: Person) -> None:
    for name in ("a", "A", "7", "a.b", "a_b", "a_._b", "Ada.Lovelace", "x" * 50, "0.0"):
        assert changed(alice.patch("me/", {"username": name}))["username"] == name
    # The sign of kelvin is, in NFC, the letter.
    assert changed(alice.patch("me/", {"username": "\u212aate"}))["username"] == "Kate"


USERNAMES_REFUSED = {
    "": "blank",
    "x" * 51: "max_length",
    ".a": "invalid",
    "a.": "invalid",
    "_a": "invalid",
    "a_": "invalid",
    "a..b": "invalid",
    "a b": "invalid",
    "a-b": "invalid",
    "a@b": "invalid",
    "a/b": "invalid",
    "a%b": "invalid",
    "a\tb": "control",
    "a\x00b": "control",
    "аlice": "invalid",  # a Cyrillic a
    "ａlice": "invalid",  # a full-width a
    "ﬁona": "invalid",
    "ıvan": "invalid",
    "İvan": "invalid",
    "ſam": "invalid",
    "zoë": "invalid",
    "al\u200bice": "invalid",
    "ali\u0301ce": "invalid",
    "٣": "invalid",
    "x²": "invalid",
    "🍣": "invalid",
    "admin": "reserved",
    "Admin": "reserved",
    "ROOT": "reserved",
    "me": "reserved",
    "null": "reserved",
    "support": "reserved",
}


def test_a_username_may_not_be(alice: Person, subtests: pytest.Subtests) -> None:
    for name, code in USERNAMES_REFUSED.items():
        with subtests.test(name):
            assert errors_of(alice.patch("me/", {"username": name})) == {"username": code}


def test_a_username_belongs_to_one_person_however_it_is_spelled(alice: Person, bob: Person) -> None:
    changed(alice.patch("me/", {"username": "Ada"}))
    for spelled in ("Ada", "ada", "ADA", " aDa "):
        problem_of(bob.patch("me/", {"username": spelled}), 409, "username_taken")
    assert bob.get("me/").json["username"] == bob.user.username


def test_a_person_may_spell_their_own_name_otherwise(alice: Person) -> None:
    for name in ("Ada", "ada", "ADA"):
        assert changed(alice.patch("me/", {"username": name}))["username"] == name


def test_a_username_that_was_left_is_free(alice: Person, bob: Person) -> None:
    alice.patch("me/", {"username": "ada"})
    alice.patch("me/", {"username": "countess"})
    assert changed(bob.patch("me/", {"username": "ADA"}))["username"] == "ADA"


def test_a_refused_username_takes_the_rest_with_it(alice: Person, bob: Person) -> None:
    alice.patch("me/", {"username": "ada"})
    problem_of(bob.patch("me/", {"first_name": "Bob", "username": "ada"}), 409, "username_taken")
    problem_of(bob.patch("me/", {"first_name": "Bob", "username": "root"}), 400, "invalid_input")
    assert bob.get("me/").json["first_name"] == ""


@pytest.mark.django_db(transaction=True)
def test_of_many_who_take_a_username_at_once_one_has_it(new_person: Any) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("a database in memory has one connection; threads meet on a server")
    people = [new_person(f"racer{number}") for number in range(6)]
    ready = threading.Barrier(len(people))
    answers: list[Answer] = []

    def race(person: Person) -> None:
        try:
            ready.wait()
            answers.append(person.patch("me/", {"username": "Winner"}))
        finally:
            connection.close()

    threads = [threading.Thread(target=race, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [200] + [409] * 5
    assert User.objects.filter(username_identity="winner").count() == 1


# -- what remains of it


def test_a_change_is_in_the_audit_trail_with_before_and_after(alice: Person) -> None:
    alice.patch("me/", {"first_name": "Ada"})
    alice.patch("me/", {"first_name": "Augusta", "birth_date": "1915-12-10", "location": None})
    entry = AuditEntry.objects.filter(action="user.profile_changed").latest("id")
    assert entry.changes == {"first_name": ["Ada", "Augusta"], "birth_date": [None, "1915-12-10"]}
    assert (entry.actor_kind, entry.actor_id) == ("user", str(alice.user.id))
    assert (entry.target_kind, entry.target_id) == ("user", str(alice.user.id))
    assert (entry.channel, entry.outcome, entry.address) == ("api", "success", "192.0.2.1")
    assert str(entry.device_id) == alice.phone.state.device_id


def test_a_change_that_changes_nothing_leaves_no_trace(alice: Person) -> None:
    before = changed(alice.patch("me/", {"first_name": "Ada"}))
    count = AuditEntry.objects.count()
    assert changed(alice.patch("me/", {"first_name": " Ada "})) == before
    assert changed(alice.patch("me/", {})) == before
    assert AuditEntry.objects.count() == count


def test_two_phones_do_not_undo_each_other(alice: Person) -> None:
    """A change writes the columns that changed and no others."""
    person = User.objects.get(id=alice.user.id)
    alice.patch("me/", {"first_name": "Ada"})
    person.last_name = "Lovelace"
    person.save(update_fields=["last_name"])
    alice.patch("me/", {"location": "London"})
    me = alice.get("me/").json
    assert (me["first_name"], me["last_name"], me["location"]) == ("Ada", "Lovelace", "London")


def test_changing_takes_four_queries(alice: Person) -> None:
    alice.patch("me/", {"first_name": "Ada"})
    with queries() as asked:
        alice.patch("me/", {"first_name": "Augusta", "location": "London"})
    # Lock the person, change the row, tell the trail, read the answer.
    assert asked == ["user", "user", "audit_entry", "user"]
    with queries() as asked:
        alice.patch("me/", {"username": "augusta"})
    # First, which organizations have contacts that name them.
    assert asked[0] == "contact"
    assert asked[1:] == ["user", "user", "audit_entry", "user"]
