"""The audit trail as a timeline, with filters."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from api.models import AuditEntry
from api.platform import audit, callers

pytestmark = pytest.mark.django_db


def actions(page: str) -> list[str]:
    return re.findall(r"<code>([a-z_.]+)</code>", page)


def test_it_tells_newest_first_page_by_page(staff, alice, settings):
    settings.PAGE_LIMIT_DEFAULT = 3
    told, address = [], "/cms/audit/"
    while address:
        page = staff.text(address)
        told += actions(page)
        behind = re.search(r'rel="next" href="([^"]+)"', page)
        address = f"/cms/audit/{behind[1]}".replace("&amp;", "&") if behind else ""
    assert told == list(AuditEntry.objects.order_by("-id").values_list("action", flat=True))


def test_each_filter_narrows(staff, alice, bob, team):
    audit.record(
        callers.command("spring cleaning"),
        "test.happened",
        target_kind="user",
        target_id=alice.user.id,
        organization_id=team.id,
    )
    entry = AuditEntry.objects.get(action="test.happened")
    by_staff = AuditEntry.objects.filter(actor_id=str(staff.user.id)).count()
    assert actions(staff.text("/cms/audit/?action=test.happened")) == ["test.happened"]
    assert len(actions(staff.text(f"/cms/audit/?actor_id={staff.user.id}"))) == by_staff > 0
    assert "test.happened" in actions(staff.text(f"/cms/audit/?target_id={alice.user.id}"))
    assert "test.happened" in actions(staff.text(f"/cms/audit/?organization_id={team.id}"))
    assert actions(staff.text(f"/cms/audit/?action=test.happened&actor_id={bob.user.id}")) == []
    AuditEntry.objects.filter(id=entry.id).update(at=timezone.now() - timedelta(days=3))
    day = (timezone.now() - timedelta(days=3)).date()
    assert actions(staff.text(f"/cms/audit/?until={day}")) == ["test.happened"]
    assert actions(staff.text(f"/cms/audit/?since={day}&until={day}")) == ["test.happened"]
    assert "test.happened" not in actions(staff.text(f"/cms/audit/?since={timezone.now().date()}"))


def test_the_reason_and_what_changed_are_told(staff, alice):
    staff.post(f"/cms/users/{alice.user.id}/deactivate/", reason="Asked us to")
    page = staff.text("/cms/audit/")
    assert "“Asked us to”" in page
    assert staff.user.username in page


def test_a_filter_that_is_none_is_said_at_the_field(staff):
    page = staff.text("/cms/audit/?organization_id=nobody")
    assert 'aria-invalid="true"' in page
    assert actions(page) == []


def test_a_page_costs_the_same_however_full_it_is(staff, alice, bob, django_assert_num_queries):
    # session, person, roles, saved filters, entries, names, the session's expiry with its savepoint (3)
    with django_assert_num_queries(9):
        staff.text("/cms/audit/")
