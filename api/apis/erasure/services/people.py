"""Erasing a person who has given their account up, with the organization of their own."""

import uuid
from datetime import timedelta
from typing import Any

import structlog
from django.db.models import Q
from django.utils import timezone

from api.apis.audit import services as audit_services
from api.apis.auth import services as auth
from api.apis.erasure.services.files import erase_avatar, erase_exports
from api.apis.erasure.services.organizations import empty_organization
from api.apis.erasure.services.receipts import Receipt
from api.apis.erasure.services.rows import AT_ONCE, erase_references
from api.apis.notifications.services import send_mail
from api.apis.orgs import selectors as orgs
from api.apis.orgs import services as organizations
from api.models import (
    Device,
    Invitation,
    Job,
    MailedProof,
    Organization,
    OutboxMessage,
    Session,
    User,
    WaitingListEntry,
)
from api.models.base import identity_of
from api.platform import audit, callers, idempotency
from api.platform.callers import principal_of
from api.platform.mail import MailNotTaken
from api.platform.outbox import Postponed
from api.platform.transactions import transactional

log = structlog.get_logger(__name__)

# Longer than any call is under way that may still store what its message is to discard (ADR 0012).
_UNDER_WAY_SECONDS = 600
_MAIL_TRIES = 5
_MAIL_SECONDS = 300


def erase_person(job_id: uuid.UUID, *, user_id: uuid.UUID) -> dict[str, Any]:
    """Erases a person and returns the receipt; harmless when repeated.

    Raises JobRevoked for one who has come back, TemporarilyUnavailable, Postponed.
    """
    receipt = Receipt(job_id)
    auth.retire_person(user_id, job_id=job_id)
    while _leave_some(receipt, user_id):
        receipt.rest()
    own = orgs.personal_organization_of(user_id)
    if own is not None:
        empty_organization(receipt, own)
    erase_exports(receipt, Q(person_id=user_id))
    erase_avatar(receipt, user_id)
    _forget_address(receipt)
    while _forget_names_of_devices(receipt, user_id):
        receipt.rest()
    erase_references(receipt, User, user_id)
    while _forget_answers(receipt, user_id):
        receipt.rest()
    _hurry_messages(user_id)
    while _erase_trail(receipt, user_id):
        receipt.rest()
    _delete(receipt, user_id)
    _tell(receipt, user_id)
    return receipt.told()


@transactional
def _leave_some(receipt: Receipt, user_id: uuid.UUID) -> int:
    left = organizations.leave_some(callers.job(), user_id=user_id)
    receipt.count(rows={"membership": left})
    return left


def _address_of(job_id: uuid.UUID) -> str:
    """The address that the account had, until its person was told; empty where there is none."""
    arguments = OutboxMessage.objects.filter(job_id=job_id).values_list("arguments", flat=True).first()
    return str((arguments or {}).get("to", ""))


def _forget_address(receipt: Receipt) -> None:
    """Deletes what names the address alone. What somebody has set up with it since is another account's."""
    address, began_at = _address_of(receipt.job_id), Job.objects.get(id=receipt.job_id).created_at
    if not address:
        return
    for model in (MailedProof, Invitation, WaitingListEntry):
        while _forget_some_of_address(receipt, model, Q(email_identity=identity_of(address), created_at__lte=began_at)):
            receipt.rest()


@transactional
def _forget_some_of_address(receipt: Receipt, model: Any, chosen: Q) -> int:
    ids = list(model.objects.filter(chosen).values_list("pk", flat=True)[:AT_ONCE])
    receipt.count(rows={model._meta.db_table: model.objects.filter(pk__in=ids).delete()[0]})
    return len(ids)


@transactional
def _forget_names_of_devices(receipt: Receipt, user_id: uuid.UUID) -> int:
    """Takes from devices what their person has called them, and from where they called, unless it is another's by now."""
    theirs = Session.objects.filter(user_id=user_id).values("device_id")
    of_others = Session.objects.filter(user__isnull=False, live_device__isnull=False).exclude(user_id=user_id)
    named = Device.objects.filter(~Q(name="") | Q(last_address__isnull=False), id__in=theirs)
    ids = list(named.exclude(id__in=of_others.values("device_id")).values_list("id", flat=True)[:AT_ONCE])
    receipt.count(rows={"device": Device.objects.filter(id__in=ids).update(name="", last_address=None)})
    return len(ids)


@transactional
def _forget_answers(receipt: Receipt, user_id: uuid.UUID) -> int:
    forgotten = idempotency.forget_answers_to(principal_of(user_id), most=AT_ONCE)
    receipt.count(rows={"idempotency_key": forgotten})
    return forgotten


def _hurry_messages(user_id: uuid.UUID) -> None:
    """What is still to be mailed to the person, or discarded of theirs, is done before they are gone for good; it is not
    before what it is about is no longer under way. Mails that were given up go unsent. Raises Postponed.
    """
    theirs = OutboxMessage.objects.filter(person_id=user_id)
    now = timezone.now()
    theirs.filter(Q(done_at__isnull=False) | Q(failed_at__isnull=False, task__startswith="auth.mail_")).delete()
    theirs.filter(failed_at__isnull=False).update(failed_at=None, due_at=now, attempts=0)
    certain = theirs.filter(created_at__lt=now - timedelta(seconds=_UNDER_WAY_SECONDS), lease=None, due_at__gt=now)
    certain.filter(attempts=0).update(due_at=now)
    if theirs.exists():
        raise Postponed(seconds=30)


@transactional
def _erase_trail(receipt: Receipt, user_id: uuid.UUID) -> int:
    erased = audit_services.erase_person(callers.job(), user_id=user_id)
    receipt.count(audit_rows=erased)
    return erased


@transactional
def _delete(receipt: Receipt, user_id: uuid.UUID) -> None:
    """The last of all, and one row of the trail for all of it. Raises Postponed while a group of theirs is being erased."""
    person = User.objects.select_for_update().filter(id=user_id, deleted_at__isnull=False).first()
    if person is None:
        return
    if Organization.objects.filter(owner=person).exists():
        raise Postponed(seconds=30)
    Job.objects.filter(owner=person).update(owner=None)
    person.delete()
    receipt.count(rows={"user": 1})
    audit.record(
        callers.job(),
        "user.erased",
        target_kind="user",
        target_id=user_id,
        on_behalf_of=user_id,
        changes={"erased": [None, receipt.told()]},
    )


def _tell(receipt: Receipt, user_id: uuid.UUID) -> None:
    """Mails the receipt, if there is an address, and forgets the address; also where nobody takes the mail. Raises
    Postponed.
    """
    address, told = _address_of(receipt.job_id), receipt.told()
    if not address:
        return
    values = {"receipt": str(receipt.job_id), "rows": str(sum(told["rows"].values())), "files": str(told["files"])}
    try:
        send_mail("erasure.account_erased", to=address, values=values, reference=f"{receipt.job_id}-erased")
    except MailNotTaken:
        tries = told.get("mail_tries", 0) + 1
        if tries < _MAIL_TRIES:
            Job.objects.filter(id=receipt.job_id).update(result={**told, "mail_tries": tries})
            raise Postponed(seconds=_MAIL_SECONDS) from None
        log.warning("erasure.not_told", job_id=str(receipt.job_id))
    arguments = {"job_id": str(receipt.job_id), "user_id": str(user_id)}
    OutboxMessage.objects.filter(job_id=receipt.job_id).update(arguments=arguments)
