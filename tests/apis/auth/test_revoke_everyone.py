"""`manage.py revoke_everyone`: nobody is signed in any more, and everybody may sign in again."""

import io

import pytest
from django.contrib.sessions.models import Session as BrowserSession
from django.core.management import CommandError, call_command
from django.test import Client as Browser

from tests.apis.auth.wire import commit
from tests.conftest import PASSWORD, Person

pytestmark = pytest.mark.django_db


def test_all_sessions_end_and_people_come_back(alice: Person, bob: Person, client: Browser) -> None:
    alice.user.is_staff = True
    alice.user.save()
    client.force_login(alice.user)
    told = io.StringIO()
    commit(call_command, "revoke_everyone", "--yes", stdout=told)
    assert told.getvalue() == "2 sessions of devices and 1 of staff have ended.\n"
    assert not BrowserSession.objects.exists()
    for person in (alice, bob):
        assert person.phone.request("GET", "users/me/").status in {401, 403}
        person.phone.get_token()
        assert person.phone.sign_in(person.email, PASSWORD).status == 200
    assert alice.phone.request("GET", "users/me/").status == 200


def test_it_is_not_done_by_accident(alice: Person) -> None:
    with pytest.raises(CommandError, match="--yes"):
        call_command("revoke_everyone")
    assert alice.phone.request("GET", "users/me/").status == 200
