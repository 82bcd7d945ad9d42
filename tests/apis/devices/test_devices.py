"""`devices/`: where a person is signed in, and was; naming a device, and signing out on it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from handset_client.outcomes import accept

from api.apis.auth import services as auth
from api.apis.onboarding import services as onboarding
from api.models import AuditEntry, Device, EndReason, Session
from api.platform import callers
from tests.apis.auth.mailbox import received
from tests.apis.auth.wire import commit, with_token
from tests.conftest import PASSWORD, Person
from tests.geography import database
from tests.http.answers import errors_of, problem_of
from tests.phones import MakePhone, Phone

pytestmark = pytest.mark.django_db


@pytest.fixture
def tablet(alice: Person, new_phone: MakePhone) -> Phone:
    """A second device, on which Alice is signed in."""
    return signed_in(new_phone, alice)


def signed_in(new_phone: MakePhone, person: Person) -> Phone:
    phone, _ = new_phone(address="192.0.2.7")
    accept(phone.sign_in(person.email, PASSWORD))
    return phone


def devices(person: Person, **params: Any) -> list[dict[str, Any]]:
    answer = person.get("devices/", **params)
    assert answer.status == 200, answer.body
    rows: list[dict[str, Any]] = answer.json["data"]
    return rows


def device(person: Person, phone: Phone) -> dict[str, Any]:
    (found,) = [row for row in devices(person) if row["id"] == phone.state.device_id]
    return found


def end_of(person: Person, phone: Phone) -> tuple[str, str]:
    session = device(person, phone)["session"]
    assert session["ended_at"] > session["signed_in_at"]
    return session["end_reason"], session["ended_by"]


# -- the list


def test_a_person_sees_their_devices_the_last_sign_in_first(alice: Person, tablet: Phone, bob: Person) -> None:
    first, second = devices(alice)
    assert [first["id"], second["id"]] == [tablet.state.device_id, alice.phone.state.device_id]
    assert [first["is_current"], second["is_current"]] == [False, True]
    assert [first["address"], second["address"]] == ["192.0.2.7", "192.0.2.1"]
    assert second["last_seen_at"] >= second["session"]["signed_in_at"] >= second["created_at"]
    assert second["session"] | {"signed_in_at": ""} == {
        "signed_in_at": "",
        "ended_at": None,
        "end_reason": None,
        "ended_by": None,
    }
    assert second["place"] is None
    assert [row["id"] for row in devices(bob)] == [bob.phone.state.device_id]
    assert [row["id"] for row in devices(alice, sort="signed_in_at")] == [second["id"], first["id"]]


def test_devices_and_the_mail_of_a_new_one_say_where(
    alice: Person, new_phone: MakePhone, settings: Any, tmp_path: Path
) -> None:
    path = tmp_path / "places.mmdb"
    names = {"city": {"names": {"en": "Lisbon"}}, "country": {"names": {"en": "Portugal"}}}
    path.write_bytes(database({"192.0.2.7/32": names}))
    settings.GEOIP_PATH = str(path)
    received()
    found = {row["address"]: row["place"] for row in (device(alice, signed_in(new_phone, alice)), *devices(alice))}
    assert found == {"192.0.2.7": "Lisbon, Portugal", "192.0.2.1": None}
    assert "UTC\nLisbon, Portugal\n" in received(alice.email)[0].text
    settings.GEOIP_PATH = ""
    signed_in(new_phone, alice)
    assert "UTC\nplace unknown\n" in received(alice.email)[0].text


def test_the_pages_hold_every_device_once(alice: Person, tablet: Phone, new_phone: MakePhone) -> None:
    signed_in(new_phone, alice)
    whole = [row["id"] for row in devices(alice)]
    assert len(set(whole)) == 3
    page, seen = alice.get("devices/", limit=2, total="true").json, []
    assert page["meta"]["total"] == 3
    while True:
        seen += [row["id"] for row in page["data"]]
        if page["meta"]["next"] is None:
            break
        page = alice.get("devices/", limit=2, cursor=page["meta"]["next"]).json
    assert seen == whole


def test_a_device_stands_there_once_however_often_somebody_signed_in_on_it(alice: Person, tablet: Phone) -> None:
    accept(tablet.request("POST", "auth/logout/"))
    tablet.get_token()
    accept(tablet.sign_in(alice.email, PASSWORD))
    assert device(alice, tablet)["session"]["ended_at"] is None
    assert len(devices(alice)) == 2
    assert Session.objects.filter(user=alice.user).count() == 3


def test_the_list_takes_one_query_however_long_it_is(alice: Person, new_phone: MakePhone) -> None:
    devices(alice)
    with CaptureQueriesContext(connection) as short:
        assert len(devices(alice)) == 1
    for _ in range(3):
        signed_in(new_phone, alice)
    with CaptureQueriesContext(connection) as long:
        assert len(devices(alice)) == 4
    assert len(short) == len(long)
    (listing,) = [query["sql"] for query in long if "hidden_at" in query["sql"]]
    assert "LIMIT 26" in listing


# -- what has ended


@pytest.mark.parametrize("way", ["signed out", "superseded"])
def test_of_a_device_that_somebody_else_has_now_a_person_sees_what_it_was(
    alice: Person, bob: Person, tablet: Phone, way: str
) -> None:
    row = Device.objects.filter(id=tablet.state.device_id)
    row.update(name="Alice's tablet", app_version="1.0", os_version="17")
    if way == "signed out":
        accept(tablet.request("POST", "auth/logout/"))
        tablet.get_token()
    accept(tablet.sign_in(bob.email, PASSWORD))
    row.update(name="Bob's tablet", app_version="2.0", os_version="18")
    told = [
        (found["name"], found["app_version"], found["os_version"])
        for found in (device(alice, tablet), device(bob, tablet))
    ]
    assert told == [("Alice's tablet", "1.0", "17"), ("Bob's tablet", "2.0", "18")]


def test_a_session_that_ended_stays_for_thirty_days_with_its_reason(alice: Person, tablet: Phone) -> None:
    accept(tablet.request("POST", "auth/logout/"))
    assert end_of(alice, tablet) == ("signed_out", "you")
    for days, number in ((29, 2), (31, 1)):
        Session.objects.filter(device_id=tablet.state.device_id, ended_at__isnull=False).update(
            ended_at=timezone.now() - timedelta(days=days)
        )
        auth.forget_ended_sessions()
        assert len(devices(alice)) == number


def test_staff_who_end_a_session_are_named_as_staff(alice: Person, bob: Person, tablet: Phone) -> None:
    bob.user.is_staff = True
    bob.user.save()
    session = Session.objects.get(live_device_id=tablet.state.device_id)
    staff = callers.Caller(callers.ActorKind.STAFF, callers.Channel.CMS, user_id=bob.user.id)
    commit(auth.end_sessions, staff, reason=EndReason.ENDED_BY_STAFF, session_id=session.id)
    assert end_of(alice, tablet) == ("ended_by_staff", "staff")


def test_a_device_that_was_revoked_says_so(alice: Person, tablet: Phone) -> None:
    commit(onboarding.revoke_device, callers.command(), device_id=tablet.state.device_id)
    assert end_of(alice, tablet) == ("device_revoked", "server")


def test_nothing_is_told_of_a_device_after_it_changed_hands(alice: Person, tablet: Phone, bob: Person) -> None:
    before = device(alice, tablet)
    accept(tablet.sign_in(bob.email, PASSWORD))
    tablet.request("GET", "me/")
    after = device(alice, tablet)
    assert (after["session"]["end_reason"], after["session"]["ended_by"]) == ("replaced", "server")
    assert after["last_seen_at"] <= before["last_seen_at"]
    assert end_of(alice, tablet) == ("replaced", "server")
    assert device(bob, tablet)["session"]["ended_at"] is None


# -- naming


def test_a_device_is_named(alice: Person, tablet: Phone) -> None:
    answer = alice.patch(f"devices/{tablet.state.device_id}/", {"name": "Küche 🍣"})
    assert (answer.status, answer.json["name"]) == (200, "Küche 🍣")
    assert device(alice, tablet) == answer.json
    assert AuditEntry.objects.filter(action="device.renamed", target_id=tablet.state.device_id).count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "x", "trust": "strong"}, "trust"),
    ],
)
def test_what_is_no_name_is_refused(alice: Person, body: dict[str, Any], field: str) -> None:
    answer = alice.patch(f"devices/{alice.phone.state.device_id}/", body)
    assert set(errors_of(answer)) == {field}


# -- signing out elsewhere


def test_a_device_that_is_removed_is_signed_out_and_gone_from_the_list(alice: Person, tablet: Phone) -> None:
    access = tablet.state.access
    for _ in range(2):
        assert alice.delete(f"devices/{tablet.state.device_id}/").status == 204
    assert [row["id"] for row in devices(alice)] == [alice.phone.state.device_id]
    assert Session.objects.get(device_id=tablet.state.device_id, user=alice.user).end_reason == "signed_out"
    assert AuditEntry.objects.filter(action="device.removed").count() == 1
    assert tablet.state.access == access
    tablet.get_token()  # it stays registered
    problem_of(tablet.request("GET", "me/"), 403, "sign_in_required")
    accept(tablet.sign_in(alice.email, PASSWORD))
    assert device(alice, tablet)["session"]["ended_at"] is None


def test_the_device_in_hand_may_be_removed_and_be_the_last_one(alice: Person) -> None:
    assert alice.delete(f"devices/{alice.phone.state.device_id}/").status == 204
    assert not Session.objects.filter(user=alice.user, ended_at=None).exists()
    alice.phone.get_token()
    problem_of(alice.get("me/"), 403, "sign_in_required")


def test_removing_a_device_leaves_whoever_has_it_now_alone(alice: Person, tablet: Phone, bob: Person) -> None:
    accept(tablet.sign_in(bob.email, PASSWORD))
    path = f"devices/{tablet.state.device_id}/"
    problem_of(alice.patch(path, {"name": "Alice was here"}), 404, "not_found")
    assert alice.delete(path).status == 204
    assert len(devices(alice)) == 1
    assert tablet.request("GET", "me/").json["username"] == bob.user.username
    assert device(bob, tablet)["session"]["ended_at"] is None


def test_the_others_are_signed_out_at_once(alice: Person, tablet: Phone, new_phone: MakePhone, bob: Person) -> None:
    third = signed_in(new_phone, alice)
    for _ in range(2):
        assert alice.post("devices/revoke-others/").status == 204
    assert end_of(alice, tablet) == end_of(alice, third) == ("signed_out", "you")
    assert alice.get("me/").status == 200
    assert bob.get("me/").status == 200
    live = Session.objects.filter(user=alice.user, live_device__isnull=False)
    assert [str(session.device_id) for session in live] == [alice.phone.state.device_id]


def test_somebody_elses_device_is_a_missing_one(alice: Person, bob: Person) -> None:
    told = []
    for device_id in (bob.phone.state.device_id, "00000000-0000-7000-8000-000000000000"):
        path = f"devices/{device_id}/"
        for answer in (alice.patch(path, {"name": "Mine"}), alice.delete(path)):
            told.append(problem_of(answer, 404, "not_found")["detail"])
    assert len(set(told)) == 1
    assert bob.get("me/").status == 200
    assert device(bob, bob.phone)["name"] != "Mine"


def test_the_writes_are_signed_where_the_policy_says_so(alice: Person, tablet: Phone, settings: Any) -> None:
    settings.DEVICE_SIGNATURE_POLICY = "sensitive"
    path = f"devices/{tablet.state.device_id}/"
    for method, where, body in (
        ("PATCH", path, {"name": "x"}),
        ("POST", "devices/revoke-others/", None),
        ("DELETE", path, None),
    ):
        unsigned = with_token(alice.transport, method, where, str(alice.phone.state.access), body)
        problem_of(unsigned, 403, "signature_required")
        assert alice.phone.request(method, where, body, signed=True).status in {200, 204}
