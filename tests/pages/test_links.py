"""The pages behind mailed links: any browser may open them, following a link changes nothing, the button acts once."""

import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client as Browser
from django.test import TestCase
from handset_client.outcomes import accept

from api.models import EndReason, Notification, Session, User
from tests.apis.auth.mailbox import Received, received
from tests.apis.auth.wire import MakePhone, lower_rates
from tests.conftest import PASSWORD, Person
from tests.phones import Phone

pytestmark = pytest.mark.django_db

NEW = "a horse of another colour"
PAGES = ("magic-verify", "confirm-email", "change-email", "reset-password", "not-me", "invitation")


@pytest.fixture
def browser() -> Browser:
    return Browser(enforce_csrf_checks=True, raise_request_exception=False, headers={"host": "localhost:8000"})


def path_of(mail: Received) -> str:
    match = re.search(r"https?://[^/\s]+(/\S+)", mail.text)
    assert match, mail.text
    return match[1]


def press(browser: Browser, path: str, **more: str) -> HttpResponse:
    """Opens a page and presses its button."""
    page = browser.get(path)
    assert page.status_code == 200, page.content
    fields = dict(re.findall(r'name="(csrfmiddlewaretoken|token)" value="([^"]+)"', page.content.decode()))
    with TestCase.captureOnCommitCallbacks(execute=True):
        return browser.post(path.partition("?")[0], {**fields, **more})


def text_of(page: HttpResponse) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.content.decode()).split())


def test_the_magic_page_shows_the_code_and_uses_nothing_up(phone: Phone, browser: Browser) -> None:
    accept(phone.request("POST", "auth/magic/request/", {"email": "ada@example.com"}))
    [mail] = received()
    for _ in range(2):
        page = browser.get(path_of(mail))
        assert f"{mail.code[:4]} {mail.code[4:]}" in text_of(page)
    assert accept(phone.request("POST", "auth/magic/verify/", {"token": mail.code})).status == 200
    assert browser.get(path_of(mail)).status_code == 400


def test_following_a_link_changes_nothing_and_its_button_confirms(alice: Person, browser: Browser) -> None:
    [mail] = received(alice.email)
    for _ in range(3):
        assert browser.get(path_of(mail)).status_code == 200
    assert not User.objects.get().is_email_confirmed
    assert "confirmed" in text_of(press(browser, path_of(mail)))
    assert User.objects.get().is_email_confirmed
    assert browser.get(path_of(mail)).status_code == 400


def test_a_new_password_by_the_page(alice: Person, phone: Phone, browser: Browser) -> None:
    received()
    phone.request("POST", "auth/password-reset/request/", {"email": alice.email})
    [mail] = received()
    weak = press(browser, path_of(mail), new_password="short", again="short")
    assert (weak.status_code, "too short" in text_of(weak)) == (422, True)
    assert "differ" in text_of(press(browser, path_of(mail), new_password=NEW, again=PASSWORD))
    assert "password is set" in text_of(press(browser, path_of(mail), new_password=NEW, again=NEW))
    assert User.objects.get().check_password(NEW)
    assert NEW not in weak.content.decode()


def test_an_address_is_changed_by_the_page(alice: Person, browser: Browser) -> None:
    received()
    alice.patch("auth/email/", {"email": "new@example.org", "current_password": PASSWORD})
    [mail] = received("new@example.org")
    assert "new@example.org" in text_of(browser.get(path_of(mail)))
    press(browser, path_of(mail))
    assert User.objects.get().email == "new@example.org"


def test_a_stranger_on_a_new_device_is_signed_out_by_the_page(
    alice: Person, new_phone: MakePhone, browser: Browser
) -> None:
    received()
    thief, _ = new_phone()
    accept(thief.sign_in(alice.email, PASSWORD))
    assert thief.request("GET", "users/me/").status == 200
    [mail] = received(alice.email)
    assert mail.subject.startswith("A new device signed in")
    notification = Notification.objects.get(recipient=alice.user)
    assert (notification.type, notification.data["session_id"]) == ("auth.new_device", thief.state.session_id)
    press(browser, path_of(mail))
    assert thief.request("GET", "users/me/").code == "sign_in_required"
    assert alice.get("users/me/").status == 200
    assert Session.objects.get(end_reason=EndReason.DISOWNED).device_id.hex == (thief.state.device_id or "").replace(
        "-", ""
    )


def test_an_account_that_slept_until_its_sessions_were_forgotten_is_told(alice: Person, new_phone: MakePhone) -> None:
    received()
    Session.objects.all().delete()
    thief, _ = new_phone()
    accept(thief.sign_in(alice.email, PASSWORD))
    assert [mail.subject[:12] for mail in received(alice.email)] == ["A new device"]


def test_whoever_was_put_out_is_put_out_of_every_session_and_is_news_again(
    alice: Person, new_phone: MakePhone, browser: Browser
) -> None:
    received()
    thief, _ = new_phone()
    accept(thief.sign_in(alice.email, PASSWORD))
    [mail] = received(alice.email)
    thief.sign_out()
    accept(thief.sign_in(alice.email, PASSWORD))
    press(browser, path_of(mail))
    assert thief.request("GET", "users/me/").code == "sign_in_required"
    accept(thief.sign_in(alice.email, PASSWORD))
    assert [mail.subject[:12] for mail in received(alice.email)] == ["A new device"]


def test_a_known_device_is_no_news(alice: Person) -> None:
    received()
    alice.phone.sign_out()
    alice.phone.sign_in(alice.email, PASSWORD)
    assert received() == []
    assert not Notification.objects.exists()


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("token", ["", "x", "A" * 43, "A" * 5000, "../../etc", "%00"])
def test_other_tokens_open_nothing(browser: Browser, page: str, token: str) -> None:
    answer = browser.get(f"/{page}/?token={token}", headers={"accept": "text/html"})
    assert answer.status_code == 400
    assert "not good" in text_of(answer)
    assert "<form" not in answer.content.decode()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_which_methods_it_knows(page: str) -> None:
    methods = {"GET", "HEAD"} if page == "magic-verify" else {"GET", "HEAD", "POST"}
    refused = Browser(headers={"host": "localhost:8000"}).put(f"/{page}/")
    assert (refused.status_code, set(refused["Allow"].split(", "))) == (405, methods)


@pytest.mark.parametrize("page", PAGES)
def test_pages_keep_their_address_to_themselves(browser: Browser, page: str) -> None:
    answer = browser.get(f"/{page}?token=x")
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in answer["Content-Security-Policy"]


def test_a_page_takes_no_post_from_elsewhere(alice: Person, browser: Browser) -> None:
    [mail] = received(alice.email)
    assert browser.post("/confirm-email/", {"token": mail.token}).status_code == 403
    assert not User.objects.get().is_email_confirmed


def test_pages_are_counted_per_address(browser: Browser, settings: Any) -> None:
    lower_rates(settings, auth_address=3)
    statuses = [browser.get("/not-me/?token=x").status_code for _ in range(5)]
    assert statuses == [400, 400, 400, 429, 429]
