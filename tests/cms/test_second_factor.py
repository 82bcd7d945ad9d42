"""Nobody is in with a password alone: setting up a second factor, showing it, losing it."""

import re
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from api.apis.auth import services as auth
from api.models import AuditEntry, Outcome, StaffSession, User
from api.platform import callers, factors
from tests.factors import SECRET, a_code_of, now_shown

pytestmark = pytest.mark.django_db

NOON = "2026-11-21T12:00:00Z"
STEPS = ["login-code", "login-passkey", "login-passkey-question", "me-totp", "me-passkey", "me-passkey-question"]


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def test_a_password_alone_leads_to_the_set_up_and_opens_nothing(browser, new_user):
    sam = new_user("sam", is_staff=True)
    answer = browser.show_password(sam.email, next="/cms/users/")
    assert (answer.status_code, answer["Location"]) == (302, "/cms/me/app/?next=%2Fcms%2Fusers%2F")
    for address in ("/cms/", "/cms/users/", "/cms/me/", "/django-admin/"):
        assert browser.get(address).status_code == 302
    assert not StaffSession.objects.exists()


def test_setting_up_an_app_shows_recovery_codes_once_and_lets_in(browser, new_user):
    sam = new_user("sam", is_staff=True)
    browser.show_password(sam.email)
    page = browser.get("/cms/me/app/").content.decode()
    secret = SECRET.search(page)[1]
    assert "data:image/svg+xml;base64," in page
    wrong = browser.post("/cms/me/app/", {"code": "000000" if now_shown(secret) != "000000" else "111111"})
    assert wrong.status_code == 422
    assert SECRET.search(wrong.content.decode())[1] == secret, "the same secret for another try"
    shown = browser.post("/cms/me/app/", {"code": now_shown(secret)}).content.decode()
    codes = re.findall(r"<li><code>(\d{10})</code></li>", shown)
    assert len(set(codes)) == 10
    assert browser.is_in()
    assert actions()[-2:] == ["staff.factor_added", "staff.signed_in"]
    stored = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret.replace(" ", "") not in stored, "secrets are sealed at rest"
    assert factors.totp_secret_of(sam) == secret.replace(" ", "")


def test_the_second_step_takes_a_code_of_the_app_once(new_browser, new_staff):
    sam = new_staff("sam")
    secret = factors.totp_secret_of(sam.user)
    code = now_shown(secret)
    first, second = new_browser(), new_browser()
    for browser in (first, second):
        assert browser.show_password(sam.user.email)["Location"] == "/cms/login/code/"
    assert first.post("/cms/login/code/", {"code": code})["Location"] == "/cms/"
    again = second.post("/cms/login/code/", {"code": code})
    assert again.status_code == 403
    assert not second.is_in()


def test_a_recovery_code_counts_once(new_browser, staff):
    code = a_code_of(staff.user)
    first, second = new_browser(), new_browser()
    first.show_password(staff.user.email)
    second.show_password(staff.user.email)
    assert first.post("/cms/login/code/", {"code": f"{code[:5]} {code[5:]}"}).status_code == 302
    assert second.post("/cms/login/code/", {"code": code}).status_code == 403
    assert StaffSession.objects.filter(factor="recovery_code").exists()


@pytest.mark.parametrize("code", ["", "1", "abcdef", "１２３４５６", "0" * 21, "\x00", "😀😀😀😀😀😀"])
def test_nonsense_is_no_code(new_browser, staff, code):
    browser = new_browser()
    browser.show_password(staff.user.email)
    assert browser.post("/cms/login/code/", {"code": code}).status_code in {403, 422}
    assert not browser.is_in()


def test_wrong_codes_are_counted_and_the_right_password_starts_nothing_over(new_browser, staff, settings):
    settings.LOCKOUT_FAILURES = 3
    for _ in range(3):
        browser = new_browser()
        browser.show_password(staff.user.email)
        assert browser.post("/cms/login/code/", {"code": "12345678"}).status_code == 403
    browser = new_browser()
    browser.show_password(staff.user.email)
    assert browser.post("/cms/login/code/", {"code": a_code_of(staff.user)}).status_code == 403
    assert "auth.account_locked" in actions()
    assert AuditEntry.objects.filter(action="staff.code_refused", outcome=Outcome.REFUSED).exists()
    staff.post("/cms/logout/")
    known = staff.browser.sign_in(staff.user.email)
    assert known.status_code == 302, "strangers lock nobody out of a browser of their own"


def test_the_password_counts_for_ten_minutes(new_browser, staff, settings):
    browser = new_browser()
    with time_machine.travel(NOON, tick=False) as clock:
        browser.show_password(staff.user.email)
        clock.shift(settings.SECOND_STEP_SECONDS + 1)
        answer = browser.post("/cms/login/code/", {"code": a_code_of(staff.user)})
    assert (answer.status_code, answer["Location"]) == (302, "/cms/login/")


def test_the_password_counts_no_more_once_it_is_another(new_browser, staff):
    browser = new_browser()
    browser.show_password(staff.user.email)
    auth.sign_out_person(callers.command(), user_id=staff.user.id)
    assert browser.post("/cms/login/code/", {"code": a_code_of(staff.user)})["Location"] == "/cms/login/"


def test_whoever_has_a_factor_sets_up_no_other_with_a_password(new_browser, staff):
    browser = new_browser()
    browser.show_password(staff.user.email)
    for address in ("/cms/me/app/", "/cms/me/passkey/", "/cms/me/passkey/question/"):
        assert browser.post(address)["Location"] == "/cms/login/code/"


def test_of_two_who_set_up_the_first_factor_one_gets_in(new_browser, new_user):
    sam = new_user("sam", is_staff=True)
    first, second = new_browser(), new_browser()
    secrets = []
    for browser in (first, second):
        browser.show_password(sam.email)
        secrets.append(SECRET.search(browser.get("/cms/me/app/").content.decode())[1])
    first.post("/cms/me/app/", {"code": now_shown(secrets[0])})
    assert second.post("/cms/me/app/", {"code": now_shown(secrets[1])}).status_code == 302
    assert not second.is_in()
    assert factors.totp_secret_of(sam) == secrets[0].replace(" ", "")


@pytest.mark.parametrize("name", STEPS)
def test_strangers_get_no_further(browser, name):
    answer = browser.get(reverse(f"cms:{name}"))
    assert answer.status_code in {302, 405}
    posted = browser.post(reverse(f"cms:{name}"), {"credential": "{}", "code": "1"})
    assert posted.status_code in {200, 302, 403}
    assert "sessionid" not in browser.cookies or not browser.is_in()


@pytest.mark.parametrize("credential", ["", "{}", "[]", "1", "null", '{"id": 1}', '{"response": {"userHandle": "!"}}'])
def test_a_made_up_passkey_opens_nothing(browser, credential):
    browser.post("/cms/login/passkey/question/")
    answer = browser.post("/cms/login/passkey/", {"credential": credential})
    assert answer.status_code == 403
    assert not browser.is_in()


def test_the_session_that_has_seen_a_password_is_not_a_planted_one(browser, staff):
    browser.get("/cms/login/")
    browser.post("/cms/login/passkey/question/")
    planted = browser.cookies["sessionid"].value
    browser.show_password(staff.user.email)
    assert browser.cookies["sessionid"].value != planted


def test_new_recovery_codes_void_the_old_ones(staff, new_browser):
    old = a_code_of(staff.user)
    page = staff.post("/cms/me/recovery-codes/").content.decode()
    assert old not in page
    browser = new_browser()
    browser.show_password(staff.user.email)
    assert browser.post("/cms/login/code/", {"code": old}).status_code == 403
    assert actions().count("staff.recovery_codes_renewed") == 1


def test_the_last_factor_stays(staff):
    row = Authenticator.objects.get(user=staff.user, type="totp")
    answer = staff.post(f"/cms/me/factors/{row.id}/remove/", reason="because")
    assert answer.status_code == 409
    assert Authenticator.objects.filter(id=row.id).exists()


def test_somebody_elses_factor_is_not_there(staff, new_staff):
    other = Authenticator.objects.get(user=new_staff("lea").user, type="totp")
    assert staff.post(f"/cms/me/factors/{other.id}/remove/", reason="because").status_code == 404


def test_what_matters_asks_once_more_after_ten_minutes(staff, settings):
    later = timezone.now() - timedelta(seconds=settings.FRESH_PROOF_SECONDS + 1)
    StaffSession.objects.update(proved_at=later)
    for address in ("/cms/me/recovery-codes/", "/cms/me/app/", "/cms/me/passkey/"):
        assert staff.get(address)["Location"] == reverse("cms:prove") + f"?next={address.replace('/', '%2F')}"
        assert staff.post(address).status_code == 302
    assert staff.post("/cms/me/proof/", code="000").status_code == 403
    answer = staff.post("/cms/me/proof/", code=a_code_of(staff.user), next="/cms/me/recovery-codes/")
    assert answer["Location"] == "/cms/me/recovery-codes/"
    assert staff.get("/cms/me/recovery-codes/").status_code == 200
    assert actions()[-1] == "staff.proved_again"


def test_browsers_are_listed_and_ended(staff, new_browser):
    other = new_browser()
    other.sign_in(staff.user.email)
    page = staff.text("/cms/me/")
    assert "This one" in page
    session = StaffSession.objects.latest("id")
    assert str(session.id) in page
    staff.post(f"/cms/me/browsers/{session.id}/end/")
    assert not other.is_in()
    assert staff.browser.is_in()


def test_nobody_ends_the_browser_of_another_as_if_it_were_theirs(staff, new_staff):
    lea = new_staff("lea")
    session = StaffSession.objects.get(user=lea.user)
    assert staff.post(f"/cms/me/browsers/{session.id}/end/").status_code == 404
    assert lea.browser.is_in()


def test_a_browser_is_out_after_eight_idle_hours(staff):
    StaffSession.objects.update(seen_at=timezone.now() - timedelta(hours=8, seconds=1))
    assert not staff.browser.is_in()


def test_the_embedded_default_may_skip_it_and_the_session_ends_with_that(browser, new_user, settings):
    settings.STAFF_SECOND_FACTOR = False
    sam = new_user("sam", is_staff=True)
    assert browser.show_password(sam.email)["Location"] == "/cms/"
    assert browser.is_in()
    settings.STAFF_SECOND_FACTOR = True
    assert not browser.is_in()


def test_a_lost_factor_is_taken_away_from_the_shell(staff, capsys):
    with pytest.raises(CommandError, match="why"):
        call_command("staff_factors", reset=True, email=staff.user.email)
    out = StringIO()
    call_command("staff_factors", reset=True, email=staff.user.email, reason="lost phone", stdout=out)
    assert f"{staff.user.email}\tnone" in out.getvalue()
    assert not staff.browser.is_in()
    entry = AuditEntry.objects.get(action="staff.factors_reset")
    assert (entry.channel, entry.reason) == ("cli", "lost phone")
    assert staff.browser.show_password(staff.user.email)["Location"] == "/cms/me/app/"


def test_those_of_a_superuser_take_a_second_one(root, new_staff):
    other = new_staff("ruth", is_superuser=True)
    with pytest.raises(CommandError, match="second superuser"):
        call_command("staff_factors", reset=True, email=root.user.email, reason="lost")
    with pytest.raises(CommandError, match="no code"):
        call_command(
            "staff_factors", reset=True, email=root.user.email, reason="lost", second=other.user.email, code="1"
        )
    assert factors.has_any(root.user)
    code = a_code_of(other.user)
    call_command(
        "staff_factors",
        reset=True,
        email=root.user.email,
        reason="lost",
        second=other.user.email,
        code=code,
        stdout=StringIO(),
    )
    assert not factors.has_any(User.objects.get(id=root.user.id))
