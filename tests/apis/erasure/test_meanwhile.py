"""Calls that were let in before their person was erased: refused like any other that comes too late, never a 500."""

from collections.abc import Callable
from typing import Any

import pytest

from api.apis.auth import services as auth
from api.apis.auth.services import people
from api.models import Job, User
from api.platform import callers
from tests.apis.erasure.asking import carry_out
from tests.conftest import PASSWORD, Person
from tests.http.answers import problem_of

pytestmark = pytest.mark.django_db


def erase(person: Person) -> None:
    job = auth.delete_person(callers.command("test"), user_id=person.user.id)
    carry_out(Job.objects.get(id=job["id"]))
    assert not User.objects.filter(id=person.user.id).exists()


def test_a_sign_in_that_has_looked_at_the_password_already(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    matches: Callable[..., bool] = people.password_matches

    def then_erase(*args: Any) -> bool:
        is_right = matches(*args)
        erase(alice)
        return is_right

    bob.post("auth/logout/")
    monkeypatch.setattr(people, "password_matches", then_erase)
    problem_of(bob.post("token/pair/", {"email": alice.email, "password": PASSWORD}), 401, "invalid_credentials")


def test_a_change_that_was_let_in(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    from api.apis.users import services as users

    counted = users.count_new_name

    def then_erase(user_id: Any) -> None:
        erase(alice)
        counted(user_id)

    monkeypatch.setattr(users, "count_new_name", then_erase)
    answer = alice.patch("users/me/", {"username": "ada.byron"})
    assert (answer.status, answer.json["code"]) == (401, "token_revoked")
