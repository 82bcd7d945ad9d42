"""Every page of the CMS in a browser, wide and narrow, light and dark: quiet, accessible, no sideways scroll."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from api.cms.urls import urlpatterns
from api.models import AppKey, AuditEntry, BulkChange, Device, Job, OutboxMessage, Session, StaffSession
from api.models.base import uuid7
from tests import factories
from tests.apis.images.rows import stored_image_of
from tests.conftest import Person
from tests.pictures import photo

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AXE = (Path(__file__).parent / "axe-core-4.14.1" / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
FAULTS = """async (rules) => (await axe.run({runOnly: rules})).violations.map(
    (found) => `${found.id}: ${found.nodes.map((node) => node.target.join(" ")).join(", ")}`)"""
SCROLLS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
# The steps of the sign-in have a walk of their own.
UNSEEN = frozenset({"login", "login-code", "me-factor-remove"})
LONG = "A-very-long-name-without-any-place-to-break-it-" * 2


@pytest.fixture
def things(alice: Person, files: Path) -> dict[str, Any]:
    """One of everything that has a page, with names that are hard to fit."""
    device = Device.objects.get(live_session__user=alice.user)
    Device.objects.filter(id=device.id).update(name=LONG[:90], model=LONG[:60])
    message = OutboxMessage.objects.create(
        task="auth.mail_proof", due_at=None, failed_at=timezone.now(), last_error=f"MailNotTaken: {LONG}"
    )
    group = factories.group(alice.user, name=LONG[:90])
    return {
        "user_id": alice.user.id,
        "device_id": device.id,
        "session_id": Session.objects.get(live_device=device).id,
        "organization_id": group.id,
        "image_uid": stored_image_of(alice.user, group, photo(), title=LONG, description=LONG, alt_text=LONG).uid,
        "message_id": message.id,
        "platform": "ios",
        "invitation_id": uuid7(),
        "api_key_id": uuid7(),
        "kind": "auth.magic_code",
        "key_id": AppKey.objects.get().key_id,
        "name": "Support",
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_is_quiet_accessible_and_fits(
    staff_page: Page, things: dict[str, Any], complaints: list[str], live_server, width: int, scheme: Any
) -> None:
    staff_page.set_viewport_size({"width": width, "height": 900})
    staff_page.emulate_media(color_scheme=scheme)
    session = StaffSession.objects.get()
    things["browser_id"] = session.id
    job = Job.objects.create(type="bulk.users.deactivate", owner_id=session.user_id)
    things["bulk_id"] = BulkChange.objects.create(verb="users.deactivate", total=5000, done=2340, job=job).id
    things["job_id"] = Job.objects.create(type="audit.check", owner_id=session.user_id).id
    things["entry_id"] = AuditEntry.objects.latest("id").id
    pictures = os.environ.get("CMS_PICTURES")
    faults = []
    for pattern in urlpatterns:
        view = pattern.callback.view_class
        if pattern.name in UNSEEN or "get" not in view.http_method_names or not hasattr(view, "get"):
            continue
        ids = {name: things[name] for name in pattern.pattern.converters}
        address = reverse(f"cms:{pattern.name}", kwargs=ids)
        query = "?q=a" if pattern.name == "search" else ""
        answer = staff_page.goto(f"{live_server.url}{address}{query}")
        assert answer is not None
        assert answer.status == 200, address
        if staff_page.evaluate(SCROLLS):
            faults.append(f"{address} scrolls sideways")
        # By the debugger's door: the page's own policy lets no script in that is not the server's.
        staff_page.evaluate(AXE)
        faults += [f"{address} {fault}" for fault in staff_page.evaluate(FAULTS, RULES)]
        faults += [f"{address} {complaint}" for complaint in complaints]
        complaints.clear()
        if pictures:
            staff_page.screenshot(path=f"{pictures}/{pattern.name}-{width}-{scheme}.png", full_page=True)
    assert faults == []
