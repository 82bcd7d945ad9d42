"""App keys and minimum versions in the CMS."""

import re

import pytest

from api.apis.onboarding import services as onboarding
from api.exceptions import Forbidden
from api.models import ActorKind, AppKey, AppKeyStatus, AuditEntry, Channel
from api.platform import callers, device_keys
from api.platform.callers import Caller
from api.platform.keys import unb64url

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
    onboarding.set_app_version(callers.command(), platform="ios", facts={"minimum_version": "2.3", "store_url": ""})
    page = staff.text("/cms/apps/")
    assert "2.3" in page
    assert app_key.row.key_id in page
    assert app_key.secret not in page


def test_the_service_asks_for_the_role(app_key):
    reader = Caller(kind=ActorKind.STAFF, channel=Channel.CMS, duties=frozenset({"apps.read"}))
    with pytest.raises(Forbidden):
        onboarding.block_app_key(reader, key_id=app_key.row.key_id)


def test_a_key_is_made_and_its_secret_shown_once(staff):
    answer = staff.post("/cms/apps/keys/add/", platform="ios", key_id="ios-2027-01", reason="Release")
    secret = re.search(r'<code class="secret">([\w-]{43})</code>', answer.content.decode())
    assert secret is not None
    assert device_keys.app_secret(AppKey.objects.get(key_id="ios-2027-01")) == unb64url(secret[1])
    assert secret[1] not in staff.text("/cms/apps/")
    assert AuditEntry.objects.get(action="app_key.created", target_id="ios-2027-01").reason == "Release"


def test_a_successor_has_the_terms_and_the_present_one_is_deprecated(staff, app_key):
    AppKey.objects.update(registrations_per_minute=7)
    answer = staff.post(f"/cms/apps/{app_key.row.key_id}/successor/", key_id="next-1", reason="Rotation")
    assert "next-1" in answer.content.decode()
    assert AppKey.objects.get(key_id="next-1").registrations_per_minute == 7
    assert AppKey.objects.get(key_id=app_key.row.key_id).status == "deprecated"


@pytest.mark.parametrize(("key_id", "said"), [("Über", "Lower-case letters"), ("taken", "already")])
def test_an_id_that_cannot_be_is_said_at_the_field(staff, app_key, key_id, said):
    name = app_key.row.key_id if key_id == "taken" else key_id
    answer = staff.post("/cms/apps/keys/add/", platform="ios", key_id=name, reason="Release")
    assert answer.status_code in {409, 422}
    assert said in answer.content.decode()


def test_keys_take_a_fresh_proof(staff, settings):
    settings.FRESH_PROOF_SECONDS = 0
    answer = staff.post("/cms/apps/keys/add/", platform="ios", key_id="ios-2027-01", reason="Release")
    assert answer["Location"].startswith("/cms/me/proof/")
    assert not AppKey.objects.filter(key_id="ios-2027-01").exists()


def test_a_minimum_version_is_set(staff):
    said = {"minimum_version": "2.3", "latest_version": "2.5", "notice": "Back at nine."}
    answer = staff.post("/cms/apps/versions/ios/", **said, store_url="", reason="A hole in 2.2")
    assert answer.status_code == 302
    page = staff.text("/cms/apps/")
    assert all(text in page for text in said.values())
    assert AuditEntry.objects.get(action="app_version.changed").reason == "A hole in 2.2"
    wrong = staff.post("/cms/apps/versions/ios/", minimum_version="two", reason="x")
    assert wrong.status_code == 422
    assert staff.get("/cms/apps/versions/symbian/").status_code == 404
