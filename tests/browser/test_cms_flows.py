"""What staff do with people, walked through in a browser: two who edit at once, undo, one thing done to thousands."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from api.apis.jobs import services as jobs
from api.apis.staff.services import bulk
from api.models import AuditEntry, OutboxMessage, User
from api.models.base import identity_of, uuid7
from api.platform.leases import WorkerStops
from tests.conftest import Person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MANY = 5000


def crowd(number: int) -> None:
    """People of whom nothing hangs but themselves: what is made here is how many they are."""
    at = timezone.now() - timedelta(days=1)
    names = [f"crowd.{index}" for index in range(number)]
    User.objects.bulk_create(
        [
            User(
                id=uuid7(),
                username=name,
                username_identity=identity_of(name),
                email=f"{name}@example.net",
                email_identity=identity_of(f"{name}@example.net"),
                password="!",
                created_at=at,
            )
            for name in names
        ],
        batch_size=500,
    )


def told_to_end_at_half(job_id: str, *, per_cent: int) -> None:
    if per_cent >= 50:
        raise WorkerStops


def carry_on() -> None:
    """As workers do: the suite's SQLite lends a table to one at a time, and whom the page's question met tries again."""
    waiting = OutboxMessage.objects.filter(task="staff.run_bulk", done_at=None, failed_at=None)
    while waiting.exists():
        waiting.update(due_at=timezone.now())
        jobs.run_due_job()


def test_of_two_who_edit_one_person_the_second_is_told_and_loses_nothing(
    staff_page: Page, alice: Person, complaints: list[str], live_server
) -> None:
    address = f"{live_server.url}/cms/users/{alice.user.id}/edit/"
    staff_page.goto(address)
    other = staff_page.context.new_page()
    other.goto(address)
    other.get_by_label("First name").fill("Zoë")
    other.get_by_label("Place").fill("Bern")
    other.get_by_label("Reason").fill("Called")
    other.get_by_role("button", name="Save").click()
    expect(other.get_by_role("status")).to_contain_text("The profile is saved")
    staff_page.get_by_label("First name").fill("Zoe")
    staff_page.get_by_label("Last name").fill("Brown")
    staff_page.get_by_label("Reason").fill("Wrote")
    staff_page.get_by_role("button", name="Save").click()
    expect(staff_page.get_by_role("alert")).to_contain_text("First name is now “Zoë”")
    expect(staff_page.get_by_label("First name")).to_have_value("Zoe")
    expect(staff_page.get_by_label("Place")).to_have_value("Bern")
    staff_page.get_by_role("button", name="Save").click()
    expect(staff_page.get_by_role("status")).to_contain_text("The profile is saved")
    person = User.objects.get(id=alice.user.id)
    assert (person.first_name, person.last_name, person.location) == ("Zoe", "Brown", "Bern")
    # The browser itself says that a page was answered 409.
    assert [complaint for complaint in complaints if "409" not in complaint] == []


def test_what_was_done_is_undone_by_one_button(
    staff_page: Page, new_person: Callable[..., Person], complaints: list[str], live_server
) -> None:
    grace = new_person("grace")
    staff_page.goto(f"{live_server.url}/cms/users/{grace.user.id}/")
    staff_page.get_by_role("link", name="Deactivate…").click()
    staff_page.get_by_label("Reason").fill("Spam")
    staff_page.get_by_role("button", name="Deactivate").click()
    expect(staff_page.get_by_role("status")).to_contain_text("is deactivated")
    staff_page.get_by_role("button", name="Undo").click()
    expect(staff_page.get_by_role("status")).to_contain_text("can sign in again")
    assert User.objects.get(id=grace.user.id).is_active
    assert complaints == []


def test_thousands_are_signed_out_with_the_progress_in_sight(
    staff_page: Page, live_server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The suite's server and worker share one connection of SQLite, and no question may meet the worker's transaction. So the
    page's questions go by this thread, which lets none pass while it is the worker.
    """
    staff_page.route("**/*", lambda route: route.continue_())
    crowd(MANY)
    staff_page.goto(f"{live_server.url}/cms/users/?q=crowd.")
    staff_page.get_by_label("All that match, on every page").check()
    staff_page.get_by_role("button", name="Sign out everywhere…").click()
    expect(staff_page.get_by_text(f"{MANY} are chosen")).to_be_visible()
    staff_page.get_by_label("Reason").fill("A stolen list")
    staff_page.get_by_role("button", name="Sign out everywhere").click()
    expect(staff_page.get_by_role("status")).to_have_text(f"0 of {MANY}")
    # Half of it by one worker, which is then told to end; what is left by another.
    with monkeypatch.context() as patch:
        patch.setattr(bulk.jobs, "report", told_to_end_at_half)
        jobs.run_due_job()
    expect(staff_page.get_by_role("status")).to_have_text(f"{MANY // 2} of {MANY}")
    carry_on()
    expect(staff_page.get_by_role("status")).to_contain_text(f"all {MANY} were looked at")
    assert staff_page.locator("[hx-get]").count() == 0
    signed_out = AuditEntry.objects.filter(action="user.signed_out_by_staff", reason="A stolen list")
    assert signed_out.values("target_id").distinct().count() == MANY


def test_the_search_is_one_key_away(staff_page: Page, complaints: list[str], live_server) -> None:
    staff_page.keyboard.press("Control+k")
    expect(staff_page.get_by_role("heading", level=1)).to_have_text("Search")
    staff_page.goto(f"{live_server.url}/cms/users/")
    staff_page.keyboard.press("/")
    expect(staff_page.get_by_role("searchbox")).to_be_focused()
    assert complaints == []
