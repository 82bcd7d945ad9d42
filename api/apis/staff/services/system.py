"""What staff have the whole server do: prove the trail, and end everybody's sessions."""

import uuid
from typing import Any

from api.apis.audit import services as audit_services
from api.apis.auth import services as auth
from api.models import ActorKind, Channel, Job
from api.platform import audit, jobs, staff
from api.platform.callers import Caller
from api.platform.transactions import transactional

_FAULTS_TOLD = 20


@transactional
def begin_trail_check(caller: Caller) -> uuid.UUID:
    """Has a job verify the audit trail; returns its id. While one is at work, it is that one. Raises Forbidden,
    TooManyJobs.
    """
    staff.require(caller, "audit.read")
    assert caller.user_id is not None
    return jobs.begin(caller.user_id, "staff.check_trail", {}, type_="audit.check").id


def check_trail() -> dict[str, Any]:
    """What was looked at, and the first of what is wrong with it."""
    audit_services.seal()
    seen, faults = audit_services.verify()
    return {**seen._asdict(), "faults": faults[:_FAULTS_TOLD], "faults_number": len(faults)}


@transactional
def begin_ending_everybody(caller: Caller) -> uuid.UUID:
    """Has a job end every session of every device, and sign all staff out of the pages; returns its id.

    Raises Forbidden, TooManyJobs.
    """
    staff.require(caller, "sessions.end_all")
    assert caller.user_id is not None
    job = jobs.begin(caller.user_id, "staff.end_everybody", {"reason": caller.reason}, type_="sessions.end_all")
    audit.record(caller, "session.everybody_ended", target_kind="job", target_id=job.id)
    return job.id


def end_everybody(job_id: str, *, reason: str) -> dict[str, int]:
    """Ends them some hundred at a time; whoever takes it up again goes on. Raises JobRevoked."""
    owner = Job.objects.values_list("owner_id", flat=True).get(id=job_id)
    caller = Caller(kind=ActorKind.STAFF, channel=Channel.JOB, user_id=owner, request_id=job_id, reason=reason)
    ended = 0
    while some := auth.end_everybodys(caller):
        ended += some
        jobs.report(job_id, per_cent=0)
    return {"sessions": ended, "browsers": auth.end_everybodys_browsers()}
