"""The CMS in a browser: sign-in, every page, revoking a device; nothing on the console, no sideways scroll."""

from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from api.models import Device
from tests.conftest import Person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_is_quiet_and_fits(staff_page: Page, alice: Person, complaints: list[str], width: int) -> None:
    staff_page.set_viewport_size({"width": width, "height": 900})
    for name in ("People", "Devices", "Organizations", "Dashboard"):
        staff_page.get_by_role("navigation").get_by_role("link", name=name).click()
        expect(staff_page.get_by_role("heading", level=1)).to_be_visible()
        scrolls = staff_page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not scrolls, name
    assert complaints == []


def test_staff_revoke_a_device_and_its_next_call_fails(
    staff_page: Page, new_person: Callable[..., Person], complaints: list[str], live_server
) -> None:
    person = new_person("grace")
    assert person.get("users/me/").status == 200
    device = Device.objects.get(id=person.phone.state.device_id)

    staff_page.goto(f"{live_server.url}/cms/devices/{device.id}/")
    staff_page.get_by_role("link", name="Revoke").click()
    staff_page.get_by_label("Reason").fill("lost on a train")
    staff_page.get_by_role("button", name="Revoke").click()
    expect(staff_page.get_by_text("lost on a train").first).to_be_visible()

    answer = person.transport.call(
        "GET",
        "http://localhost:8000/api/v1/users/me/",
        {"Authorization": f"Bearer {person.phone.state.access}"},
    )
    assert answer.status == 401
    assert complaints == []


def test_a_customer_has_lost_their_phone(
    staff_page: Page, new_person: Callable[..., Person], complaints: list[str], live_server
) -> None:
    """Found, checked, revoked, noted: in at most ten clicks."""
    grace = new_person("grace")
    clicks = 0

    def click(role: Literal["link", "button"], name: str) -> None:
        nonlocal clicks
        clicks += 1
        staff_page.get_by_role(role, name=name).first.click()

    click("link", "Search")
    staff_page.get_by_label("Search").fill(grace.email[:8])
    click("button", "Search")
    click("link", grace.user.username)
    expect(staff_page.get_by_text(grace.email).first).to_be_visible()
    clicks += 1
    staff_page.get_by_role("region", name="Devices and sessions").get_by_role("rowheader").get_by_role("link").click()
    expect(staff_page.get_by_role("main").get_by_text("Active", exact=True)).to_be_visible()
    click("link", "Revoke")
    staff_page.get_by_label("Reason").fill("Lost on a train")
    click("button", "Revoke")
    expect(staff_page.get_by_role("status")).to_contain_text("is revoked")
    click("link", grace.user.username)
    staff_page.get_by_role("textbox", name="Note").fill("Called us from a friend's phone.")
    click("button", "Keep note")
    expect(staff_page.get_by_text("Called us from a friend's phone.")).to_be_visible()
    assert clicks <= 10
    assert Device.objects.get(id=grace.phone.state.device_id).revoked_at is not None
    assert complaints == []
