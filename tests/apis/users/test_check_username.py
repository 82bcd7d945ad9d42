"""`GET users/check_username/`: whether a name is free, for a form that is still being filled in."""

from typing import Any

import pytest

from core.settings.env import Rate
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of, queries
from tests.phones import Phone

pytestmark = pytest.mark.django_db


def check(phone: Phone, username: str) -> dict[str, object]:
    answer = phone.request("GET", "users/check_username/", params={"username": username})
    assert answer.status == 200, answer.body
    return dict(answer.json)


def test_before_anybody_has_signed_up(phone: Phone, alice: Person) -> None:
    alice.patch("users/me/", {"username": "Ada"})
    assert check(phone, "grace") == {"available": True, "reason": None}
    for taken in ("Ada", "ada", "ADA"):
        assert check(phone, taken) == {"available": False, "reason": "taken"}


def test_what_it_says_is_what_happens(alice: Person, bob: Person) -> None:
    bob.patch("users/me/", {"username": "grace"})
    expected = {"grace": "taken", "admin": "reserved", "a..b": "invalid", ".ada": "invalid", "ada": None}
    for username, reason in expected.items():
        assert check(alice.phone, username) == {"available": reason is None, "reason": reason}
        answer = alice.patch("users/me/", {"username": username})
        assert (answer.status == 200) == (reason is None)
        if reason in {"invalid", "reserved"}:
            assert errors_of(answer) == {"username": reason}


def test_one_s_own_name_is_free(alice: Person) -> None:
    alice.patch("users/me/", {"username": "ada"})
    for spelling in ("ada", "Ada"):
        assert check(alice.phone, spelling) == {"available": True, "reason": None}
        assert alice.patch("users/me/", {"username": spelling}).status == 200


@pytest.mark.parametrize(
    "username", ["x" * 51, "x" * 255, "ädä", "a b", "а", "\u202eada", "🍣", "ada\u200b", "%", "'--"]
)
def test_what_is_no_username(phone: Phone, username: str) -> None:
    assert check(phone, username) == {"available": False, "reason": "invalid"}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "required"),
        ({"username": ""}, "blank"),
        ({"username": ["a", "b"]}, "type"),
        ({"username": "x" * 256}, "max_length"),
        ({"username": "a\x07"}, "control"),
    ],
)
def test_questions_that_are_none(phone: Phone, asked: dict[str, object], code: str) -> None:
    assert errors_of(phone.request("GET", "users/check_username/", params=asked)) == {"username": code}


@pytest.mark.parametrize("name", ["email", "fields", "q"])
def test_it_answers_nothing_about_anything_else(phone: Phone, name: str) -> None:
    answer = phone.request("GET", "users/check_username/", params={"username": "ada", name: "x"})
    assert problem_of(answer, 400, "unknown_parameter")["parameter"] == name


def test_it_is_counted_as_a_search(alice: Person, settings: Any) -> None:
    settings.RATES = {**settings.RATES, "search": Rate(3, 60)}
    for number in range(3):
        check(alice.phone, f"ada{number}")
    answer = alice.phone.request("GET", "users/check_username/", params={"username": "ada"})
    problem_of(answer, 429, "throttled")
    assert alice.get("users/me/").status == 200


def test_it_asks_once(alice: Person) -> None:
    alice.get("users/me/")  # the oldest version that is served is remembered
    with queries() as tables:
        check(alice.phone, "grace")
    assert tables == ["user"]
    with queries() as tables:
        check(alice.phone, "a..b")
    assert tables == []
