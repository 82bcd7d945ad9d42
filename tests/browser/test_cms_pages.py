"""The CMS in a browser: sign-in, every page, revoking a device; nothing on the console, no sideways scroll."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from api.apis.users import services as users
from api.models import Device
from api.platform import callers
from tests.conftest import PASSWORD, Person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def staff_page(page: Page, live_server) -> Page:
    """A member of staff, signed in."""
    person = users.create_person(callers.command(), email="staff@example.com", password=PASSWORD, profile={})
    users.promote_to_superuser(callers.command(), user_id=person.id)
    page.goto(f"{live_server.url}/cms/")
    page.get_by_label("E-mail").fill("staff@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Dashboard")
    return page


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
