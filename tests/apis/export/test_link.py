"""The mailed link: a page for any browser, whose button gives the address of the archive for five minutes."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client as Browser
from django.utils import timezone

from api.models import AuditEntry, Export, Membership, Organization, Role
from tests.apis.export.conftest import finished, read
from tests.conftest import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(alice: Person, bob: Person, full: Organization) -> str:
    """Of the mail to bob, an admin who asked for the archive."""
    Membership.objects.filter(user=bob.user, organization=full).update(role=Role.ADMIN)
    finished(bob, f"orgs/{full.slug}/export/")
    sent = mail.outbox[-1]
    assert (sent.to, sent.subject) == ([bob.email], "Your export is ready")
    found = re.search(r"/export\?token=([A-Za-z0-9_-]{43})", str(sent.body))
    assert found is not None
    return found[1]


def browser() -> Browser:
    return Browser(headers={"host": "localhost:8000"})


def pressed(token: str) -> Any:
    return browser().post("/export/", {"token": token})


def test_the_page_changes_nothing_and_its_button_gives_the_file(token: str, full: Organization) -> None:
    page = browser().get(f"/export/?token={token}")
    assert page.status_code == 200
    assert "An archive of Team" in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert not AuditEntry.objects.filter(action="export.downloaded").exists()
    for _ in range(2):
        answer = pressed(token)
        assert answer.status_code == 200
        address = re.search(r'href="(/files/exports/[^"]+)"', answer.content.decode())
        assert address is not None
        file = browser().get(address[1].replace("&amp;", "&"))
        assert read(b"".join(file)).manifest["organization"]["slug"] == full.slug
    assert AuditEntry.objects.filter(action="export.downloaded", organization_id=full.id).count() == 2


@pytest.mark.parametrize("role", [Role.MEMBER, None])
def test_who_is_no_admin_any_more_gets_nothing(token: str, bob: Person, full: Organization, role: Role | None) -> None:
    place = Membership.objects.filter(user=bob.user, organization=full)
    place.update(role=role) if role else place.delete()
    assert browser().get(f"/export/?token={token}").status_code == pressed(token).status_code == 400


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "é", "a" * 1000])
def test_a_link_that_was_made_up_is_good_for_nothing(db: None, token: str) -> None:
    assert browser().get("/export/", {"token": token}).status_code == pressed(token).status_code == 400


def test_a_link_ends_with_its_archive(token: str) -> None:
    Export.objects.update(expires_at=timezone.now() + timedelta(seconds=5))
    assert pressed(token).status_code == 200
    Export.objects.update(expires_at=timezone.now())
    assert pressed(token).status_code == 400
