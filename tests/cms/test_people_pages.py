"""People in the CMS: the list, the search, the detail page, deactivating and reactivating."""

import re
from http import HTTPStatus

import pytest
from handset_client import Refused

from api.apis.auth import services as auth
from api.apis.notifications.services import notify
from api.models import AuditEntry, Organization, Session
from api.platform import callers
from tests.apis.images.rows import image_of

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery staple"


def listed(page: str) -> list[str]:
    """The usernames of a list, in order."""
    return re.findall(r'<th role="rowheader" scope="row"><a href="/cms/users/[^"]+">([^<]+)</a>', page)


def link(page: str, rel: str) -> str | None:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page)
    return found[1].replace("&amp;", "&") if found else None


def test_the_newest_come_first_page_by_page_and_back(staff, new_user, settings):
    settings.PAGE_LIMIT_DEFAULT = 2
    made = [new_user(f"person{number}").username for number in range(4)]
    expected = [*reversed(made), staff.user.username]
    pages, address = [], "/cms/users/"
    while address:
        page = staff.text(address)
        pages.append(listed(page))
        last, address = page, f"/cms/users/{link(page, 'next')}" if link(page, "next") else ""
    assert pages == [expected[:2], expected[2:4], expected[4:]]
    assert listed(staff.text(f"/cms/users/{link(last, 'prev')}")) == expected[2:4]


def test_a_page_moves_by_nobody_who_joins_meanwhile(staff, new_user, settings):
    settings.PAGE_LIMIT_DEFAULT = 2
    made = [new_user(f"person{number}").username for number in range(3)]
    behind = link(staff.text("/cms/users/"), "next")
    new_user("late")
    assert listed(staff.text(f"/cms/users/{behind}")) == [made[0], staff.user.username]


@pytest.mark.parametrize("broken", ["x", "W10:abc:def", "", "%00", "é" * 500])
def test_a_cursor_that_was_made_up_means_the_first_page(staff, broken):
    assert listed(staff.text(f"/cms/users/?cursor={broken}")) == [staff.user.username]


def test_a_cursor_of_another_list_means_the_first_page(staff, new_user, settings):
    settings.PAGE_LIMIT_DEFAULT = 1
    somebody = new_user("somebody")
    foreign = link(staff.text("/cms/orgs/"), "next")
    assert listed(staff.text(f"/cms/users/{foreign}")) == [somebody.username]


@pytest.mark.parametrize("typed", ["zo", "ZO", "zoe", "ｚoe", "zoe@", "ZOE@EXAMPLE.COM"])
def test_people_are_found_by_how_the_address_begins(staff, new_user, typed):
    new_user("somebody")
    zoe = new_user("zoe")
    zoe.email, zoe.username = "Zoe@example.com", "Other"
    zoe.save()
    assert listed(staff.text(f"/cms/users/?q={typed}")) == ["Other"]


def test_people_are_found_by_how_the_username_begins(staff, new_user):
    zoe = new_user("somebody", profile={"username": "Zoe_B"})
    assert listed(staff.text("/cms/users/?q=zoe_")) == [zoe.username]


def test_whoever_fits_twice_is_listed_once(staff, new_user):
    zoe = new_user("zoe")
    assert listed(staff.text("/cms/users/?q=zoe")) == [zoe.username]


def test_people_are_found_by_their_id(staff, new_user):
    zoe = new_user("zoe")
    assert listed(staff.text(f"/cms/users/?q=%20{str(zoe.id).upper()}%20")) == [zoe.username]


@pytest.mark.parametrize("typed", ["nobody", "%25", "_", "*", "00000000-0000-7000-8000-000000000000", "\ufdfa" * 200])
def test_a_search_that_finds_nobody_says_so(staff, typed):
    page = staff.text(f"/cms/users/?q={typed}")
    assert listed(page) == []
    assert "Check the spelling" in page


@pytest.mark.parametrize("typed", ["%00", "x" * 255])
def test_what_cannot_be_searched_for_is_said_at_the_field(staff, typed):
    page = staff.text(f"/cms/users/?q={typed}")
    assert listed(page) == []
    assert 'aria-invalid="true"' in page


def test_a_search_that_finds_many_says_that_there_may_be_more(staff, new_user, settings):
    settings.PAGE_LIMIT_DEFAULT = 2
    for number in range(3):
        new_user(f"zoe{number}")
    page = staff.text("/cms/users/?q=zoe")
    assert len(listed(page)) == 2
    assert "There may be more" in page


@pytest.mark.parametrize("query", ["", "?q=person"])
def test_a_list_costs_the_same_however_long_it_is(staff, new_user, django_assert_num_queries, query):
    # session, person, roles, saved filters, list (two for a search), the session's expiry with its savepoint (3)
    budget = 9 if query else 8
    for number in range(12):
        new_user(f"person{number}")
        if number in (1, 11):
            with django_assert_num_queries(budget):
                staff.text(f"/cms/users/{query}")


def test_the_page_of_a_person_shows_what_staff_need(staff, alice, team):
    page = staff.text(f"/cms/users/{alice.user.id}/")
    device = Session.objects.get(user=alice.user).device_id
    for expected in (str(alice.user.id), alice.email, f"/cms/devices/{device}/", f"/cms/orgs/{team.id}/", "Owner"):
        assert expected in page
    assert "user.created" in page
    assert "auth.signed_in" in page


def test_the_page_of_a_person_counts_and_lists_what_is_theirs(staff, alice, bob, monkeypatch):
    for name in ("Grace", "Alan", "Edsger"):
        kept = alice.post("contacts/", {"display_name": name})
    alice.delete(f"contacts/{kept.json['id']}/")
    image_of(alice.user, Organization.objects.get(personal_of=alice.user))
    notify(alice.user.id, "auth.new_device", data={"secret": "of-hers"})
    assert alice.post("users/me/export/").status == 202
    page = staff.text(f"/cms/users/{alice.user.id}/")
    assert "<dt>Contacts made</dt><dd>2</dd>" in page
    assert "<dt>Images brought in</dt><dd>1</dd>" in page
    assert "auth.new_device" in page
    assert "of-hers" not in page
    assert "/cms/jobs/" in page
    other = staff.text(f"/cms/users/{bob.user.id}/")
    assert "<dt>Contacts made</dt><dd>0</dd>" in other
    assert "No exports" in other
    monkeypatch.setattr("api.cms.views.users._COUNTED_MOST", 3)
    assert "<dt>Contacts made</dt><dd>2 or more</dd>" in staff.text(f"/cms/users/{alice.user.id}/")


def test_the_page_of_a_person_shows_no_secret(staff, alice):
    page = staff.text(f"/cms/users/{alice.user.id}/")
    assert alice.user.password not in page
    assert "argon2" not in page


def test_the_page_of_a_person_costs_the_same_however_busy_they_are(staff, alice, django_assert_num_queries):
    # session, staff, roles, person, sessions (2), memberships, contacts, images, exports, notifications, notes, audit (3),
    # actors, the session's expiry with its savepoint (3)
    with django_assert_num_queries(19):
        staff.text(f"/cms/users/{alice.user.id}/")
    for _ in range(3):
        alice.phone.sign_out()
        alice.phone.sign_in(alice.email, PASSWORD)
    with django_assert_num_queries(19):
        staff.text(f"/cms/users/{alice.user.id}/")


def test_deactivating_shuts_the_person_out_everywhere(staff, alice):
    assert alice.get("users/me/").status == HTTPStatus.OK
    answer = staff.post(f"/cms/users/{alice.user.id}/deactivate/", reason="Asked for by mail")
    assert (answer.status_code, answer["Location"]) == (302, f"/cms/users/{alice.user.id}/")
    alice.user.refresh_from_db()
    assert not alice.user.is_active
    assert not Session.objects.filter(user=alice.user, ended_at=None).exists()
    assert alice.transport.replay().status == HTTPStatus.UNAUTHORIZED
    with pytest.raises(Refused, match="invalid_credentials"):
        alice.phone.sign_in(alice.email, PASSWORD)
    page = staff.text(answer["Location"])
    assert "is deactivated." in page
    assert "Reactivate…" in page


def test_deactivating_is_audited_with_its_reason(staff, alice):
    staff.post(f"/cms/users/{alice.user.id}/deactivate/", reason="Asked for by mail")
    entry = AuditEntry.objects.get(action="user.deactivated")
    assert (entry.actor_kind, entry.channel, entry.reason) == ("staff", "cms", "Asked for by mail")
    assert (entry.actor_id, entry.target_id) == (str(staff.user.id), str(alice.user.id))
    assert entry.address == staff.browser.defaults["REMOTE_ADDR"]
    assert "Asked for by mail" in staff.text(f"/cms/users/{alice.user.id}/")


def test_a_reactivated_person_signs_in_anew(staff, alice):
    staff.post(f"/cms/users/{alice.user.id}/deactivate/", reason="A mistake")
    answer = staff.post(f"/cms/users/{alice.user.id}/reactivate/", reason="It was one")
    assert "can sign in again" in staff.text(answer["Location"])
    assert alice.get("users/me/").status == HTTPStatus.FORBIDDEN
    alice.phone.sign_in(alice.email, PASSWORD)
    assert alice.get("users/me/").status == HTTPStatus.OK
    assert AuditEntry.objects.get(action="user.reactivated").reason == "It was one"


def test_looking_at_the_confirmation_changes_nothing(staff, new_user):
    somebody = new_user()
    page = staff.text(f"/cms/users/{somebody.id}/deactivate/")
    assert "Every session ends now" in page
    somebody.refresh_from_db()
    assert somebody.is_active


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201, "nul\x00"])
def test_nothing_happens_without_a_reason_that_can_be_kept(staff, new_user, reason):
    somebody = new_user()
    answer = staff.post(f"/cms/users/{somebody.id}/deactivate/", reason=reason)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'aria-invalid="true"' in answer.content.decode()
    somebody.refresh_from_db()
    assert somebody.is_active


def test_a_form_from_elsewhere_changes_nothing(new_browser, new_user):
    sam, somebody = new_user("sam", is_staff=True), new_user()
    browser = new_browser(enforce_csrf_checks=True)
    browser.get("/cms/login/")
    browser.sign_in(sam.email, csrfmiddlewaretoken=browser.cookies["csrftoken"].value)
    answer = browser.post(f"/cms/users/{somebody.id}/deactivate/", {"reason": "because"})
    assert answer.status_code == HTTPStatus.FORBIDDEN
    somebody.refresh_from_db()
    assert somebody.is_active


@pytest.mark.parametrize("who", ["themselves", "a superuser"])
def test_what_the_service_refuses_is_said_in_the_form(staff, new_user, who):
    target = staff.user if who == "themselves" else new_user("rita", is_staff=True, is_superuser=True)
    answer = staff.post(f"/cms/users/{target.id}/deactivate/", reason="because I can")
    page = answer.content.decode()
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert "You may not do this to this person." in page
    assert answer["X-Request-ID"] in page
    assert 'value="because I can"' in page
    target.refresh_from_db()
    assert target.is_active


def test_superusers_may_deactivate_superusers(root, new_user):
    other = new_user("rob", is_staff=True, is_superuser=True)
    assert root.post(f"/cms/users/{other.id}/deactivate/", reason="left us").status_code == 302


def test_deactivating_twice_is_harmless(staff, new_user):
    somebody = new_user()
    auth.deactivate_person(callers.command(), user_id=somebody.id)
    assert staff.post(f"/cms/users/{somebody.id}/deactivate/", reason="again").status_code == 302
    assert AuditEntry.objects.filter(action="user.deactivated").count() == 1
