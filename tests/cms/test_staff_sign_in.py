"""Staff sign in and out of the CMS."""

from collections.abc import Callable
from http import HTTPStatus
from importlib import import_module
from typing import Any

import pytest
import time_machine
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.http import HttpResponse

from api.apis.auth import services as auth
from api.cms import entry
from api.models import ActorKind, AuditEntry, Channel, Outcome, User
from api.platform import callers
from core.settings.env import Rate

pytestmark = pytest.mark.django_db

NOON = "2026-11-21T12:00:00Z"
PASSWORD = "correct horse battery staple"


def last_entry() -> AuditEntry:
    entry = AuditEntry.objects.order_by("id").last()
    assert entry is not None
    return entry


def test_staff_sign_in_and_arrive_at_the_dashboard(browser, new_user):
    sam = new_user("sam", is_staff=True)
    answer = browser.sign_in(sam.email)
    assert (answer.status_code, answer["Location"]) == (302, "/cms/")
    assert browser.is_in()


def test_the_address_may_be_typed_in_another_case(browser, new_user):
    sam = new_user("sam", is_staff=True)
    assert browser.sign_in(sam.email.upper()).status_code == 302


def test_a_sign_in_is_audited(browser, new_user):
    sam = new_user("sam", is_staff=True)
    browser.sign_in(sam.email)
    entry = last_entry()
    assert (entry.action, entry.outcome) == ("staff.signed_in", Outcome.SUCCESS)
    assert (entry.actor_kind, entry.channel) == (ActorKind.STAFF, Channel.CMS)
    assert entry.actor_id == entry.target_id == str(sam.id)
    assert entry.address == browser.defaults["REMOTE_ADDR"]
    assert entry.request_id


REFUSED: dict[str, Callable[[User], tuple[str, str]]] = {
    "wrong password": lambda sam: (sam.email or "", "wrong"),
    "unknown address": lambda _: ("nobody@example.com", PASSWORD),
    "empty password": lambda sam: (sam.email or "", ""),
    "empty address": lambda _: ("", PASSWORD),
    "address that no column holds": lambda _: ("\ufdfa" * 250, PASSWORD),
    "NUL": lambda sam: (f"{sam.email}\x00", PASSWORD),
    "password of enormous length": lambda sam: (sam.email or "", "x" * 100_000),
}
LOCKED_OUT: dict[str, dict[str, Any]] = {
    "not staff": {"is_staff": False},
    "deactivated": {"is_active": False},
    "without a password": {"password": make_password(None)},
    "superuser, but not staff": {"is_staff": False, "is_superuser": True},
}


@pytest.fixture
def refusal(browser, new_user, without_token) -> Callable[[HttpResponse, str], str]:
    """What a refusal looks like, whatever was typed."""

    def page(answer: HttpResponse, typed: str) -> str:
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY, answer.content.decode()
        return without_token(answer).replace(f' value="{typed}"', "")

    return page


@pytest.mark.parametrize("case", REFUSED)
def test_every_refusal_is_the_same_page(case, new_user, new_browser, refusal):
    sam = new_user("sam", is_staff=True)
    expected = refusal(new_browser().sign_in("someone@example.com", "x"), "someone@example.com")
    browser = new_browser()
    email, password = REFUSED[case](sam)
    answer = browser.sign_in(email, password)
    assert refusal(answer, email) == expected
    assert not browser.is_in()


@pytest.mark.parametrize("case", LOCKED_OUT)
def test_the_right_password_opens_nothing_for_others(case, new_user, new_browser, refusal):
    sam = new_user("sam", is_staff=True)
    expected = refusal(new_browser().sign_in("someone@example.com", "x"), "someone@example.com")
    User.objects.filter(id=sam.id).update(**LOCKED_OUT[case])
    browser = new_browser()
    assert refusal(browser.sign_in(sam.email), sam.email) == expected
    assert not browser.is_in()


@pytest.mark.parametrize("is_known", [True, False])
def test_a_failure_is_audited_whether_or_not_there_is_such_a_person(browser, new_user, is_known):
    sam = new_user("sam", is_staff=True)
    browser.sign_in(sam.email if is_known else "nobody@example.com", "wrong")
    entry = last_entry()
    assert (entry.action, entry.outcome) == ("staff.sign_in_failed", Outcome.REFUSED)
    assert (entry.actor_kind, entry.actor_id) == (ActorKind.ANONYMOUS, "")
    assert entry.target_id == (str(sam.id) if is_known else "")


def test_the_page_keeps_the_address_and_forgets_the_password(browser):
    page = browser.sign_in("someone@example.com", "my secret").content.decode()
    assert 'value="someone@example.com"' in page
    assert "my secret" not in page


def test_a_form_from_elsewhere_is_refused(new_browser, new_user):
    sam = new_user("sam", is_staff=True)
    browser = new_browser(enforce_csrf_checks=True)
    assert browser.sign_in(sam.email).status_code == HTTPStatus.FORBIDDEN
    browser.get("/cms/login/")
    token = browser.cookies["csrftoken"].value
    assert browser.sign_in(sam.email, csrfmiddlewaretoken=token).status_code == 302


@pytest.mark.parametrize(
    "place",
    [
        "//evil.example/",
        "https://evil.example/",
        "http:evil.example",
        "javascript:alert(1)",
        r"\\evil.example",
        r"/\evil.example",
        "///evil.example",
        "https://localhost.evil.example/",
        "\x00//evil.example",
    ],
)
@pytest.mark.parametrize("is_in_query", [True, False])
def test_nobody_is_sent_elsewhere_after_signing_in(browser, new_user, place, is_in_query):
    sam = new_user("sam", is_staff=True)
    if is_in_query:
        answer = browser.post("/cms/login/", {"email": sam.email, "password": PASSWORD}, query_params={"next": place})
        assert (answer.status_code, answer["Location"]) == (302, "/cms/me/app/")
    else:
        answer = browser.sign_in(sam.email, next=place)
        assert (answer.status_code, answer["Location"]) == (302, "/cms/")


def test_people_arrive_where_they_wanted_to_go(browser, new_user):
    sam = new_user("sam", is_staff=True)
    asked = "/cms/devices/?platform=ios&status=active"
    door = browser.get(asked)
    assert door.status_code == 302
    page = browser.get(door["Location"]).content.decode()
    assert 'name="next" value="/cms/devices/?platform=ios&amp;status=active"' in page
    assert browser.sign_in(sam.email, next=asked)["Location"] == asked


def test_whoever_is_in_does_not_see_the_form_again(staff):
    answer = staff.get("/cms/login/?next=/cms/orgs/")
    assert (answer.status_code, answer["Location"]) == (302, "/cms/orgs/")


def test_the_session_is_a_new_one(browser, new_user, settings):
    """A session that somebody planted in the browser beforehand is not the one that gets in."""
    sam = new_user("sam", is_staff=True)
    planted = import_module(settings.SESSION_ENGINE).SessionStore()
    planted["is_planted"] = True
    planted.save()
    browser.cookies[settings.SESSION_COOKIE_NAME] = planted.session_key
    browser.sign_in(sam.email)
    assert browser.cookies[settings.SESSION_COOKIE_NAME].value != planted.session_key
    assert not Session.objects.filter(session_key=planted.session_key).exists()
    assert browser.is_in()


def test_the_cookies_are_out_of_reach_for_scripts(browser, new_user):
    sam = new_user("sam", is_staff=True)
    browser.get("/cms/login/")
    browser.sign_in(sam.email)
    for name in ("sessionid", "csrftoken"):
        assert browser.cookies[name]["httponly"]
        assert browser.cookies[name]["samesite"] == "Lax"


@time_machine.travel(NOON, tick=False)
def test_guesses_against_an_account_have_a_limit_wherever_they_come_from(new_browser, new_user, settings):
    settings.RATES = {**settings.RATES, "auth_token": Rate(3, 60)}
    sam, lea = new_user("sam", is_staff=True), new_user("lea", is_staff=True)
    statuses = [new_browser().sign_in(sam.email, "wrong").status_code for _ in range(3)]
    assert statuses == [HTTPStatus.UNPROCESSABLE_ENTITY] * 3
    browser = new_browser()
    answer = browser.sign_in(sam.email.upper())
    assert answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert 1 <= int(answer["Retry-After"]) <= 60
    page = answer.content.decode()
    assert f"Try again in {answer['Retry-After']} second" in page
    assert f'value="{sam.email.upper()}"' in page
    assert answer["X-Request-ID"] in page
    assert not browser.is_in()
    assert browser.sign_in(lea.email).status_code == 302


def test_the_limit_passes(new_browser, new_user, settings):
    settings.RATES = {**settings.RATES, "auth_token": Rate(1, 60)}
    sam = new_user("sam", is_staff=True)
    with time_machine.travel(NOON, tick=False) as clock:
        new_browser().sign_in(sam.email, "wrong")
        answer = new_browser().sign_in(sam.email)
        assert answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
        clock.shift(int(answer["Retry-After"]) + 1)
        assert new_browser().sign_in(sam.email).status_code == 302


@time_machine.travel(NOON, tick=False)
@pytest.mark.parametrize("addresses", [["192.0.2.9"] * 4, [f"2001:db8:1:2::{n}" for n in range(1, 5)]])
def test_an_address_has_a_limit_over_all_accounts(new_browser, new_user, monkeypatch, addresses):
    monkeypatch.setattr(entry, "_ADDRESS_RATE", (3, 60))
    sam = new_user("sam", is_staff=True)
    browser = new_browser()
    for number, address in enumerate(addresses[:3]):
        browser.defaults["REMOTE_ADDR"] = address
        assert browser.sign_in(f"nobody{number}@example.com", "wrong").status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    browser.defaults["REMOTE_ADDR"] = addresses[3]
    answer = browser.sign_in(sam.email)
    assert answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert answer["Retry-After"]
    assert new_browser().sign_in(sam.email).status_code == 302


@time_machine.travel(NOON, tick=False)
def test_an_address_that_is_refused_uses_up_nobodys_attempts(new_browser, new_user, monkeypatch, settings):
    monkeypatch.setattr(entry, "_ADDRESS_RATE", (1, 60))
    settings.RATES = {**settings.RATES, "auth_token": Rate(2, 60)}
    sam = new_user("sam", is_staff=True)
    attacker = new_browser()
    for _ in range(5):
        attacker.sign_in(sam.email, "wrong")
    assert new_browser().sign_in(sam.email).status_code == 302


def test_nobody_gets_in_while_nothing_can_be_counted(browser, new_user, settings):
    sam = new_user("sam", is_staff=True)
    settings.CACHES = {
        **settings.CACHES,
        "counters": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 0.2, "SOCKET_TIMEOUT": 0.2},
        },
    }
    answer = browser.sign_in(sam.email)
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer["Retry-After"]
    assert "sessionid" not in browser.cookies


def test_nobody_gets_in_while_counting_is_forgotten(browser, new_user, monkeypatch):
    """A store that takes writes and keeps none answers no count."""
    sam = new_user("sam", is_staff=True)
    counters = type(caches["counters"])
    monkeypatch.setattr(counters, "add", lambda *_, **__: False)
    monkeypatch.setattr(counters, "incr", lambda *_, **__: None)
    assert browser.sign_in(sam.email).status_code == HTTPStatus.SERVICE_UNAVAILABLE


def test_signing_out_ends_the_session_and_is_audited(staff):
    key = staff.browser.session.session_key
    answer = staff.post("/cms/logout/")
    assert (answer.status_code, answer["Location"]) == (302, "/cms/login/")
    assert not Session.objects.filter(session_key=key).exists()
    assert not staff.browser.is_in()
    entry = last_entry()
    assert (entry.action, entry.actor_kind, entry.actor_id) == ("staff.signed_out", "staff", str(staff.user.id))


def test_a_link_signs_nobody_out(staff):
    answer = staff.get("/cms/logout/")
    assert answer.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert "POST" in answer["Allow"]
    assert staff.browser.is_in()


def test_a_form_from_elsewhere_signs_nobody_out(new_browser, new_user):
    sam = new_user("sam", is_staff=True)
    browser = new_browser(enforce_csrf_checks=True)
    browser.get("/cms/login/")
    browser.sign_in(sam.email, csrfmiddlewaretoken=browser.cookies["csrftoken"].value)
    assert browser.post("/cms/logout/").status_code == HTTPStatus.FORBIDDEN
    assert browser.is_in()


def deactivate(sam: User) -> None:
    auth.deactivate_person(callers.command(), user_id=sam.id)


def delete(sam: User) -> None:
    sam.owned_organizations.all().delete()
    sam.delete()


LOST: dict[str, Callable[[User], object]] = {
    "deactivated": deactivate,
    "demoted": lambda sam: User.objects.filter(id=sam.id).update(is_staff=False),
    "with another password": lambda sam: User.objects.filter(id=sam.id).update(password=make_password("another")),
    "signed out everywhere": lambda sam: User.objects.filter(id=sam.id).update(auth_version=7),
    "gone": delete,
}


@pytest.mark.parametrize("case", LOST)
def test_a_session_dies_with_the_right_to_have_it(staff, case):
    assert staff.browser.is_in()
    LOST[case](staff.user)
    answer = staff.get("/cms/users/")
    assert (answer.status_code, answer["Location"]) == (302, "/cms/login/?next=/cms/users/")
    assert not Session.objects.exists()


def test_an_old_session_does_not_come_back_with_the_account(staff):
    auth.deactivate_person(callers.command(), user_id=staff.user.id)
    auth.reactivate_person(callers.command(), user_id=staff.user.id)
    assert not staff.browser.is_in()
    assert staff.browser.sign_in(staff.user.email).status_code == 302
    assert staff.browser.is_in()
