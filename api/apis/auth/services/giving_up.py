"""Giving an account up: at once nothing of it works; what it leaves is erased by a job (`api.apis.erasure`)."""

import secrets
import uuid
from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from api.apis.api_keys import services as api_keys
from api.apis.auth.services.ending import end_sessions
from api.apis.orgs import selectors as organizations
from api.apis.orgs import services as orgs
from api.exceptions import NotThere
from api.models import UNFINISHED_STATES, EndReason, Job, MailedProof, Membership, Organization, OutboxMessage, User
from api.platform import audit, changes, jobs, memberships, outbox
from api.platform.callers import Caller
from api.platform.outbox import JobRevoked
from api.platform.transactions import transactional


def locked_to_delete(user_id: uuid.UUID) -> User | None:
    """A person who has not given up yet, behind their own organization's lock: nothing is being written there any more."""
    lock_own_organization(user_id)
    return User.objects.select_for_update().filter(id=user_id, deleted_at=None).first()


def lock_own_organization(user_id: uuid.UUID) -> None:
    own = organizations.personal_organization_of(user_id)
    with suppress(NotThere):  # it goes already
        if own is not None:
            changes.lock(own)


def given_up(caller: Caller, person: User) -> Job:
    """Ends what the person, who is locked, could come back by, and begins the erasure. Raises LastOwner."""
    orgs.require_other_owners(person.id)
    grace = timedelta(days=0 if person.is_guest else settings.ERASURE_GRACE_DAYS)
    for started in Job.objects.filter(owner=person, subject_id=None, state__in=UNFINISHED_STATES):
        jobs.revoke(started.id)
    person.deleted_at = timezone.now()
    person.auth_version += 1
    person.save(update_fields=["deleted_at", "auth_version", "updated_at"])
    end_sessions(caller, reason=EndReason.ACCOUNT_DELETED, user_id=person.id)
    api_keys.revoke_keys_held_by(caller, user_id=person.id)
    theirs = (
        Q(user=person) if person.email_identity is None else Q(user=person) | Q(email_identity=person.email_identity)
    )
    MailedProof.objects.filter(theirs, live_key__isnull=False).update(live_key=None)
    job = jobs.begin_erasure(
        person.id, "erasure.person", {"user_id": str(person.id)}, delay_seconds=int(grace.total_seconds())
    )
    audit.record(
        caller,
        "user.deleted",
        target_kind="user",
        target_id=person.id,
        on_behalf_of=person.id,
        changes={"grace_days": [None, grace.days]},
    )
    if grace:
        _tell_of_grace(person, until=person.deleted_at + grace)
    else:
        _retire(person, job)
    return job


def _tell_of_grace(person: User, *, until: datetime) -> None:
    event = {"user_id": str(person.id), "to": person.email, "until": until.isoformat()}
    outbox.enqueue("auth.mail_deletion_notice", event, about=person.id)


@transactional
def retire_person(user_id: uuid.UUID, *, job_id: uuid.UUID) -> None:
    """Begins the erasure of a person whose grace is over; harmless when repeated. Raises JobRevoked for one who has come
    back.
    """
    lock_own_organization(user_id)
    person = User.objects.select_for_update().filter(id=user_id).first()
    if person is None:
        return
    if person.deleted_at is None:
        raise JobRevoked
    if not is_retired(person):
        _retire(person, Job.objects.get(id=job_id))


def is_retired(person: User) -> bool:
    """Whether an account that was given up cannot be taken back any more."""
    return person.deleted_at is not None and not person.is_active and person.email is None


_TOLD_BY_THE_SERVER = ("id", "username", "username_identity", "avatar", "deleted_at", "auth_version", "is_guest")


def _retire(person: User, job: Job) -> None:
    """Takes everything from the row of a person, who is locked, but what the erasure needs: the address stays in the
    arguments of its job, which forgets it, and the avatar's name until the pictures are gone.
    """
    OutboxMessage.objects.filter(job=job).update(
        arguments={"job_id": str(job.id), "user_id": str(person.id), "to": person.email or ""}
    )
    blank = User(is_active=False)
    for field in User._meta.concrete_fields:
        if field.name not in (*_TOLD_BY_THE_SERVER, "created_at", "updated_at", "version") and not field.generated:
            setattr(person, field.attname, getattr(blank, field.attname))
    person.username = f"erased.{secrets.token_hex(8)}"
    person.set_unusable_password()
    person.save()
    person.groups.clear()
    memberships.changing([person.id])
    Membership.objects.filter(user=person, organization__personal_of=person).delete()
    Organization.objects.filter(personal_of=person).update(name="", deleted_at=timezone.now())


@transactional
def give_guest_up(caller: Caller, *, user_id: uuid.UUID) -> None:
    """Begins the erasure of a guest whom nobody can be any more; harmless when repeated."""
    guest = locked_to_delete(user_id)
    if guest is not None and guest.is_guest:
        given_up(caller, guest)
