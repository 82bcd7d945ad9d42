"""One field that finds people, devices, organizations, contacts, and whatever else has an id."""

import pytest
from django.utils.timezone import now

from api.apis.orgs import services as orgs
from api.models import ApiKey, AuditEntry, Contact, Device, Job, OutboxMessage, Session, Tag, User
from api.models.base import uuid7
from api.platform import memberships
from api.platform.callers import Caller
from tests.apis.images.rows import image_of

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
    # session, person, roles, people (2), organizations, contacts, work, trail, the session's expiry with its savepoint (3)
    with django_assert_num_queries(12):
        found(staff, "a")
    with django_assert_num_queries(8):
        found(staff, "+41 44 123 45 67")


def test_people_and_contacts_are_found_by_their_telephone_numbers(staff, new_staff, alice):
    User.objects.filter(id=alice.user.id).update(phone_number="+41441234567")
    alice.post(
        "contacts/", {"display_name": "Grace Hopper", "phone_numbers": [{"label": "work", "value": "+41441234567"}]}
    )
    for text in ("+41441234567", "0041 44 123 45 67", "+41 (44) 123-45-67"):
        page = found(staff, text)
        assert f"/cms/users/{alice.user.id}/" in page
        assert "Grace Hopper" in page
    for text in ("+41441234568", "044 123 45 67", "+4144123456"):
        assert "Nothing begins like this" in found(staff, text)
    assert "Nothing begins like this" in found(new_staff(roles=["Operator"]), "+41441234567")


def test_contacts_are_found_by_how_their_address_begins(staff, alice):
    alice.post("contacts/", {"display_name": "Grace", "emails": [{"label": "work", "value": "Grace.Hopper@navy.mil"}]})
    for text in ("grace.hopper@navy.mil", "GRACE.HOPPER@n"):
        assert "/cms/orgs/" in found(staff, text)
    assert "Nothing begins like this" in found(staff, "hopper@navy.mil")


def test_devices_are_found_by_where_they_were_seen(staff, new_staff, alice):
    device = Device.objects.get(live_session__user=alice.user)
    for address, text in (("192.0.2.77", "192.0.2.77"), ("2001:db8::7", "2001:DB8:0::7")):
        Device.objects.filter(id=device.id).update(last_address=address)
        assert f"/cms/devices/{device.id}/" in found(staff, text)
        assert "Nothing begins like this" in found(new_staff(roles=["Analyst"]), text)
    assert "Nothing begins like this" in found(staff, "192.0.2.7")


def test_a_request_leads_to_what_it_did(staff, new_staff, alice):
    there, called = f"/cms/users/{alice.user.id}/deactivate/", {"x-request-id": "7f3c-look-me-up"}
    assert staff.browser.post(there, {"reason": "Spam"}, headers=called).status_code == 302
    entry = AuditEntry.objects.filter(request_id="7f3c-look-me-up").latest("id")
    message = OutboxMessage.objects.create(task="auth.mail_proof", request_id="7f3c-look-me-up")
    page = found(staff, "7f3c-look-me-up")
    assert f"/cms/audit/{entry.id}/" in page
    assert f"/cms/jobs/{message.id}/" in page
    assert "/cms/audit/?request_id=7f3c-look-me-up" in page
    assert entry.action in staff.text("/cms/audit/?request_id=7f3c-look-me-up")
    assert entry.action not in staff.text("/cms/audit/?request_id=7f3c-look-me")
    operator = found(new_staff(roles=["Operator"]), "7f3c-look-me-up")
    assert f"/cms/jobs/{message.id}/" in operator
    assert "/cms/audit/" not in operator


def test_whatever_has_an_id_is_found_by_it(staff, new_staff, alice, team):
    owner = Caller(kind="user", channel="api", user_id=alice.user.id, memberships=memberships.of_person(alice.user.id))
    invitation, _ = orgs.invite(owner, organization=str(team.id), email="new@example.com", role="member")
    job = Job.objects.create(type="add", owner=alice.user)
    message = OutboxMessage.objects.create(task="jobs.add", job=job)
    tag = Tag.objects.create(organization=team, name="Blue", name_identity="blue", slug="blue", change_seq=90)
    key = ApiKey.objects.create(organization=team, name="Sync", prefix="hs_live_x", digest=bytes(32), revoked_at=now())
    session = Session.objects.get(user=alice.user, ended_at=None)
    image = image_of(alice.user, team, title="Roof")
    things = {
        invitation: f"/cms/orgs/{team.id}/",
        job.id: f"/cms/jobs/{message.id}/",
        message.id: f"/cms/jobs/{message.id}/",
        tag.uid: f"/cms/orgs/{team.id}/tags/",
        key.id: f"/cms/orgs/{team.id}/",
        session.id: f"/cms/devices/{session.device_id}/",
        image.uid: f"/cms/orgs/{team.id}/images/{image.uid}/",
    }
    analyst = new_staff(roles=["Analyst"])
    for identifier, address in things.items():
        assert f'href="{address}"' in found(staff, str(identifier)), address
        assert "Nothing begins like this" in found(analyst, str(identifier))
    assert "Nothing begins like this" in found(staff, str(uuid7()))
