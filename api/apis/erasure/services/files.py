"""Files of what is erased. First the objects, then the rows that name them: until its objects are gone a row remembers
them, and what the store refuses is tried again for as long as it takes.
"""

import uuid
from collections.abc import Sequence

from django.db.models import Q, QuerySet

from api.apis.erasure.services.receipts import Receipt
from api.models import Contact, Export, Image, User
from api.platform import avatars, images, jobs, storage
from api.platform.transactions import transactional

_IMAGES_AT_ONCE = 50  # several requests of the store each


def erase_images(receipt: Receipt, organization_id: uuid.UUID) -> None:
    """Raises TemporarilyUnavailable, Postponed."""
    theirs = Image.objects.filter(organization_id=organization_id)
    while some := list(theirs.order_by("id").values_list("id", "name")[:_IMAGES_AT_ONCE]):
        for _, name in some:
            images.delete(name)
        _forget_images(receipt, theirs.filter(id__in=[number for number, _ in some]))
        receipt.rest()


_HANGING = {"image_link": "ImageLink", "image_share": "ImageShare"}


@transactional
def _forget_images(receipt: Receipt, rows: QuerySet[Image]) -> None:
    gone = list(rows.select_for_update().values_list("id", flat=True))
    _, by_table = rows.filter(id__in=gone).delete()
    hanging = {table: by_table.get(f"api.{model}", 0) for table, model in _HANGING.items()}
    receipt.count(rows={"image": len(gone), **hanging}, files=len(gone) * images.FILES_OF_ONE)


def erase_contact_avatars(receipt: Receipt, organization_id: uuid.UUID) -> None:
    """Raises TemporarilyUnavailable, Postponed."""
    pictured = Contact.objects.filter(organization_id=organization_id).exclude(avatar="").order_by("id")
    while some := list(pictured.values_list("id", "avatar")[:_IMAGES_AT_ONCE]):
        for _, name in some:
            avatars.delete(name)
        _forget_contact_avatars(receipt, [contact_id for contact_id, _ in some])
        receipt.rest()


@transactional
def _forget_contact_avatars(receipt: Receipt, contact_ids: Sequence[uuid.UUID]) -> None:
    forgotten = Contact.objects.filter(id__in=contact_ids).exclude(avatar="").update(avatar="")
    receipt.count(files=2 * forgotten)


def erase_avatar(receipt: Receipt, user_id: uuid.UUID) -> None:
    """Raises TemporarilyUnavailable."""
    name = User.objects.filter(id=user_id).values_list("avatar", flat=True).first()
    if name:
        avatars.delete(name)
        _forget_avatar(receipt, user_id)


@transactional
def _forget_avatar(receipt: Receipt, user_id: uuid.UUID) -> None:
    if User.objects.filter(id=user_id).exclude(avatar="").update(avatar=""):
        receipt.count(files=2)


def erase_exports(receipt: Receipt, whose: Q) -> None:
    """Calls off what is under way. Raises TemporarilyUnavailable, Postponed."""
    for export in Export.objects.filter(whose).order_by("created_at"):
        jobs.revoke(export.id)
        if export.name:
            storage.discard(export.name)
        _forget_export(receipt, export)
        receipt.rest()


@transactional
def _forget_export(receipt: Receipt, export: Export) -> None:
    gone = Export.objects.filter(id=export.id, name=export.name).delete()[0]
    receipt.count(rows={"export": gone}, files=gone if export.ready_at else 0)
