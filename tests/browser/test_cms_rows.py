"""A walk through each page that staff work on, in a browser: what is found, changed, shown once, and told in the trail."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from api.models import (
    ApiKey,
    AppKey,
    AppVersion,
    AuditEntry,
    Device,
    Invitation,
    Job,
    MailTemplate,
    Organization,
    OutboxMessage,
    SavedFilter,
    User,
)
from tests.conftest import Person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def section(page: Page, name: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()


def confirm(page: Page, button: str, *, reason: str = "Asked by phone") -> None:
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name=button).click()


def test_the_dashboard_shows_other_ranges_with_the_numbers_beneath(staff_page: Page, complaints: list[str]) -> None:
    for span in ("7 days", "30 days", "90 days", "24 hours"):
        staff_page.get_by_role("link", name=span).click()
        expect(staff_page.get_by_role("link", name=span)).to_have_attribute("aria-current", "true")
    assert complaints == []


def test_a_number_read_out_on_the_telephone_leads_to_its_person(
    staff_page: Page, alice: Person, complaints: list[str]
) -> None:
    User.objects.filter(id=alice.user.id).update(phone_number="+41441234567")
    staff_page.keyboard.press("Control+k")
    staff_page.get_by_role("searchbox").fill("0041 44 123 45 67")
    staff_page.keyboard.press("Enter")
    staff_page.get_by_role("link", name=alice.user.username).click()
    expect(staff_page.get_by_text("+41441234567")).to_be_visible()
    assert complaints == []


def test_a_list_is_narrowed_kept_and_taken_away_as_a_table(
    staff_page: Page, new_person: Callable[..., Person], complaints: list[str], live_server
) -> None:
    grace = new_person("grace")
    section(staff_page, "People")
    staff_page.get_by_role("combobox", name="Status").select_option("active")
    staff_page.get_by_role("button", name="Search").click()
    staff_page.get_by_text("Save filter").click()
    staff_page.get_by_label("Name", exact=True).fill("Everybody who is in")
    staff_page.get_by_role("button", name="Save", exact=True).click()
    assert SavedFilter.objects.get().querystring == "status=active"
    with staff_page.expect_download() as taken:
        staff_page.get_by_role("link", name="CSV").click()
    assert grace.user.username in taken.value.path().read_text()
    assert complaints == []


def test_a_group_from_its_making_to_its_end(staff_page: Page, alice: Person, complaints: list[str]) -> None:
    User.objects.filter(id=alice.user.id).update(is_email_confirmed=True)
    section(staff_page, "Organizations")
    staff_page.get_by_role("link", name="New group").click()
    staff_page.get_by_label("Name", exact=True).fill("Bakery")
    staff_page.get_by_label("E-mail address of its owner").fill(alice.email)
    confirm(staff_page, "Make the group")
    group = Organization.objects.get(name="Bakery")

    staff_page.get_by_role("link", name="Invite…").click()
    staff_page.get_by_label("E-mail address").fill("new@example.com")
    staff_page.get_by_label("Role").select_option("admin")
    confirm(staff_page, "Invite")
    expect(staff_page.get_by_role("region", name="Invitations").get_by_text("new@example.com")).to_be_visible()
    staff_page.get_by_role("link", name="Send again…").click()
    confirm(staff_page, "Send again")
    staff_page.get_by_role("link", name="Take back…").click()
    confirm(staff_page, "Take back")
    assert Invitation.objects.get().state == "revoked"

    staff_page.get_by_role("link", name="New key…").click()
    staff_page.get_by_label("Name", exact=True).fill("Sync")
    staff_page.get_by_label("contacts:read").check()
    confirm(staff_page, "Make the key")
    shown = staff_page.locator(".secret").inner_text()
    key = ApiKey.objects.get(organization=group)
    assert shown.startswith(key.prefix)
    staff_page.get_by_role("link", name="I have it").click()
    assert shown not in staff_page.content()
    staff_page.get_by_role("region", name="API keys").get_by_role("link", name="Revoke…").click()
    confirm(staff_page, "Revoke")
    key.refresh_from_db()
    assert key.revoked_at is not None

    staff_page.get_by_role("link", name="Rename…").click()
    staff_page.get_by_label("Name", exact=True).fill("Pastry shop")
    confirm(staff_page, "Rename")
    staff_page.get_by_role("link", name="Delete…").click()
    staff_page.get_by_label("Its name, to make sure").fill("Pastry shop")
    confirm(staff_page, "Delete for good")
    expect(staff_page.get_by_role("heading", level=1)).to_have_text("Organizations")
    group.refresh_from_db()
    assert group.deleted_at is not None
    told = set(AuditEntry.objects.filter(organization_id=group.id).values_list("action", flat=True))
    assert {"org.created", "org.invitation_sent", "org.invitation_resent", "org.invitation_revoked"} <= told
    assert {"api_key.created", "api_key.revoked", "org.renamed"} <= told
    assert complaints == []


def test_a_job_is_watched_to_its_end(staff_page: Page, alice: Person, complaints: list[str], live_server) -> None:
    """The page's questions go by this thread, as in the walk of thousands (`test_cms_flows`)."""
    staff_page.route("**/*", lambda route: route.continue_())
    job = Job.objects.create(type="add", owner=alice.user)
    message = OutboxMessage.objects.create(task="jobs.add", job=job, arguments={"x": 5, "y": 3})
    staff_page.goto(f"{live_server.url}/cms/jobs/{message.id}/")
    expect(staff_page.locator("#course [role=status]")).to_contain_text("pending, 0 %")
    Job.objects.filter(id=job.id).update(state="STARTED", progress=40)
    expect(staff_page.locator("#course [role=status]")).to_contain_text("started, 40 %")
    expect(staff_page.get_by_role("progressbar")).to_have_attribute("value", "40")
    assert complaints == []


def test_a_job_is_watched_without_javascript(chromium: Browser, staff_page: Page, alice: Person, live_server) -> None:
    job = Job.objects.create(type="add", owner=alice.user)
    message = OutboxMessage.objects.create(task="jobs.add", job=job, arguments={"x": 5, "y": 3})
    context = chromium.new_context(java_script_enabled=False, storage_state=staff_page.context.storage_state())
    page = context.new_page()
    page.goto(f"{live_server.url}/cms/jobs/{message.id}/")
    expect(page.locator("#course [role=status]")).to_contain_text("pending, 0 %")
    Job.objects.filter(id=job.id).update(state="STARTED", progress=40)
    page.get_by_role("link", name="Look again").click()
    expect(page.locator("#course [role=status]")).to_contain_text("started, 40 %")
    page.get_by_role("link", name="Call off…").click()
    confirm(page, "Call off")
    job.refresh_from_db()
    assert job.state == "REVOKED"
    context.close()


def test_the_versions_of_an_app_and_a_new_key(staff_page: Page, complaints: list[str]) -> None:
    section(staff_page, "Apps")
    staff_page.get_by_role("row", name=re.compile("^iOS")).get_by_role("link", name="Change").click()
    staff_page.get_by_label("Minimum version").fill("2.3")
    staff_page.get_by_label("Present version", exact=True).fill("2.1")
    staff_page.get_by_label("Notice of maintenance").fill("Back at nine.")
    confirm(staff_page, "Save")
    expect(staff_page.get_by_text("cannot be below the minimum")).to_be_visible()
    staff_page.get_by_label("Present version", exact=True).fill("2.5")
    staff_page.get_by_role("button", name="Save").click()
    expect(staff_page.get_by_text("Back at nine.")).to_be_visible()
    assert AppVersion.objects.get(platform="ios").latest_version == "2.5"
    staff_page.get_by_role("link", name="New key").click()
    staff_page.get_by_label("Id of the key").fill("ios-2027-01")
    confirm(staff_page, "Make the key", reason="Release")
    expect(staff_page.locator(".secret")).to_be_visible()
    assert AppKey.objects.filter(key_id="ios-2027-01").exists()
    assert [complaint for complaint in complaints if "422" not in complaint] == []


def test_the_texts_of_a_mail_are_looked_at_tried_and_kept(staff_page: Page, complaints: list[str], live_server) -> None:
    section(staff_page, "Mails")
    staff_page.get_by_role("link", name="auth.password_reset").click()
    staff_page.get_by_label("Subject").fill("A new password for you")
    staff_page.get_by_role("button", name="Preview").click()
    expect(staff_page.get_by_role("region", name="Preview")).to_contain_text("A new password for you")
    staff_page.get_by_role("button", name="Send to myself").click()
    expect(staff_page.get_by_role("status")).to_be_visible()
    staff_page.get_by_label("Subject").fill("A new password for you")
    confirm(staff_page, "Keep texts", reason="Friendlier")
    assert MailTemplate.objects.get(kind="auth.password_reset").subject == "A new password for you"
    assert complaints == []


def test_the_trail_is_narrowed_opened_and_proved(staff_page: Page, alice: Person, complaints: list[str]) -> None:
    section(staff_page, "Audit trail")
    staff_page.get_by_role("textbox", name="About").fill(str(alice.user.id))
    staff_page.get_by_role("button", name="Search").click()
    staff_page.get_by_role("table").get_by_role("link").first.click()
    expect(staff_page.get_by_role("heading", level=1)).to_be_visible()
    section(staff_page, "Audit trail")
    staff_page.get_by_role("link", name="Check the chain…").click()
    staff_page.get_by_role("button", name="Check now").click()
    expect(staff_page.get_by_role("heading", level=1)).to_be_visible()
    assert Job.objects.filter(type="audit.check").exists()
    assert complaints == []


def test_a_passkey_is_enrolled_and_signs_in_all_alone(staff_page: Page, complaints: list[str], live_server) -> None:
    here = live_server.url.replace("127.0.0.1", "localhost")
    debugger = staff_page.context.new_cdp_session(staff_page)
    debugger.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    debugger.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    assert live_server.url == here, "passkeys are for names, not for numbers"
    staff_page.goto(f"{here}/cms/me/passkey/")
    staff_page.get_by_label("Name").fill("Work laptop")
    staff_page.get_by_role("button", name="Make passkey").click()
    expect(staff_page.get_by_text("Work laptop")).to_be_visible()
    staff_page.get_by_role("button", name="Sign out").click()
    staff_page.goto(f"{here}/cms/login/")
    staff_page.get_by_role("button", name="Use a passkey").click()
    expect(staff_page.get_by_role("heading", level=1)).to_contain_text("Dashboard")
    assert AuditEntry.objects.filter(action="staff.signed_in").count() >= 2
    assert complaints == []


def test_everybody_is_signed_out_only_after_a_question(staff_page: Page, alice: Person, complaints: list[str]) -> None:
    section(staff_page, "System")
    staff_page.get_by_role("link", name=re.compile("Sign everybody out")).click()
    expect(staff_page.get_by_role("heading", level=1)).to_contain_text("?")
    assert alice.get("users/me/").status == 200
    assert Device.objects.filter(revoked_at=None).exists()
    assert complaints == []
