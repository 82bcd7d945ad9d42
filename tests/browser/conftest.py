"""Headless Chromium on a live server. Every page collects what the console and the security policy complain about."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from api.apis.auth import services as auth
from api.apis.users import services as users
from api.platform import callers
from tests.conftest import PASSWORD
from tests.factors import a_code_of

# Playwright runs its own event loop in this thread; Django then refuses database calls unless told that it is fine.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

# What does not come at all is a failure soon enough; what comes late is a machine with other things to do.
_PATIENCE_MS = 60_000
expect.set_options(timeout=_PATIENCE_MS)

_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    assert executable, "these tests need Chromium: apt install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(chromium: Browser, complaints: list[str]) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(_PATIENCE_MS)
    page = context.new_page()
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()


@pytest.fixture
def staff_page(page: Page, live_server) -> Page:
    """A member of staff, signed in."""
    person = users.create_person(callers.command(), email="staff@example.com", password=PASSWORD, profile={})
    users.promote_to_superuser(callers.command(), user_id=person.id)
    auth.set_up_totp(callers.command(), user_id=person.id)
    page.goto(f"{live_server.url}/cms/")
    page.get_by_label("E-mail").fill("staff@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Code").fill(a_code_of(person))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Dashboard")
    return page
