"""Devices in the CMS: the list, its filters, the detail page, revoking."""

import re
from http import HTTPStatus

import pytest
from handset_client import DeviceRevoked

from api.apis.onboarding import services as onboarding
from api.models import AuditEntry, Device, Session
from api.platform import callers

pytestmark = pytest.mark.django_db


def listed(page: str) -> list[str]:
    """The ids of a list of devices, in order."""
    return re.findall(r'<th role="rowheader" scope="row"><a href="/cms/devices/([^"]+)/">', page)


@pytest.fixture
def device(alice) -> Device:
    """Alice's."""
    return Device.objects.get(live_session__user=alice.user)


def test_the_newest_come_first_page_by_page(staff, alice, bob, charlie, settings):
    settings.PAGE_LIMIT_DEFAULT = 2
    ids = [str(key) for key in Device.objects.order_by("-created_at", "-id").values_list("id", flat=True)]
    page = staff.text("/cms/devices/")
    assert listed(page) == ids[:2]
    behind = re.search(r'rel="next" href="([^"]+)"', page)
    assert behind is not None
    assert listed(staff.text(f"/cms/devices/{behind[1]}")) == ids[2:]


def test_the_list_says_who_is_signed_in(staff, alice, device):
    page = staff.text("/cms/devices/")
    assert f'<a href="/cms/users/{alice.user.id}/">{alice.user.username}</a>' in page


def test_devices_are_told_apart_by_platform_and_status(staff, alice, bob, charlie, new_phone):
    ids = {
        name: str(Device.objects.get(live_session__user=person.user).id)
        for name, person in (("alice", alice), ("bob", bob), ("charlie", charlie))
    }
    Device.objects.filter(id=ids["alice"]).update(platform="ios")
    Device.objects.filter(id=ids["bob"]).update(platform="ios", activated_at=None)
    onboarding.revoke_device(callers.command(), device_id=Device.objects.get(id=ids["charlie"]).id)
    cases = {
        "platform=ios": {"alice", "bob"},
        "platform=other": {"charlie"},
        "platform=web": set(),
        "status=active": {"alice"},
        "status=never-used": {"bob"},
        "status=revoked": {"charlie"},
        "platform=ios&status=active": {"alice"},
        "platform=&status=&q=": {"alice", "bob", "charlie"},
    }
    for query, expected in cases.items():
        assert set(listed(staff.text(f"/cms/devices/?{query}"))) == {ids[name] for name in expected}, query


def test_a_page_of_one_filter_is_none_of_another(staff, alice, bob, settings):
    settings.PAGE_LIMIT_DEFAULT = 1
    first = listed(staff.text("/cms/devices/?status=active"))
    behind = re.search(r'rel="next" href="([^"]+)"', staff.text("/cms/devices/?status=active"))
    assert behind is not None
    other = behind[1].replace("&amp;", "&").replace("status=active", "status=")
    assert listed(staff.text(f"/cms/devices/{other}")) == first


def test_revoked_devices_come_by_when_they_were_revoked(staff, alice, bob, charlie, settings):
    settings.PAGE_LIMIT_DEFAULT = 2
    order = [Device.objects.get(live_session__user=person.user).id for person in (bob, charlie, alice)]
    for device_id in order:
        onboarding.revoke_device(callers.command(), device_id=device_id)
    first = staff.text("/cms/devices/?status=revoked")
    behind = re.search(r'rel="next" href="([^"]+)"', first)
    assert behind is not None
    second = staff.text(f"/cms/devices/{behind[1].replace('&amp;', '&')}")
    assert [*listed(first), *listed(second)] == [str(device_id) for device_id in reversed(order)]


@pytest.mark.parametrize("form", ["{0.id}", "{0.install_id}", "{0.key_id}", "  {0.id} "])
def test_a_device_is_found_by_its_ids(staff, device, bob, form):
    typed = form.format(device)
    for spelling in (typed, typed.upper()):
        assert listed(staff.browser.get("/cms/devices/", {"q": spelling}).content.decode()) == [str(device.id)]


@pytest.mark.parametrize("typed", ["iphone", "0000", "dev:", "00000000-0000-7000-8000-000000000000"])
def test_a_search_that_finds_no_device_says_so(staff, device, typed):
    page = staff.text(f"/cms/devices/?q={typed}")
    assert listed(page) == []
    assert "An id must be complete" in page


@pytest.mark.parametrize("query", ["platform=nokia", "status=broken", "q=%00"])
def test_a_filter_that_does_not_exist_is_said_at_the_field(staff, device, query):
    page = staff.text(f"/cms/devices/?{query}")
    assert listed(page) == []
    assert 'aria-invalid="true"' in page


def test_a_list_costs_the_same_however_long_it_is(staff, new_person, django_assert_num_queries):
    # session, person, roles, saved filters, list, the session's expiry with its savepoint (3)
    for number in range(5):
        new_person(f"person{number}")
        if number in (0, 4):
            with django_assert_num_queries(8):
                staff.text("/cms/devices/")


def test_the_page_of_a_device_shows_what_staff_need(staff, alice, device):
    page = staff.text(f"/cms/devices/{device.id}/")
    for expected in (str(device.id), str(device.install_id), device.app_key.key_id, alice.user.username, "Live"):
        assert expected in page
    assert "device.registered" in page
    assert "auth.signed_in" in page


def test_revoking_ends_the_device(staff, alice, device):
    assert alice.get("users/me/").status == HTTPStatus.OK
    answer = staff.post(f"/cms/devices/{device.id}/revoke/", reason="Reported stolen")
    assert (answer.status_code, answer["Location"]) == (302, f"/cms/devices/{device.id}/")
    device.refresh_from_db()
    assert device.revoked_at is not None
    assert (device.revoked_by_id, device.revocation_reason) == (staff.user.id, "Reported stolen")
    assert not Session.objects.filter(device=device, ended_at=None).exists()
    with pytest.raises(DeviceRevoked):
        alice.get("users/me/")
    page = staff.text(answer["Location"])
    assert "is revoked." in page
    assert "Reported stolen" in page
    assert "Revoke…" not in page
    entry = AuditEntry.objects.get(action="device.revoked")
    assert (entry.actor_kind, entry.actor_id, entry.reason) == ("staff", str(staff.user.id), "Reported stolen")


def test_the_longest_reason_is_kept_whole(staff, device):
    staff.post(f"/cms/devices/{device.id}/revoke/", reason="ü" * 200)
    device.refresh_from_db()
    assert device.revocation_reason == AuditEntry.objects.get(action="device.revoked").reason == "ü" * 200


@pytest.mark.parametrize("reason", ["", " ", "x" * 201])
def test_nothing_is_revoked_without_a_reason_that_can_be_kept(staff, device, reason):
    answer = staff.post(f"/cms/devices/{device.id}/revoke/", reason=reason)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    device.refresh_from_db()
    assert device.revoked_at is None


def test_looking_at_the_confirmation_revokes_nothing(staff, device):
    assert "This cannot be undone" in staff.text(f"/cms/devices/{device.id}/revoke/")
    device.refresh_from_db()
    assert device.revoked_at is None


def test_the_other_devices_of_the_person_stay(staff, alice, device, new_phone):
    other, _ = new_phone()
    other.sign_in(alice.email, "correct horse battery staple")
    staff.post(f"/cms/devices/{device.id}/revoke/", reason="Reported stolen")
    assert other.request("GET", "users/me/").status == HTTPStatus.OK
