"""One field that finds people, devices, organizations and contacts."""

import pytest

from api.models import Contact, Device

pytestmark = pytest.mark.django_db


@pytest.fixture
def contact(alice) -> Contact:
    answer = alice.post("contacts/", {"display_name": "Grace Hopper"})
    return Contact.objects.get(id=answer.json["id"])


def found(staff, text: str) -> str:
    answer = staff.browser.get("/cms/search/", {"q": text})
    assert answer.status_code == 200
    return answer.content.decode()


def test_everything_is_found_by_its_id_and_by_how_its_name_begins(staff, alice, contact, team):
    device = Device.objects.get(live_session__user=alice.user)
    for text, expected in {
        str(alice.user.id): f"/cms/users/{alice.user.id}/",
        alice.email[:6].upper(): f"/cms/users/{alice.user.id}/",
        alice.user.username: f"/cms/users/{alice.user.id}/",
        str(device.id): f"/cms/devices/{device.id}/",
        str(device.install_id): f"/cms/devices/{device.id}/",
        str(team.id): f"/cms/orgs/{team.id}/",
        team.slug[:4]: f"/cms/orgs/{team.id}/",
        str(contact.id): "Grace Hopper",
        contact.slug[:8]: "Grace Hopper",
        f"  {contact.slug} ": "Grace Hopper",
    }.items():
        assert expected in found(staff, text), text


def test_a_search_that_finds_nothing_says_so(staff, contact):
    for text in ("zzz", "00000000-0000-7000-8000-000000000000", "\ufdfa" * 200, "Hopper"):
        assert "Nothing begins like this" in found(staff, text)


def test_what_is_deleted_is_not_found(staff, alice, contact):
    alice.delete(f"contacts/{contact.id}/")
    assert "Grace Hopper" not in found(staff, contact.slug)


def test_nobody_finds_what_they_may_not_see(new_staff, alice, contact, team):
    analyst = new_staff(roles=["Analyst"])
    for text in (str(alice.user.id), alice.email, team.slug, contact.slug, str(contact.id)):
        page = found(analyst, text)
        assert "Nothing begins like this" in page
        assert "Grace Hopper" not in page


def test_a_search_costs_the_same_whatever_is_there(staff, alice, contact, django_assert_num_queries):
    # session, person, roles, people (2), organizations, contacts, the session's expiry with its savepoint (3)
    with django_assert_num_queries(10):
        found(staff, "a")
