"""The writer of the trail: rows are added in the transaction of what they tell, as they are, or not at all."""

import uuid

import pytest
from django.db import transaction

from api.models import ActorKind, AuditEntry, Channel, Outcome
from api.platform import audit, callers
from api.platform.callers import Caller

pytestmark = pytest.mark.django_db

KEY = uuid.UUID("01933b5e-0000-7000-8000-000000000001")
CALLER = Caller(
    kind=ActorKind.USER,
    channel=Channel.API,
    user_id=KEY,
    device_id=uuid.UUID(int=KEY.int + 1),
    address="2001:db8::1",
    request_id="from-the-phone",
)


def test_a_row_says_all_that_is_known_about_the_caller() -> None:
    audit.record(
        CALLER,
        "org.member_removed",
        target_kind="membership",
        target_id=7,
        organization_id=KEY,
        on_behalf_of=KEY,
        changes={"role": ["admin", None], "name": ["Zoë 🍣", "x"]},
        outcome=Outcome.REFUSED,
    )
    row = AuditEntry.objects.values().get()
    assert row.pop("id")
    assert row.pop("at")
    for name in ("key_id", "salt", "commitment", "digest", "number", "mac"):  # test_audit_chain.py
        row.pop(name)
    assert row == {
        "action": "org.member_removed",
        "outcome": "refused",
        "channel": "api",
        "actor_kind": "user",
        "actor_id": str(KEY),
        "on_behalf_of": str(KEY),
        "organization_id": KEY,
        "target_kind": "membership",
        "target_id": "7",
        "address": "2001:db8::1",
        "device_id": CALLER.device_id,
        "request_id": "from-the-phone",
        "changes": {"role": ["admin", None], "name": ["Zoë 🍣", "x"]},
        "reason": "",
        "times": 1,
    }


def test_commands_and_jobs_are_callers_too() -> None:
    audit.record(callers.command("by hand"), "app_key.created", target_kind="app_key", target_id="ios")
    job = Caller(kind=ActorKind.JOB, channel=Channel.JOB, request_id="the-cause")
    audit.record(job, "contact.swept", target_kind="contact")
    command, entry = AuditEntry.objects.order_by("id")
    assert (command.actor_kind, command.channel, command.actor_id, command.reason) == ("command", "cli", "", "by hand")
    assert (entry.actor_kind, entry.channel, entry.request_id, entry.target_id) == ("job", "job", "the-cause", "")


def test_what_did_not_happen_is_not_told() -> None:
    def regret() -> None:
        with transaction.atomic():
            audit.record(CALLER, "contact.created", target_kind="contact")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        regret()
    assert not AuditEntry.objects.exists()


def test_a_device_acts_where_nobody_is_signed_in() -> None:
    device = Caller(kind=ActorKind.DEVICE, channel=Channel.API, device_id=KEY)
    audit.record(device, "device.registered", target_kind="device", target_id=KEY)
    assert AuditEntry.objects.get().actor_id == str(KEY)
