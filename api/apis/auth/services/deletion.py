"""Deleting accounts: one's own, and those of others by staff. What comes of it: `giving_up`."""

import uuid
from typing import Any

from api.apis.auth.services.giving_up import given_up, lock_own_organization, locked_to_delete
from api.apis.auth.services.passwords import prove_person
from api.apis.auth.services.people import InvalidCredentials, require_touchable
from api.apis.auth.services.returning import take_back_deletion
from api.apis.orgs import services as orgs
from api.exceptions import SignInRequired
from api.models import Job, JobState, User
from api.platform import jobs, revocation, staff
from api.platform.callers import Caller
from api.platform.revocation import SessionState
from api.platform.tokens import TokenRevoked
from api.platform.transactions import transactional


def delete_account(caller: Caller, *, password: str | None) -> dict[str, Any]:
    """Gives the caller's account up, and returns the job that erases it; the same again for the repeat of a lost answer.

    People prove themselves as for another password; guests have nothing to prove. Raises what `prove_person` raises,
    LastOwner, TokenRevoked.
    """
    if caller.user_id is None or caller.session_id is None:
        raise SignInRequired
    if revocation.state_of(caller.session_id) is not SessionState.LIVE:
        return own_erasure(caller)
    person = User.objects.get(id=caller.user_id)
    return _deleted(caller, person if person.is_guest else prove_person(caller, password=password))


@transactional
def _deleted(caller: Caller, proved: User) -> dict[str, Any]:
    orgs.require_other_owners(proved.id)
    person = locked_to_delete(proved.id)
    if person is None:
        return jobs.told(_erasure_of(proved.id))
    if (person.auth_version, person.is_guest) != (proved.auth_version, proved.is_guest):
        raise InvalidCredentials  # what the proof opened has changed meanwhile
    return jobs.told(given_up(caller, person))


@transactional
def delete_person(caller: Caller, *, user_id: uuid.UUID) -> dict[str, Any]:
    """The same for somebody else, by staff or from the shell; harmless when repeated. Returns the job.

    Raises Forbidden, NotThere, StaffProtected, LastOwner.
    """
    staff.require(caller, "people.delete")
    orgs.require_other_owners(user_id)
    lock_own_organization(user_id)
    person = require_touchable(caller, user_id)
    return jobs.told(given_up(caller, person) if person.deleted_at is None else _erasure_of(user_id))


@transactional
def restore_person(caller: Caller, *, user_id: uuid.UUID) -> None:
    """Takes back that somebody's account was given up, while it waits to be erased; harmless when it was not.

    Raises Forbidden, NotThere, StaffProtected.
    """
    staff.require(caller, "people.delete")
    person = require_touchable(caller, user_id)
    if person.deleted_at is not None:
        take_back_deletion(caller, person)


def own_erasure(caller: Caller) -> dict[str, Any]:
    """The job that erases the caller, told to the token of a session that was theirs. Raises TokenRevoked."""
    assert caller.user_id is not None
    return jobs.told(_erasure_of(caller.user_id))


def _erasure_of(user_id: uuid.UUID) -> Job:
    """Raises TokenRevoked where there is none: then it was another end of the session."""
    erasures = Job.objects.filter(subject_id=user_id).exclude(state=JobState.REVOKED)
    job = erasures.order_by("-created_at").first()
    if job is None:
        raise TokenRevoked
    return job
