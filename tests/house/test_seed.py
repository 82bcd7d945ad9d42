"""Made-up rows: enough of them for every page, and the same every time."""

from collections import Counter
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from api.management import seed, seed_content
from api.models import (
    ApiKey,
    AuditEntry,
    Contact,
    Device,
    Figure,
    Image,
    ImageLink,
    Invitation,
    Membership,
    Notification,
    Organization,
    OutboxMessage,
    Session,
    StaffNote,
    TagLink,
    User,
)

pytestmark = pytest.mark.django_db

TINY = seed.Size(people=30, devices=120, groups=3)


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(seed.SIZES, "small", TINY)


def test_there_are_as_many_as_the_size_says() -> None:
    out = StringIO()
    call_command("seed", stdout=out)
    assert "30 people, 120 devices, 3 groups" in out.getvalue()
    assert User.objects.count() == 30
    assert Organization.objects.count() == 33
    assert Membership.objects.filter(role="owner").count() == 33
    assert Device.objects.count() == 120
    assert 0 < Session.objects.filter(live_device__isnull=False).count() < Session.objects.count() < 120
    assert Device.objects.filter(revoked_at__isnull=False).exists()
    assert OutboxMessage.objects.filter(failed_at__isnull=False).exists()
    assert AuditEntry.objects.filter(outcome="refused").exists()
    days = Counter(Figure.objects.filter(span="day").values_list("metric", flat=True))
    assert set(days.values()) == {365}


def test_groups_hold_something_to_look_at(files: Path) -> None:
    seed.fill(seed.Size(people=30, devices=120, groups=8))
    groups = Organization.objects.filter(kind="group", contacts__isnull=False).distinct().count()
    assert groups >= 2
    assert Contact.objects.count() == groups * seed_content.CONTACTS
    assert Image.objects.count() == ImageLink.objects.count() == groups * seed_content.PICTURES
    assert any(path.is_file() for path in files.rglob("*"))
    for table in (TagLink, ApiKey, Invitation, Notification, StaffNote):
        assert table.objects.exists(), table


def test_nobody_can_sign_in_as_them() -> None:
    seed.fill(TINY)
    assert not any(person.has_usable_password() for person in User.objects.all())
    assert not User.objects.filter(is_staff=True).exists()


def test_they_are_there_once() -> None:
    assert seed.fill(TINY)
    assert not seed.fill(TINY)
    with pytest.raises(CommandError):
        call_command("seed")
    assert User.objects.count() == 30


def test_their_times_are_those_of_a_year() -> None:
    seed.fill(TINY)
    first = User.objects.earliest("created_at")
    assert timedelta(days=300) < timezone.now() - first.created_at < timedelta(days=366)
    assert first.updated_at == first.created_at
