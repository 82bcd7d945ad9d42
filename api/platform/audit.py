"""The writer of the audit trail: called by services, in the transaction of what it tells."""

import uuid
from typing import Any

from django.utils import timezone

from api.models import AuditEntry, Outcome
from api.platform import audit_chain
from api.platform.callers import Caller
from api.platform.statements import insert


def record(
    caller: Caller,
    action: str,
    *,
    target_kind: str,
    target_id: object = "",
    organization_id: uuid.UUID | None = None,
    on_behalf_of: object = "",
    changes: dict[str, Any] | None = None,
    outcome: Outcome = Outcome.SUCCESS,
) -> None:
    """Adds one row. `changes` maps fields to [before, after]; secrets and the contents of messages never go in."""
    entry = AuditEntry(
        at=timezone.now(),
        action=action,
        outcome=outcome,
        channel=caller.channel,
        actor_kind=caller.kind,
        actor_id=caller.actor_id,
        on_behalf_of=str(on_behalf_of),
        organization_id=organization_id,
        target_kind=target_kind,
        target_id=str(target_id),
        address=caller.address,
        device_id=caller.device_id,
        request_id=caller.request_id,
        changes=changes or {},
        reason=caller.reason,
    )
    audit_chain.commit(entry)
    insert([entry])
