"""`manage.py erase_person`: from the shell, for a reason, with the receipt."""

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from api.models import AuditEntry, Job, Organization, User
from tests.apis.erasure.asking import carry_out
from tests.conftest import Person

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("erase_person", *arguments, stdout=out)
    told: dict[str, Any] = json.loads(out.getvalue())
    return told


def test_it_erases_and_tells(alice: Person) -> None:
    begun = run("--email", alice.email.upper(), "--reason", "asked by letter")
    assert begun["state"] == "PENDING"
    assert AuditEntry.objects.get(action="user.deleted").reason == "asked by letter"
    carry_out(Job.objects.get(id=begun["id"]))
    for key in (begun["id"], str(alice.user.id)):
        assert run("--receipt", key)["result"]["rows"]["user"] == 1
    assert not User.objects.filter(id=alice.user.id).exists()


def test_it_wants_a_reason_and_somebody(alice: Person) -> None:
    with pytest.raises(CommandError, match="--reason"):
        run("--email", alice.email)
    with pytest.raises(CommandError, match="nobody"):
        run("--email", "nobody@example.com", "--reason", "x")
    with pytest.raises(CommandError, match="no erasure"):
        run("--receipt", str(alice.user.id))


def test_a_last_owner_is_named_with_the_group(alice: Person, team: Organization) -> None:
    with pytest.raises(CommandError, match=team.slug):
        run("--id", str(alice.user.id), "--reason", "asked by letter")
    assert User.objects.get(id=alice.user.id).deleted_at is None
