"""The documentation in a browser: it renders under its policy, and "Try it out" signs."""

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import AppKeyOnPhone

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_landing_names_the_ways_on(page: Page, live_server, complaints: list[str]) -> None:
    page.goto(live_server.url)
    expect(page.get_by_role("link", name="docs")).to_be_visible()
    assert complaints == []


def test_redoc_shows_the_operations(page: Page, live_server, complaints: list[str]) -> None:
    page.goto(f"{live_server.url}/api/redoc/")
    expect(page.get_by_role("heading", name="Register this installation")).to_be_visible()
    # Its footer asks for a logo from elsewhere, which the policy refuses; nothing else is asked for.
    assert [complaint for complaint in complaints if "cdn.redoc.ly" not in complaint] == []


def test_swagger_signs_a_registration(page: Page, live_server, complaints: list[str], app_key: AppKeyOnPhone) -> None:
    # `localhost`: the browser signs only in what it takes for a secure context.
    page.goto(f"{live_server.url.replace('127.0.0.1', 'localhost')}/api/docs/")
    page.locator("#signer-app-id").fill(app_key.row.key_id)
    page.locator("#signer-app-secret").fill(app_key.secret)
    operation = page.locator("[id='operations-onboarding-device_register_create']")
    operation.click()
    operation.get_by_role("button", name="Try it out").click()
    enrolment = '{"install_id": "3f1e9a52-0c4b-4d8e-8a77-1b2c3d4e5f60", "enrol_key": "%s", "platform": "ios"}'
    operation.locator("textarea").fill(enrolment % ("A" * 43))
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table .response .response-col_status")).to_contain_text("201")
    assert complaints == []
