"""Erasing an organization that was deleted, with everything in it."""

import uuid
from typing import Any

from django.db.models import Q

from api.apis.audit import services as audit_services
from api.apis.erasure.services.files import erase_contact_avatars, erase_exports, erase_images
from api.apis.erasure.services.receipts import Receipt
from api.apis.erasure.services.rows import erase_references
from api.models import Organization
from api.platform import audit, callers
from api.platform.transactions import transactional


def erase_organization(job_id: uuid.UUID, *, organization_id: uuid.UUID) -> dict[str, Any]:
    """Erases an organization and returns the receipt; harmless when repeated. One that is not deleted is left alone.

    Raises TemporarilyUnavailable, Postponed.
    """
    receipt = Receipt(job_id)
    empty_organization(receipt, organization_id)
    return receipt.told()


def empty_organization(receipt: Receipt, organization_id: uuid.UUID) -> None:
    """Erases what a deleted organization holds, then the organization. Raises TemporarilyUnavailable, Postponed."""
    if not Organization.objects.filter(id=organization_id, deleted_at__isnull=False).exists():
        return
    erase_exports(receipt, Q(organization_id=organization_id))
    erase_images(receipt, organization_id)
    erase_contact_avatars(receipt, organization_id)
    erase_references(receipt, Organization, organization_id)
    while _erase_trail(receipt, organization_id):
        receipt.rest()
    _delete(receipt, organization_id)


@transactional
def _erase_trail(receipt: Receipt, organization_id: uuid.UUID) -> int:
    erased = audit_services.erase_organization(callers.job(), organization_id=organization_id)
    receipt.count(audit_rows=erased)
    return erased


@transactional
def _delete(receipt: Receipt, organization_id: uuid.UUID) -> None:
    """One row of the trail for all of it, with the numbers: rows for each object would name again what has just gone."""
    gone = Organization.objects.filter(id=organization_id, deleted_at__isnull=False)
    if not gone.delete()[0]:
        return
    receipt.count(rows={"organization": 1})
    audit.record(
        callers.job(),
        "org.erased",
        target_kind="organization",
        target_id=organization_id,
        organization_id=organization_id,
        changes={"erased": [None, receipt.told()]},
    )
