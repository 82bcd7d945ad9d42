"""What holds for every page of the CMS, whichever pages there are: the table of addresses says."""

import re
from collections.abc import Iterator
from html import escape
from http import HTTPStatus
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.urls import reverse
from django.utils.timezone import now

from api.apis.users import selectors as users
from api.cms.urls import urlpatterns
from api.models import AuditEntry, BulkChange, Device, Job, OutboxMessage, SavedFilter, Session, StaffSession, User
from api.models.base import uuid7
from tests import factories
from tests.apis.images.rows import image_of

pytestmark = pytest.mark.django_db

SCRIPT = "<script>alert(1)</script>"
# Steps of the sign-in, and what is one's own: tests/cms/test_second_factor.py.
NAMES = [pattern.name for pattern in urlpatterns if not str(pattern.name).startswith(("login-", "me-", "viewing"))]
BEHIND_THE_DOOR = [name for name in NAMES if name not in {"login", "logout"}]
TO_BE_SEEN = [p.name for p in urlpatterns if p.name in BEHIND_THE_DOOR and hasattr(p.callback.view_class, "get")]
POLICY = "; ".join(" ".join((name, *sources)) for name, sources in settings.SECURE_CSP.items())


@pytest.fixture
def things(alice: Any, staff: Any) -> dict[str, Any]:
    """One of everything that has a page, with a script wherever somebody else may choose the text."""
    User.objects.filter(id=alice.user.id).update(first_name=SCRIPT, last_name=SCRIPT, location=SCRIPT)
    device = Device.objects.get(live_session__user=alice.user)
    texts = {"name": SCRIPT, "model": SCRIPT, "app_version": SCRIPT, "os_version": SCRIPT, "locale": SCRIPT}
    Device.objects.filter(id=device.id).update(**texts)
    group = factories.group(alice.user, name=SCRIPT)
    message = OutboxMessage.objects.create(task="auth.mail_proof", due_at=None, failed_at=now(), last_error=SCRIPT)
    job = Job.objects.create(type="bulk.users.deactivate", owner=staff.user)
    return {
        "bulk_id": BulkChange.objects.create(verb="users.deactivate", reason=SCRIPT, total=1, job=job).id,
        "job_id": Job.objects.create(type="audit.check", owner=staff.user).id,
        "entry_id": AuditEntry.objects.latest("id").id,
        "platform": "ios",
        "invitation_id": uuid7(),
        "api_key_id": uuid7(),
        "kind": "auth.magic_code",
        "key_id": device.app_key.key_id,
        "session_id": Session.objects.get(live_device=device).id,
        "message_id": message.id,
        "user_id": alice.user.id,
        "device_id": device.id,
        "organization_id": group.id,
        "image_uid": image_of(alice.user, group, title=SCRIPT, description=SCRIPT, alt_text=SCRIPT).uid,
        "filter_id": SavedFilter.objects.create(owner=staff.user, list="users", name=SCRIPT).id,
        "name": "Support",
        "browser_id": StaffSession.objects.create(
            user=alice.user, user_auth_version=0, factor="totp", proved_at=now(), seen_at=now(), user_agent=SCRIPT
        ).id,
    }


def addresses(things: dict[str, Any], names: list[str | None] = BEHIND_THE_DOOR) -> Iterator[str]:
    for pattern in urlpatterns:
        if pattern.name in names:
            yield reverse(f"cms:{pattern.name}", kwargs={name: things[name] for name in pattern.pattern.converters})


@pytest.mark.parametrize("name", TO_BE_SEEN)
def test_staff_see_the_page(staff, things, name):
    for address in addresses(things, [name]):
        assert staff.get(address).status_code == HTTPStatus.OK


@pytest.mark.parametrize("method", ["get", "post", "head", "options", "put", "delete"])
def test_strangers_are_sent_to_the_sign_in(browser, things, method):
    for address in addresses(things):
        answer = getattr(browser, method)(address)
        assert (answer.status_code, answer["Location"]) == (302, f"/cms/login/?next={address}")
        assert answer["Cache-Control"] == "no-store"


def test_there_is_no_page_without_the_door_but_the_sign_in(browser, things):
    answers = {name: browser.get(address) for name in NAMES for address in addresses(things, [name])}
    assert [name for name, answer in answers.items() if answer.status_code != 302] == ["login"]


@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_strict_about_what_it_runs(staff, browser, things, name):
    """The policy as the settings have it, and nothing that it would block: no inline script or style, no handler."""
    visitor = browser if name == "login" else staff.browser
    for address in addresses(things, [name]):
        answer = visitor.get(address)
        page = answer.content.decode()
        assert answer["Content-Security-Policy"] == POLICY
        assert "unsafe" not in POLICY
        assert not re.search(
            r'<script(?! type="module" src="/static/)|<style|\sstyle=|\son\w+=|javascript:', page, re.IGNORECASE
        ), name
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page), "nothing comes from elsewhere"


@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_stored_nowhere(staff, browser, things, name):
    visitor = browser if name == "login" else staff.browser
    for address in addresses(things, [name]):
        answer = visitor.get(address)
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["X-Request-ID"]


def test_what_people_typed_is_shown_and_not_run(staff, things):
    pages = [staff.text(address) for address in addresses(things, TO_BE_SEEN)]
    assert not any(SCRIPT in page for page in pages)
    assert sum(escape(SCRIPT) in page for page in pages) >= 6


def test_what_staff_typed_is_shown_and_not_run(staff, things):
    answer = staff.post(f"/cms/devices/{things['device_id']}/revoke/", reason=SCRIPT)
    page = staff.text(answer["Location"])
    assert SCRIPT not in page
    assert escape(SCRIPT) in page


def test_strangers_change_nothing(browser, things):
    for address in addresses(things):
        browser.post(address, {"reason": "because"})
    assert User.objects.get(id=things["user_id"]).is_active
    assert Device.objects.get(id=things["device_id"]).revoked_at is None


def test_people_of_the_app_do_not_get_in(things, new_browser, alice):
    browser = new_browser()
    browser.sign_in(alice.email)
    assert not browser.is_in()


def test_what_is_not_there_is_a_page_with_the_request_id(staff):
    missing = dict.fromkeys(
        (
            "user_id",
            "device_id",
            "organization_id",
            "image_uid",
            "message_id",
            "session_id",
            "kind",
            "key_id",
            "filter_id",
            "name",
            "browser_id",
            "bulk_id",
            "job_id",
            "platform",
            "invitation_id",
            "api_key_id",
        ),
        "00000000-0000-7000-8000-000000000000",
    ) | {"entry_id": "0"}
    for address in addresses(missing, [p.name for p in urlpatterns if p.pattern.converters and p.name in TO_BE_SEEN]):
        answer = staff.browser.get(address, headers={"x-request-id": "look-me-up"})
        assert answer.status_code == HTTPStatus.NOT_FOUND
        assert "look-me-up" in answer.content.decode()
        assert answer["Cache-Control"] == "no-store"


def test_an_absent_database_is_a_page_that_says_when_to_come_back(staff, monkeypatch):
    def fail(**_: object) -> None:
        raise OperationalError("gone away")

    monkeypatch.setattr(users, "people_for_staff", fail)
    answer = staff.get("/cms/users/")
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer["Retry-After"]


def test_times_are_told_to_machines_in_utc(staff, alice):
    joined = alice.user.created_at
    page = staff.text(f"/cms/users/{alice.user.id}/")
    assert f'<time datetime="{joined:%Y-%m-%dT%H:%M:%S}Z">{joined:%Y-%m-%d %H:%M}</time>' in page


def test_the_environment_is_on_every_page(staff, things, settings):
    settings.ENVIRONMENT = "production"
    assert all("environment-production" in staff.text(address) for address in addresses(things, TO_BE_SEEN))


@pytest.mark.parametrize("is_superuser", [True, False])
def test_only_superusers_find_the_way_to_the_admin(new_staff, is_superuser):
    page = new_staff(is_superuser=is_superuser).text("/cms/")
    assert (reverse("admin:index") in page) is is_superuser
