"""Changing images. Each change locks the organization, then the image, and moves both their counts."""

import uuid
from collections.abc import Collection, Mapping, Sequence

from api.apis.images.selectors import image_key
from api.apis.images.services.linking import take_everywhere
from api.apis.images.services.taking import discard_later
from api.apis.orgs import selectors as orgs
from api.exceptions import NotThere
from api.models import Image
from api.platform import audit, changes
from api.platform.callers import Caller
from api.platform.transactions import transactional
from api.platform.versions import require_version


@transactional
def update_image(
    caller: Caller,
    *,
    organization: str,
    image_id: str,
    values: Mapping[str, str],
    expected: Collection[int] | None = None,
) -> int:
    """Changes what is given, if the version is one of those `expected` (None: any); nothing moves when nothing differs.

    Raises NotThere, Forbidden, VersionConflict.
    """
    number, organization_id = image_key(caller, organization=organization, image_id=image_id, action="images.write")
    change_seq = changes.lock(organization_id)
    changes.require_not_taken_up(caller)
    image = _locked(organization_id, number)
    require_version(image.version, expected)
    changed = [field for field, value in values.items() if getattr(image, field) != value]
    if changed:
        for field in changed:
            setattr(image, field, values[field])
        image.version += 1
        image.change_seq = changes.move(organization_id, after=change_seq)
        image.save(update_fields=[*changed, "version", "change_seq", "updated_at"])
        audit.record(
            caller,
            "image.updated",
            target_kind="image",
            target_id=image.uid,
            organization_id=organization_id,
            changes={field: [None, None] for field in changed},  # of what people write at length, only that it changed
        )
    return image.id


@transactional
def delete_image(caller: Caller, *, organization: str, image_id: str, expected: Collection[int] | None = None) -> None:
    """Deletes the row, and its objects once that has committed. Raises NotThere, Forbidden, VersionConflict."""
    number, organization_id = image_key(caller, organization=organization, image_id=image_id, action="images.write")
    change_seq = changes.lock(organization_id)
    changes.require_not_taken_up(caller)
    image = _locked(organization_id, number)
    require_version(image.version, expected)
    _delete(caller, [image], change_seq)


@transactional
def delete_images(caller: Caller, *, organization: str, image_ids: Sequence[int]) -> list[bool]:
    """Deletes each image that is there; returns for each whether it was. Raises NotThere, Forbidden."""
    organization_id = orgs.organization_id_of(caller, organization, "images.write")
    change_seq = changes.lock(organization_id)
    changes.require_not_taken_up(caller)
    found = Image.objects.select_for_update().filter(organization_id=organization_id, id__in=image_ids).order_by("id")
    there = {image.id: image for image in found}
    if there:
        _delete(caller, list(there.values()), change_seq)
    return [image_id in there for image_id in image_ids]


def _locked(organization_id: uuid.UUID, image_id: int) -> Image:
    image = Image.objects.select_for_update().filter(id=image_id, organization_id=organization_id).first()
    if image is None:
        raise NotThere
    return image


def _delete(caller: Caller, gone: Sequence[Image], change_seq: int) -> None:
    """Deletes images of one organization, which is locked at this count of changes."""
    take_everywhere(gone, changes.move(gone[0].organization_id, after=change_seq))
    for image in gone:
        audit.record(
            caller, "image.deleted", target_kind="image", target_id=image.uid, organization_id=image.organization_id
        )
        image.delete()
        discard_later(image.name)
