"""Guesses at the CMS and at the API are counted together, and strangers lock nobody out of a browser of their own."""

import pytest
from handset_client.outcomes import accept

from api.models import AuditEntry, SignInFailures
from core.settings.env import Rate
from tests.apis.auth.wire import with_token

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _two_guesses(settings):
    settings.LOCKOUT_FAILURES = 2


def on_a_phone(new_phone, email, password):
    """The status of a sign-in on a phone that was never seen."""
    phone, transport = new_phone()
    accept(phone.request("GET", "auth/check/"))
    body = {"email": email, "password": password}
    return with_token(transport, "POST", "token/pair/", phone.state.access, body).status


def test_wrong_passwords_at_the_cms_lock_strange_devices_too(new_user, new_browser, new_phone):
    sam = new_user("sam", is_staff=True)
    for _ in range(2):
        assert new_browser().sign_in(sam.email, "wrong").status_code == 422
    assert on_a_phone(new_phone, sam.email, PASSWORD) == 401
    assert AuditEntry.objects.filter(action="auth.account_locked", channel="cms").count() == 1


def test_wrong_passwords_on_phones_lock_strange_browsers_too(new_user, new_browser, new_phone):
    sam = new_user("sam", is_staff=True)
    for _ in range(2):
        assert on_a_phone(new_phone, sam.email, "wrong") == 401
    browser = new_browser()
    assert browser.sign_in(sam.email).status_code == 422
    assert not browser.is_in()


def test_a_browser_in_which_somebody_was_in_has_a_count_of_its_own(staff, new_browser):
    for _ in range(4):
        new_browser().sign_in(staff.user.email, "wrong")
    staff.post("/cms/logout/")
    assert staff.browser.sign_in(staff.user.email.upper()).status_code == 302
    staff.post("/cms/logout/")
    for _ in range(2):
        staff.browser.sign_in(staff.user.email, "wrong")
    assert staff.browser.sign_in(staff.user.email).status_code == 422


def test_strangers_do_not_use_up_the_minutes_attempts_of_such_a_browser(staff, new_browser, settings):
    settings.RATES = {**settings.RATES, "auth_token": Rate(2, 60)}
    for _ in range(3):
        last = new_browser().sign_in(staff.user.email, "wrong")
    assert last.status_code == 429
    staff.post("/cms/logout/")
    assert staff.browser.sign_in(staff.user.email).status_code == 302


def test_a_browser_known_for_one_account_is_strange_to_another(new_staff, new_browser, new_user):
    mallory, sam = new_staff("mallory"), new_user("sam", is_staff=True)
    for _ in range(2):
        new_browser().sign_in(sam.email, "wrong")
    mallory.post("/cms/logout/")
    assert mallory.browser.sign_in(sam.email).status_code == 422


def test_the_mark_of_a_browser_is_out_of_reach_for_scripts_and_cannot_be_made_up(staff, new_browser):
    cookie = staff.browser.cookies["known_browser"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/cms/")
    staff.post("/cms/logout/")
    forger = new_browser()
    for _ in range(2):
        forger.cookies["known_browser"] = "0123456789abcdef0123456789abcdef"
        forger.sign_in(staff.user.email, "wrong")
    assert new_browser().sign_in(staff.user.email).status_code == 422, "the forger counted as a stranger"


def test_whoever_gets_in_starts_over(new_user, new_browser):
    sam = new_user("sam", is_staff=True)
    for _ in range(3):
        new_browser().sign_in(sam.email, "wrong")
        assert new_browser().sign_in(sam.email).status_code == 302
    assert not SignInFailures.objects.exclude(failures=0).exists()
