"""Images on objects of any registered kind: in an order without gaps, one of them the cover at most.

Each change locks the organization first, so two of them never meet; the constraints hold even if we err.
"""

import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple

from django.db.models import Case, F, Value, When

from api.apis.orgs import selectors as orgs
from api.exceptions import ApiError, InvalidInput, NotThere
from api.models import Image, ImageLink
from api.platform import audit, changes, kinds
from api.platform.callers import Caller
from api.platform.kinds import Target
from api.platform.transactions import transactional

IMAGES_ON_AN_OBJECT_MAX = 100
# Behind every place that is taken: from there links move to their new places without meeting.
_ASIDE = 1_000_000


class TooManyImages(ApiError):
    """An object has at most a hundred images."""

    status = HTTPStatus.CONFLICT
    code = "too_many_images"
    title = "The object has too many images"
    remedy = "Take one off first."


class Place(NamedTuple):
    """An object as a caller names it."""

    organization: str
    app_label: str
    model: str
    name: str


@transactional
def attach(caller: Caller, place: Place, image_ids: Sequence[int]) -> tuple[Target, int]:
    """Puts images behind those that the object has; returns how many were new. The first one it ever has is its cover.

    All or nothing. Raises NotThere, Forbidden, TooManyImages.
    """
    target, change_seq = _locked(caller, place)
    wanted = list(dict.fromkeys(image_ids))
    if Image.objects.filter(organization_id=target.organization_id, id__in=wanted).count() < len(wanted):
        raise NotThere
    present = _links(target)
    there = {link.image_id for link in present}
    new = [image_id for image_id in wanted if image_id not in there]
    if len(present) + len(new) > IMAGES_ON_AN_OBJECT_MAX:
        raise TooManyImages
    for number, image_id in enumerate(new):
        position = len(present) + number
        count = change_seq + number + 1
        is_cover = True if position == 0 else None
        ImageLink.objects.create(
            image_id=image_id, position=position, is_cover=is_cover, change_seq=count, **target._asdict()
        )
    if new:
        changes.move(target.organization_id, after=change_seq + len(new) - 1)
        _record(caller, target, "image.attached", new)
    return target, len(new)


@transactional
def detach(caller: Caller, place: Place, image_ids: Sequence[int]) -> Target:
    """Takes images off an object, all or nothing; the others close up. Raises NotThere, Forbidden."""
    target, change_seq = _locked(caller, place)
    present = _links(target)
    going = {image_id for image_id in image_ids if any(link.image_id == image_id for link in present)}
    if len(going) < len(set(image_ids)):
        raise NotThere
    ImageLink.objects.filter(id__in=[link.id for link in present if link.image_id in going]).delete()
    # Who is gone has no row to carry a count, but the organization's has moved.
    change_seq = changes.move(target.organization_id, after=change_seq)
    arrange([link for link in present if link.image_id not in going], change_seq)
    _record(caller, target, "image.detached", sorted(going))
    return target


@transactional
def reorder(caller: Caller, place: Place, image_ids: Sequence[int]) -> Target:
    """Puts the images of an object into this order, which names each of them once. Raises NotThere, Forbidden, InvalidInput."""
    target, change_seq = _locked(caller, place)
    present = {link.image_id: link for link in _links(target)}
    if len(image_ids) != len(present) or set(image_ids) != present.keys():
        raise InvalidInput.of("image_ids", "not_the_full_set", "Name every image of the object once.")
    if arrange([present[image_id] for image_id in image_ids], change_seq) > change_seq:
        _record(caller, target, "image.reordered", list(image_ids))
    return target


@transactional
def set_cover(caller: Caller, place: Place, image_id: int | None) -> Target:
    """Makes one of an object's images its cover, or none. Raises NotThere, Forbidden."""
    target, change_seq = _locked(caller, place)
    present = _links(target)
    if image_id is not None and not any(link.image_id == image_id for link in present):
        raise NotThere
    before = next((link for link in present if link.is_cover), None)
    if (before.image_id if before else None) == image_id:
        return target
    for link in (before, next((link for link in present if link.image_id == image_id), None)):
        if link is not None:
            change_seq = changes.move(target.organization_id, after=change_seq)
            is_cover = None if link is before else True
            ImageLink.objects.filter(id=link.id).update(is_cover=is_cover, change_seq=change_seq)
    _record(caller, target, "image.cover_changed", [image_id] if image_id is not None else [])
    return target


@transactional
def describe(caller: Caller, place: Place, image_id: int, values: Mapping[str, str]) -> Target:
    """Gives an image other words on this object; empty ones leave it its own. Raises NotThere, Forbidden."""
    target, change_seq = _locked(caller, place)
    link = next((link for link in _links(target) if link.image_id == image_id), None)
    if link is None:
        raise NotThere
    changed = {field: value for field, value in values.items() if getattr(link, field) != value}
    if changed:
        change_seq = changes.move(target.organization_id, after=change_seq)
        ImageLink.objects.filter(id=link.id).update(**changed, change_seq=change_seq)
        _record(caller, target, "image.described", [image_id])
    return target


def arrange(links: Sequence[ImageLink], change_seq: int) -> int:
    """Gives the links of an object their places in this order; each that moves carries a new count, the last of which
    is returned. The organization is locked at `change_seq`.
    """
    moved = [(position, link) for position, link in enumerate(links) if link.position != position]
    if not moved:
        return change_seq
    rows = ImageLink.objects.filter(id__in=[link.id for _, link in moved])
    rows.update(position=F("position") + _ASIDE)
    places = [When(id=link.id, then=Value(position)) for position, link in moved]
    counts = [When(id=link.id, then=Value(change_seq + number)) for number, (_, link) in enumerate(moved, 1)]
    rows.update(position=Case(*places), change_seq=Case(*counts))
    return changes.move(moved[0][1].organization_id, after=change_seq + len(moved) - 1)


def take_everywhere(images: Sequence[Image], change_seq: int) -> int:
    """Takes images that are deleted off every object, and what hangs on them off them. The organization is locked at
    `change_seq`; returns where it stands then.
    """
    links = ImageLink.objects.filter(image__in=images)
    objects = sorted(set(links.values_list("kind", "object_id")))
    links.delete()
    kinds.forget(kinds.IMAGE, [image.uid for image in images])
    for kind, object_id in objects:
        rest = ImageLink.objects.filter(kind=kind, object_id=object_id).order_by("position")
        change_seq = arrange(list(rest), change_seq)
    return change_seq


def unite(*, winner: Target, loser: Target, change_seq: int) -> int:
    """Puts the images of one object behind those of another, and leaves it none; the cover of the other stays, if it has
    one. Both are of one organization, which is locked at this count of changes; returns the count moved.

    Raises TooManyImages.
    """
    there = _links(winner)
    taken, has_cover = {link.image_id for link in there}, any(link.is_cover for link in there)
    moving = [link for link in _links(loser) if link.image_id not in taken]
    if moving and len(there) + len(moving) > IMAGES_ON_AN_OBJECT_MAX:
        raise TooManyImages
    for number, link in enumerate(moving):
        ImageLink.objects.filter(id=link.id).update(
            object_id=winner.object_id,
            position=len(there) + number,
            is_cover=link.is_cover if not has_cover else None,
            change_seq=change_seq + number + 1,
        )
    ImageLink.objects.filter(kind=loser.kind, object_id=loser.object_id).delete()
    return changes.move(winner.organization_id, after=change_seq + len(moving) - 1) if moving else change_seq


def has_any(organization_id: uuid.UUID) -> bool:
    """Whether an organization has an image."""
    return Image.objects.filter(organization_id=organization_id).exists()


def move_all(
    *, source: uuid.UUID, target: uuid.UUID, count: int, creator: tuple[uuid.UUID, uuid.UUID] | None = None
) -> None:
    """Moves the images of one organization, and what they hang on, to another. Both are locked; `count` is added to the
    counts of changes. `creator` names somebody whose images become somebody else's.
    """
    of_source = Image.objects.filter(organization_id=source)
    if creator is not None:
        of_source.filter(creator_id=creator[0]).update(creator_id=creator[1])
    of_source.update(organization_id=target, change_seq=F("change_seq") + count, version=F("version") + 1)
    links = ImageLink.objects.filter(organization_id=source)
    links.update(organization_id=target, change_seq=F("change_seq") + count)


def _locked(caller: Caller, place: Place) -> tuple[Target, int]:
    """The object, and the organization's count of changes. Raises NotThere, Forbidden."""
    organization_id = orgs.organization_id_of(caller, place.organization, "images.write")
    change_seq = changes.lock(organization_id)
    changes.require_not_taken_up(caller)
    return kinds.target_of(organization_id, place.app_label, place.model, place.name), change_seq


def _links(target: Target) -> list[ImageLink]:
    found = ImageLink.objects.filter(kind=target.kind, object_id=target.object_id)
    return list(found.order_by("position"))


def _record(caller: Caller, target: Target, action: str, image_ids: Sequence[int]) -> None:
    audit.record(
        caller,
        action,
        target_kind=target.kind.partition("/")[2],
        target_id=target.object_id,
        organization_id=target.organization_id,
        changes={"images": [None, list(image_ids)]},
    )
