"""Contacts as a whole: whether an organization has any, and moving all of them to another."""

import uuid

from django.db.models import F
from django.utils import timezone

from api.apis.contacts.services import identities
from api.apis.images import services as images
from api.apis.tags import services as tags
from api.models import Contact, ContactTerm
from api.platform import audit, changes
from api.platform.callers import Caller
from api.platform.transactions import transactional


def has_any(organization_id: uuid.UUID) -> bool:
    """Whether there is a contact in an organization, deleted ones left out."""
    return Contact.objects.filter(organization_id=organization_id, deleted_at=None).exists()


@transactional
def move_all(
    caller: Caller, *, source: uuid.UUID, target: uuid.UUID, creator: tuple[uuid.UUID, uuid.UUID] | None = None
) -> int:
    """Moves every contact of one organization to another; returns how many. `creator` names somebody whose contacts
    become somebody else's. Each carries a new count of changes, in the order of their last ones.
    """
    counts = {organization_id: changes.lock(organization_id) for organization_id in sorted((source, target))}
    changes.move(target, after=counts[target] + counts[source] - 1)
    changes.move(source, after=counts[source])
    contacts = Contact.objects.filter(organization_id=source)
    if creator is not None:
        contacts.filter(creator_id=creator[0]).update(creator_id=creator[1])
    tags.move_all(source=source, target=target, count=counts[target])
    images.move_all(source=source, target=target, count=counts[target], creator=creator)
    identities.move_all(source=source, target=target)
    ContactTerm.objects.filter(organization_id=source).update(organization_id=target)
    moved = contacts.update(
        organization_id=target,
        change_seq=F("change_seq") + counts[target],
        version=F("version") + 1,
        updated_at=timezone.now(),
    )
    audit.record(
        caller,
        "contacts.moved",
        target_kind="organization",
        target_id=target,
        organization_id=target,
        changes={"organization": [str(source), str(target)], "number": [None, moved]},
    )
    return moved
