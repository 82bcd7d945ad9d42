"""Reading images: always narrowed to an organization of the caller."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from api.apis.orgs import selectors as orgs
from api.exceptions import NotThere
from api.models import Image, ImageLink
from api.platform import changes, kinds, storage
from api.platform.callers import Caller
from api.platform.keyset import Cursor, Order, Page, page_of
from api.platform.kinds import Target
from api.platform.statements import Rows, statement

# What an image's answer is made of, in one query.
COLUMNS = (
    "id",
    "uid",
    "organization_id",
    "name",
    "title",
    "description",
    "alt_text",
    "media_type",
    "width",
    "height",
    "size_bytes",
    "sha256",
    "dominant_color",
    "thumbhash",
    "creator__username",
    "version",
    "created_at",
    "updated_at",
)
SORTS = {"created_at": "created_at", "updated_at": "updated_at"}


def images_of(
    caller: Caller,
    *,
    organization: str,
    sort: tuple[tuple[str, bool], ...],
    cursor: Cursor | None,
    limit: int,
    wants_total: bool,
) -> Page:
    """A page of an organization's images. Raises NotThere, Forbidden."""
    organization_id = orgs.organization_id_of(caller, organization, "images.read")
    order = [*(Order(SORTS[name], down) for name, down in sort), Order("id", sort[-1][1])]
    return page_of(
        _images(),
        order=order,
        cursor=cursor,
        limit=limit,
        wants_total=wants_total,
        partition=("organization_id", [organization_id]),
    )


@statement
def _images() -> Rows:
    return Image.objects.values(*COLUMNS)


def state_of_images(caller: Caller, *, organization: str) -> list[Any]:
    """What moves with every change of what `images_of` reads, and with the addresses in it. Raises NotThere, Forbidden."""
    organization_id = orgs.organization_id_of(caller, organization, "images.read")
    return [*changes.counts_of([organization_id]), storage.window().begins_at]


def image_of(caller: Caller, *, organization: str, image_id: str) -> dict[str, Any]:
    """One image that the caller may read. Raises NotThere, Forbidden."""
    number, organization_id = image_key(caller, organization=organization, image_id=image_id, action="images.read")
    row = _image(number, organization_id).first()
    if row is None:
        raise NotThere
    return row


def stored_images(image_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Images that a service has just returned to its caller, by their ids."""
    return {row["id"]: row for row in Image.objects.filter(id__in=image_ids).values(*COLUMNS)}


def require_permission(caller: Caller, *, organization: str, action: str) -> None:
    """To be asked before a file is read. Raises NotThere, Forbidden."""
    orgs.organization_id_of(caller, organization, action)


def image_key(caller: Caller, *, organization: str, image_id: str, action: str) -> tuple[int, uuid.UUID]:
    """The number that may be an image's, and its organization, in which the caller may do `action`. Raises NotThere,
    Forbidden.
    """
    organization_id = orgs.organization_id_of(caller, organization, action)
    return number_of(image_id), organization_id


def number_of(image_id: str) -> int:
    """The number that an address names. Raises NotThere."""
    named = kinds.by_number(image_id)
    if named is None:
        raise NotThere
    return int(named["id"])


@statement
def _image(image_id: Any, organization_id: Any) -> Rows:
    return Image.objects.filter(id=image_id, organization_id=organization_id).values(*COLUMNS)


_ON_OBJECT = (
    *("position", "is_cover", "title", "description", "alt_text", "created_at"),
    *(f"image__{column}" for column in COLUMNS),
)


def images_on(
    caller: Caller,
    *,
    organization: str,
    app_label: str,
    model: str,
    name: str,
    cursor: Cursor | None,
    limit: int,
    wants_total: bool,
    is_descending: bool,
) -> Page:
    """A page of the images on an object, in their order. Raises NotThere, Forbidden."""
    organization_id = orgs.organization_id_of(caller, organization, "images.read")
    target = kinds.target_of(organization_id, app_label, model, name)
    order = [Order("position", is_descending)]
    return page_of(_on(target), order=order, cursor=cursor, limit=limit, wants_total=wants_total)


def stored_images_on(target: Target) -> list[dict[str, Any]]:
    """The images on an object that a service has just returned to its caller."""
    return list(_on(target).order_by("position"))


def _on(target: Target) -> "QuerySet[ImageLink, Any]":
    found = ImageLink.objects.filter(kind=target.kind, object_id=target.object_id)
    rows: QuerySet[ImageLink, Any] = found.values(*_ON_OBJECT)
    return rows


# For staff: not narrowed to a caller. Only the CMS may ask.


def images_for_staff(organization_id: uuid.UUID, *, cursor: Cursor | None, limit: int) -> Page:
    """A page of an organization's images, newest first."""
    rows = Image.objects.filter(organization_id=organization_id).values(*COLUMNS)
    return page_of(rows, order=[Order("created_at", True), Order("id", True)], cursor=cursor, limit=limit)


def images_made_by_for_staff(user_id: uuid.UUID, *, most: int) -> tuple[int, bool]:
    """How many images somebody has brought in, counted to `most`, and whether there may be more."""
    counted = Image.objects.filter(creator_id=user_id)[:most].count()
    return counted, counted >= most


def image_by_uid_for_staff(uid: uuid.UUID) -> dict[str, Any] | None:
    """Whose an image is, and what it is called."""
    row = Image.objects.filter(uid=uid).values("uid", "title", "organization_id", "organization__name").first()
    return {**row} if row else None


def image_for_staff(organization_id: uuid.UUID, uid: uuid.UUID) -> dict[str, Any]:
    """Raises NotThere."""
    rows: QuerySet[Image, dict[str, Any]] = Image.objects.filter(organization_id=organization_id, uid=uid).values(
        *COLUMNS, "creator_id"
    )
    row = rows.first()
    if row is None:
        raise NotThere
    return row
