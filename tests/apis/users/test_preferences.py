"""`GET` and `PATCH users/me/preferences/`: language, looks, and what a person wants to be told."""

from typing import Any

import pytest
from handset_client import Answer

from api.models import AuditEntry, User
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of
from tests.phones import Phone

pytestmark = pytest.mark.django_db

PATH = "users/me/preferences/"
EVERYTHING = {
    "email": {"updates": True, "tips": True, "payment": True},
    "push": {"updates": True, "tips": True, "payment": True},
}


def changed(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    return dict(answer.json)


def test_whoever_has_chosen_nothing_wants_everything(alice: Person) -> None:
    me = alice.get("users/me/").json
    preferences = alice.get(PATH).json
    assert preferences.keys() == {
        "notification_preferences",
        "preferred_language",
        "preferred_theme",
        "time_zone",
        "version",
    }
    assert preferences["notification_preferences"] == EVERYTHING
    assert preferences == {name: me[name] for name in preferences}
    assert alice.get(PATH, fields="time_zone").json == {"time_zone": "UTC"}


def test_only_what_is_named_changes(alice: Person) -> None:
    first = changed(alice.patch(PATH, {"notification_preferences": {"push": {"tips": False}}}))
    assert first["notification_preferences"] == {**EVERYTHING, "push": {**EVERYTHING["push"], "tips": False}}
    second = changed(
        alice.patch(PATH, {"notification_preferences": {"email": {"tips": False}, "push": {"updates": False}}})
    )
    assert second["notification_preferences"] == {
        "email": {"updates": True, "tips": False, "payment": True},
        "push": {"updates": False, "tips": False, "payment": True},
    }
    third = changed(
        alice.patch(PATH, {"notification_preferences": {"push": {"tips": True}}, "preferred_theme": "dark"})
    )
    assert third["notification_preferences"]["push"] == {"updates": False, "tips": True, "payment": True}
    assert (third["preferred_theme"], third["version"]) == ("dark", first["version"] + 2)
    assert alice.get("users/me/").json["notification_preferences"] == third["notification_preferences"]


def test_the_others_of_a_profile_change_here_and_there_alike(alice: Person) -> None:
    wanted = {"preferred_language": "de-CH", "preferred_theme": "light", "time_zone": "Europe/Zurich"}
    assert changed(alice.patch(PATH, wanted)).items() >= wanted.items()
    assert alice.get("users/me/").json.items() >= wanted.items()
    assert changed(alice.patch("users/me/", {"preferred_theme": "dark"}))["preferred_theme"] == "dark"
    assert alice.get(PATH).json["preferred_theme"] == "dark"


def test_nothing_new_is_no_change(alice: Person) -> None:
    wanted = {"notification_preferences": {"push": {"tips": False}}, "preferred_theme": "dark"}
    version = changed(alice.patch(PATH, wanted))["version"]
    assert changed(alice.patch(PATH, wanted))["version"] == version
    for nothing in ({}, {"notification_preferences": {}}, {"notification_preferences": {"push": {}}}):
        alice.patch(PATH, nothing)
    assert alice.get(PATH).json["notification_preferences"]["push"]["tips"] is False
    entry = AuditEntry.objects.filter(action="user.profile_changed").earliest("id")
    assert entry.changes["notification_preferences"] == [{}, {"push": {"tips": False}}]


def test_a_version_that_is_said_must_be_the_present_one(alice: Person) -> None:
    etag = alice.get(PATH).headers["etag"]
    alice.patch("users/me/", {"first_name": "Ada"})
    late = alice.phone.request("PATCH", PATH, {"preferred_theme": "dark"}, headers={"If-Match": etag})
    problem_of(late, 412, "version_conflict")
    assert alice.get(PATH).json["preferred_theme"] == "system"


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"notification_preferences": {"sms": {}}}, "notification_preferences.sms", "unknown_field"),
        ({"notification_preferences": {"push": {"news": True}}}, "notification_preferences.push.news", "unknown_field"),
        ({"notification_preferences": {"push": {"tips": 1}}}, "notification_preferences.push.tips", "invalid"),
        ({"notification_preferences": {"push": {"tips": None}}}, "notification_preferences.push.tips", "null"),
        ({"notification_preferences": {"push": None}}, "notification_preferences.push", "null"),
        ({"notification_preferences": None}, "notification_preferences", "null"),
        ({"notification_preferences": []}, "notification_preferences", "invalid"),
        ({"preferred_theme": "blue"}, "preferred_theme", "invalid_choice"),
        ({"preferred_language": "not a language"}, "preferred_language", "invalid"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone", "invalid"),
        ({"first_name": "Ada"}, "first_name", "unknown_field"),
        ({"version": 7}, "version", "unknown_field"),
    ],
)
def test_what_is_refused_changes_nothing(alice: Person, body: dict[str, Any], field: str, code: str) -> None:
    before = User.objects.filter(id=alice.user.id).values().get()
    assert errors_of(alice.patch(PATH, {"time_zone": "Europe/Zurich", **body})) == {field: code}
    assert User.objects.filter(id=alice.user.id).values().get() == before
    assert changed(alice.patch(PATH, {"time_zone": "Europe/Zurich"}))["time_zone"] == "Europe/Zurich"


def test_only_for_people_and_each_their_own(phone: Phone, alice: Person, bob: Person) -> None:
    problem_of(phone.request("GET", PATH), 403, "sign_in_required")
    problem_of(phone.request("PATCH", PATH, {"preferred_theme": "dark"}), 403, "sign_in_required")
    alice.patch(PATH, {"preferred_theme": "dark"})
    assert bob.get(PATH).json["preferred_theme"] == "system"
