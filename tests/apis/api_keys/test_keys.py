"""Making, showing, rotating and revoking API keys, and what becomes of one that is not good any more."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from handset_client.outcomes import accept

from api.apis.api_keys import services
from api.apis.auth import services as auth
from api.models import ActorKind, ApiKey, AuditEntry, Channel, Contact, Membership, Organization, Role, Session
from api.platform import api_keys, callers, memberships
from api.platform.callers import Caller
from api.platform.tokens import TokenRevoked
from tests.apis.api_keys.service import Service, make_key
from tests.apis.contacts.rows import make_contact
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of, queries
from tests.phones import Phone

pytestmark = pytest.mark.django_db


def become(person: Person, team: Organization, role: Role) -> None:
    memberships.changing([person.user.id])
    Membership.objects.update_or_create(user=person.user, organization=team, defaults={"role": role})


def assert_dead(service: Service) -> dict[str, Any]:
    answer = service.get("contacts/")
    told = problem_of(answer, 401, "api_key_invalid")
    varying = {"request_id", "instance", "x-request-id", "date", "content-length"}
    return {name: value for name, value in (*told.items(), *answer.headers.items()) if name not in varying}


# -- the key itself


def test_a_key_is_answered_once_and_stored_as_a_digest(alice: Person, team: Organization) -> None:
    answer = alice.post(
        f"orgs/{team.slug}/api-keys/", {"name": "Nightly", "scopes": ["contacts:write", "contacts:read"]}
    )
    assert answer.status == 201
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    key = answer.json["key"]
    assert re.fullmatch(r"hs_live_[0-9A-Za-z]{48}", key)
    row = ApiKey.objects.get(id=answer.json["id"])
    assert (bytes(row.digest), row.prefix) == (hashlib.sha256(key.encode()).digest(), key[:18])
    (listed,) = alice.get(f"orgs/{team.slug}/api-keys/").json["data"]
    assert listed == {name: value for name, value in answer.json.items() if name != "key"}
    assert (listed["holder"], listed["scopes"]) == (alice.user.username, ["contacts:read", "contacts:write"])
    assert key not in str(list(AuditEntry.objects.values()))


def test_the_form_of_a_key_can_be_known_without_asking() -> None:
    for _ in range(200):
        key = api_keys.new_key()
        assert api_keys._FORM.fullmatch(key)
        assert api_keys._checksum(key[:-6]) == key[-6:]


def test_a_repeat_under_an_idempotency_key_is_another_key(alice: Person, team: Organization) -> None:
    """No answer with a secret is ever kept."""
    headers = {"Idempotency-Key": "k1"}
    body = {"name": "x", "scopes": ["contacts:*"]}
    made = [
        alice.phone.request("POST", f"orgs/{team.slug}/api-keys/", body, headers=headers).json["key"] for _ in range(2)
    ]
    assert len(set(made)) == 2


def test_scopes_and_times_are_checked(alice: Person, team: Organization) -> None:
    path = f"orgs/{team.slug}/api-keys/"
    for scopes, code in (([], "min_length"), (["admin"], "invalid_choice"), (["contacts:fly"], "invalid_choice")):
        told = errors_of(alice.post(path, {"name": "x", "scopes": scopes}))
        assert set(told.values()) == {code}
    past = {"name": "x", "scopes": ["contacts:*"], "expires_at": "2020-01-01T00:00:00Z"}
    assert errors_of(alice.post(path, past)) == {"expires_at": "past"}
    # Nothing can be rotated whose life reaches beyond the calendar.
    assert errors_of(alice.post(path, {**past, "expires_at": "9999-12-31T23:59:59Z"})) == {"expires_at": "too_late"}
    assert not ApiKey.objects.exists()


# -- using it


def test_a_key_works_in_its_organization_within_its_scopes(alice: Person, team: Organization) -> None:
    inside, outside = make_contact(alice, team, display_name="Grace"), make_contact(alice, display_name="Mine")
    _, reader = make_key(alice, team, "contacts:read")
    _, writer = make_key(alice, team, "contacts:write")
    _, both = make_key(alice, team, "contacts:*")
    for service in (reader, both):
        assert [row["id"] for row in service.get("contacts/").json["data"]] == [str(inside.id)]
        assert service.get(f"contacts/{inside.slug}/").status == 200
        problem_of(service.get(f"contacts/{outside.slug}/"), 404, "not_found")
        problem_of(service.get("contacts/", **{"filter[org]": str(outside.organization_id)}), 404, "not_found")
    for service in (writer, both):
        made = service.request("POST", "contacts/", {"display_name": "New"})
        assert (made.status, made.json["organization"], made.json["creator"]) == (201, team.slug, None)
        assert service.request("PATCH", f"contacts/{inside.slug}/", {"title": "Dr"}).status == 200
    problem_of(writer.get("contacts/"), 403, "forbidden")
    problem_of(writer.get(f"contacts/{inside.slug}/"), 403, "forbidden")
    for call in (
        reader.request("POST", "contacts/", {"display_name": "New"}),
        reader.request("PATCH", f"contacts/{inside.slug}/", {"title": "Prof"}),
        reader.request("DELETE", f"contacts/{inside.slug}/"),
    ):
        problem_of(call, 403, "forbidden")
    other = both.request("POST", "contacts/", {"display_name": "New", "organization": str(outside.organization_id)})
    problem_of(other, 404, "not_found")


def test_the_trail_says_which_key(alice: Person, team: Organization) -> None:
    key_id, service = make_key(alice, team, "contacts:*")
    service.request("POST", "contacts/", {"display_name": "New"})
    entry = AuditEntry.objects.get(action="contact.created")
    assert (entry.actor_kind, entry.actor_id, entry.device_id) == ("api_key", key_id, None)
    assert (entry.address, entry.organization_id) == ("203.0.113.7", team.id)


def test_its_use_is_noted_once_a_minute(alice: Person, team: Organization) -> None:
    key_id, service = make_key(alice, team, "contacts:read")
    start = datetime(2026, 11, 21, 12, tzinfo=UTC)
    with time_machine.travel(start, tick=False) as clock:
        service.get("contacts/")
        clock.shift(59)
        with queries() as asked:
            service.get("contacts/")
        assert asked.count("api_key") == 1  # read, not written
        assert ApiKey.objects.get(id=key_id).last_used_at == start
        clock.shift(2)
        service.get("contacts/")
    row = ApiKey.objects.get(id=key_id)
    assert (row.last_used_at, row.last_used_address) == (start + timedelta(seconds=61), "203.0.113.7")


def test_keys_are_for_organizations_and_not_for_people(alice: Person, team: Organization) -> None:
    _, service = make_key(alice, team, "contacts:*")
    for path in ("users/me/", "orgs/", f"orgs/{team.slug}/", f"orgs/{team.slug}/api-keys/", "auth/check/", "devices/"):
        problem_of(service.get(path), 403, "device_required")
    answer = service.request("POST", f"orgs/{team.slug}/api-keys/", {"name": "x", "scopes": ["contacts:*"]})
    problem_of(answer, 403, "device_required")


def test_a_key_is_counted_by_itself(alice: Person, team: Organization, settings: Any) -> None:
    settings.RATES = {**settings.RATES, "content_listing": settings.RATES["content_listing"]._replace(limit=30)}
    services = [make_key(alice, team, "contacts:read")[1] for _ in range(2)]
    left = [int(service.get("contacts/").headers["x-ratelimit-remaining"]) for service in (*services, services[0])]
    assert left[0] == left[1] == left[2] + 1


def test_signatures_are_not_asked_of_keys(alice: Person, team: Organization, settings: Any) -> None:
    _, service = make_key(alice, team, "contacts:*")
    settings.DEVICE_SIGNATURE_POLICY = "all"
    assert service.request("POST", "contacts/", {"display_name": "New"}).status == 201


# -- the same 401


def test_whatever_is_wrong_with_a_key_is_the_same_401(alice: Person, team: Organization) -> None:
    key_id, revoked = make_key(alice, team, "contacts:read")
    _, good = make_key(alice, team, "contacts:read")
    assert alice.delete(f"orgs/{team.slug}/api-keys/{key_id}/").status == 204
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    _, expired = make_key(alice, team, "contacts:read", expires_at=soon)
    assert expired.get("contacts/").status == 200
    flipped = good.key[:30] + ("a" if good.key[30] != "a" else "b") + good.key[31:]
    body = flipped[:-6]
    others = [
        Service(key)
        for key in (
            "",
            "x",
            "hs_live_",
            good.key[:-1],
            good.key + "a",
            good.key.upper(),
            flipped,
            body + api_keys._checksum(body),  # right in form, and nobody's
            api_keys.new_key(),
            "hs_live_" + "é" * 48,
            good.key + " ",
        )
    ]
    told = [assert_dead(service) for service in (revoked, *others)]
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=2)):
        told.append(assert_dead(expired))
    assert all(each == told[0] for each in told)
    assert good.get("contacts/").status == 200
    for scheme in ("Bearer", "Basic", "Token"):
        problem_of(Service(good.key, scheme=scheme).get("contacts/"), 401, "token_invalid")


def test_a_key_is_looked_for_in_its_header_only(alice: Person, team: Organization) -> None:
    _, service = make_key(alice, team, "contacts:read")
    for name in ("api_key", "key", "access_token"):
        answer = Service("x").transport.call("GET", f"http://localhost:8000/api/v1/contacts/?{name}={service.key}", {})
        assert answer.status == 401
    answer = service.transport.call("GET", "http://localhost:8000/api/v1/contacts/", {"X-Api-Key": service.key})
    assert answer.status == 401


def test_wrong_keys_use_the_address_s_budget_up(settings: Any, alice: Person, team: Organization) -> None:
    settings.RATES = {**settings.RATES, "auth_address": settings.RATES["auth_address"]._replace(limit=3)}
    wrong = Service(api_keys.new_key())
    assert [wrong.get("contacts/").status for _ in range(5)] == [401, 401, 401, 429, 429]


# -- whoever answers for it


def test_a_key_ends_with_its_holders_membership(alice: Person, bob: Person, team: Organization) -> None:
    become(bob, team, Role.ADMIN)
    _, service = make_key(bob, team, "contacts:*")
    contact = make_contact(alice, team, display_name="Grace")
    assert service.get("contacts/").status == 200
    become(bob, team, Role.BILLING)  # who may only read
    assert service.get("contacts/").status == 200
    problem_of(service.request("DELETE", f"contacts/{contact.slug}/"), 403, "forbidden")
    alice.delete(f"orgs/{team.slug}/members/{bob.user.username}/")
    assert assert_dead(service) == assert_dead(Service(api_keys.new_key()))


def test_who_is_taken_in_again_does_not_bring_old_keys_back(alice: Person, bob: Person, team: Organization) -> None:
    """Whoever has learned the key meanwhile would come in with them, and nobody would remember it."""
    become(bob, team, Role.ADMIN)
    key_id, service = make_key(bob, team, "contacts:*")
    alice.delete(f"orgs/{team.slug}/members/{bob.user.username}/")
    become(bob, team, Role.ADMIN)
    assert_dead(service)
    rotated = bob.post(f"orgs/{team.slug}/api-keys/{key_id}/rotate/", {})
    assert_dead(service)
    assert Service(rotated.json["key"]).get("contacts/").status == 200


def test_a_key_rests_while_its_holder_is_shut_out(alice: Person, bob: Person, team: Organization) -> None:
    become(bob, team, Role.ADMIN)
    _, service = make_key(bob, team, "contacts:*")
    auth.deactivate_person(callers.command(), user_id=bob.user.id)
    assert_dead(service)


def test_whoever_rotates_a_key_takes_it_over(alice: Person, bob: Person, team: Organization) -> None:
    become(bob, team, Role.ADMIN)
    key_id, _ = make_key(bob, team, "contacts:read")
    rotated = alice.post(f"orgs/{team.slug}/api-keys/{key_id}/rotate/", {})
    assert rotated.json["holder"] == alice.user.username
    alice.delete(f"orgs/{team.slug}/members/{bob.user.username}/")
    assert Service(rotated.json["key"]).get("contacts/").status == 200


def test_nobody_gives_a_key_more_than_they_have(alice: Person, bob: Person, team: Organization, settings: Any) -> None:
    settings.ORG_PERMISSIONS = '{"contacts.delete": ["owner"]}'
    become(bob, team, Role.ADMIN)
    body = {"name": "x", "scopes": ["contacts:write"]}
    problem_of(bob.post(f"orgs/{team.slug}/api-keys/", body), 403, "forbidden")
    key_id, _ = make_key(alice, team, "contacts:write")
    problem_of(bob.post(f"orgs/{team.slug}/api-keys/{key_id}/rotate/", {}), 403, "forbidden")
    assert not ApiKey.objects.filter(holder=bob.user).exists()
    assert ApiKey.objects.get(id=key_id).successor_id is None


def test_a_deleted_group_has_no_keys(alice: Person, team: Organization) -> None:
    _, service = make_key(alice, team, "contacts:read")
    alice.post(f"orgs/{team.slug}/delete/", {"name": "Team"})
    assert_dead(service)


def test_a_guest_makes_none(phone: Phone) -> None:
    accept(phone.start_session("auth/guest/"))
    own = accept(phone.request("GET", "orgs/")).json["data"][0]["slug"]
    refused = phone.request("POST", f"orgs/{own}/api-keys/", {"name": "Sync", "scopes": ["contacts:read"]})
    problem_of(refused, 403, "account_required")
    assert not ApiKey.objects.exists()


def test_none_is_made_for_a_session_that_has_ended_meanwhile(alice: Person, team: Organization) -> None:
    session = Session.objects.get(user=alice.user, ended_at=None, superseded_at=None)
    caller = Caller(
        kind=ActorKind.USER,
        channel=Channel.API,
        user_id=alice.user.id,
        session_id=session.id,
        memberships=memberships.of_person(alice.user.id),
    )
    alice.post("auth/logout/")
    with pytest.raises(TokenRevoked):
        services.create_key(caller, organization=team.slug, name="Sync", scopes=["contacts:read"], expires_at=None)
    assert not ApiKey.objects.exists()


# -- rotation


def test_rotation_leaves_the_old_key_an_overlap(alice: Person, team: Organization) -> None:
    key_id, old = make_key(alice, team, "contacts:read")
    rotated = alice.post(f"orgs/{team.slug}/api-keys/{key_id}/rotate/", {"overlap_seconds": 3600})
    assert rotated.status == 201
    new = Service(rotated.json["key"])
    assert old.get("contacts/").status == new.get("contacts/").status == 200
    assert rotated.json["scopes"] == ["contacts:read"]
    problem_of(alice.post(f"orgs/{team.slug}/api-keys/{key_id}/rotate/", {}), 409, "api_key_rotated")
    listed = {row["id"]: row["is_rotated"] for row in alice.get(f"orgs/{team.slug}/api-keys/").json["data"]}
    assert listed == {key_id: True, rotated.json["id"]: False}
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=3601)):
        assert_dead(old)
        assert new.get("contacts/").status == 200


def test_without_an_overlap_the_old_key_ends_at_once(alice: Person, team: Organization) -> None:
    key_id, old = make_key(alice, team, "contacts:read")
    alice.post(f"orgs/{team.slug}/api-keys/{key_id}/rotate/", {"overlap_seconds": 0})
    assert_dead(old)


def test_a_successor_lives_as_long_as_the_key_did_and_an_overlap_prolongs_nothing(
    alice: Person, team: Organization
) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    key_id, _ = make_key(alice, team, "contacts:read", expires_at=soon.isoformat())
    rotated = alice.post(f"orgs/{team.slug}/api-keys/{key_id}/rotate/", {"overlap_seconds": 86400}).json
    assert ApiKey.objects.get(id=key_id).expires_at == soon
    life = datetime.fromisoformat(rotated["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < life <= timedelta(hours=1)
    for seconds in (-1, 31 * 86400, True, "x"):
        assert errors_of(alice.post(f"orgs/{team.slug}/api-keys/{rotated['id']}/rotate/", {"overlap_seconds": seconds}))


def test_an_organization_has_a_bounded_number_of_living_keys(alice: Person, team: Organization) -> None:
    """Each is counted by itself: without an end to them there would be none to what one person may ask for."""
    key_id, _ = make_key(alice, team, "contacts:read")
    place = Membership.objects.get(organization=team, user=alice.user)
    rows = [
        ApiKey(organization=team, holder=alice.user, membership=place, name="x", prefix=f"p{number}", digest=bytes(32))
        for number in range(49)
    ]
    ApiKey.objects.bulk_create(rows)
    more = {"name": "x", "scopes": ["contacts:read"]}
    problem_of(alice.post(f"orgs/{team.slug}/api-keys/", more), 409, "too_many_api_keys")
    problem_of(alice.post(f"orgs/{team.slug}/api-keys/{key_id}/rotate/", {}), 409, "too_many_api_keys")
    ApiKey.objects.filter(id=rows[0].id).update(expires_at=datetime.now(UTC))
    ApiKey.objects.filter(id=rows[1].id).update(revoked_at=datetime.now(UTC))
    assert alice.post(f"orgs/{team.slug}/api-keys/{key_id}/rotate/", {}).status == 201
    assert alice.post(f"orgs/{team.slug}/api-keys/", more).status == 201
    problem_of(alice.post(f"orgs/{team.slug}/api-keys/", more), 409, "too_many_api_keys")


def test_another_organizations_keys_are_not_there(alice: Person, charlie: Person, team: Organization) -> None:
    key_id, service = make_key(alice, team, "contacts:read")
    own = charlie.user.personal_organization
    for path in (f"orgs/{own.slug}/api-keys/{key_id}/", f"orgs/{team.slug}/api-keys/{key_id}/"):
        problem_of(charlie.delete(path), 404, "not_found")
        problem_of(charlie.post(f"{path}rotate/", {}), 404, "not_found")
    assert service.get("contacts/").status == 200
    assert not Contact.objects.filter(organization=own).exists()
