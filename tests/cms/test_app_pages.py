"""App keys and minimum versions in the CMS."""

import pytest

from api.apis.onboarding import services as onboarding
from api.exceptions import Forbidden
from api.models import ActorKind, AppKeyStatus, AuditEntry, Channel
from api.platform import callers
from api.platform.callers import Caller

pytestmark = pytest.mark.django_db


def test_keys_are_blocked_and_activated_with_a_reason(staff, app_key, new_phone):
    row = app_key.row
    staff.text(f"/cms/apps/{row.key_id}/block/")
    assert staff.post(f"/cms/apps/{row.key_id}/block/", reason="").status_code == 422
    row.refresh_from_db()
    assert row.status == AppKeyStatus.ACTIVE
    for verb, status in (("block", AppKeyStatus.BLOCKED), ("activate", AppKeyStatus.ACTIVE)):
        assert staff.post(f"/cms/apps/{row.key_id}/{verb}/", reason=verb)["Location"] == "/cms/apps/"
        row.refresh_from_db()
        assert row.status == status
        assert AuditEntry.objects.filter(action="app_key.status_changed", reason=verb).exists()
        assert status in staff.text("/cms/apps/")


def test_the_page_tells_versions_and_no_secret(staff, app_key):
    onboarding.set_minimum_version(callers.command(), platform="ios", minimum_version="2.3", store_url="")
    page = staff.text("/cms/apps/")
    assert "2.3" in page
    assert app_key.row.key_id in page
    assert app_key.secret not in page


def test_the_service_asks_for_the_role(app_key):
    reader = Caller(kind=ActorKind.STAFF, channel=Channel.CMS, duties=frozenset({"apps.read"}))
    with pytest.raises(Forbidden):
        onboarding.block_app_key(reader, key_id=app_key.row.key_id)
