"""Reading tags: an organization's, and those on its objects."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from api.apis.orgs import selectors as orgs
from api.exceptions import NotThere
from api.models import Tag, TagLink
from api.models.base import IDENTITY_MAX_BYTES, identity_of
from api.platform import kinds, search
from api.platform.callers import Caller
from api.platform.keyset import Cursor, Order, Page, page_of
from api.platform.statements import Rows, statement

COLUMNS = ("id", "uid", "name", "slug", "color", "version", "created_at", "updated_at")
SORTS = {"name": "name_identity", "created_at": "created_at"}
# Pages differ in length; their statements, by multiples of this only.
_OBJECTS_AT_ONCE = 25


def tags_of(
    caller: Caller,
    *,
    organization: str,
    query: str,
    sort: tuple[tuple[str, bool], ...],
    cursor: Cursor | None,
    limit: int,
    wants_total: bool,
) -> Page:
    """A page of an organization's tags; with `query` those whose names begin with it. Raises NotThere, Forbidden."""
    organization_id = orgs.organization_id_of(caller, organization, "tags.read")
    rows: Any = Tag.objects.filter(organization_id=organization_id).values(*COLUMNS, "name_identity")
    wanted = identity_of(query.strip())
    if len(wanted.encode()) > IDENTITY_MAX_BYTES - 4:  # no name is as long; four bytes are those of the range's end
        return Page([], None, None, 0 if wants_total else None)
    if wanted:
        first, behind = search.prefix_range(wanted)
        rows = rows.filter(name_identity__gte=first, name_identity__lt=behind)
    order = [*(Order(SORTS[name], down) for name, down in sort), Order("id", sort[-1][1])]
    return page_of(rows, order=order, cursor=cursor, limit=limit, wants_total=wants_total)


def tags_on(
    caller: Caller,
    *,
    organization: str,
    app_label: str,
    model: str,
    name: str,
    sort: tuple[tuple[str, bool], ...],
    cursor: Cursor | None,
    limit: int,
    wants_total: bool,
) -> Page:
    """A page of the tags on an object. Raises NotThere, Forbidden."""
    organization_id = orgs.organization_id_of(caller, organization, "tags.read")
    target = kinds.target_of(organization_id, app_label, model, name)
    rows: Any = Tag.objects.filter(links__kind=target.kind, links__object_id=target.object_id)
    order = [*(Order(SORTS[name], down) for name, down in sort), Order("id", sort[-1][1])]
    rows = rows.values(*COLUMNS, "name_identity")
    return page_of(rows, order=order, cursor=cursor, limit=limit, wants_total=wants_total)


def tags_by_object(kind: str, object_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, list[dict[str, Any]]]:
    """The tags on each of some objects that the caller may read, by name; nothing for an object without."""
    found: dict[uuid.UUID, list[dict[str, Any]]] = defaultdict(list)
    if object_ids:
        padding = [object_ids[-1]] * (-len(object_ids) % _OBJECTS_AT_ONCE) if len(object_ids) > 1 else []
        for row in _on_objects([*object_ids, *padding], kind=kind).rows():
            tag = {"id": row["tag_id"], "slug": row["tag__slug"], "name": row["tag__name"]}
            found[row["object_id"]].append({**tag, "color": row["tag__color"] or None})
    return found


@statement
def _on_objects(object_ids: Sequence[Any], *, kind: str) -> Rows:
    rows = TagLink.objects.filter(kind=kind, object_id__in=object_ids).order_by("tag__name_identity")
    return rows.values("object_id", "tag_id", "tag__slug", "tag__name", "tag__color")


def tag_ids(organization_ids: Sequence[uuid.UUID], slugs: Sequence[str]) -> list[int]:
    """The ids of the tags with these slugs in some of the caller's organizations."""
    possible = [slug for slug in slugs if len(slug) <= IDENTITY_MAX_BYTES and slug.isascii()]
    rows = Tag.objects.filter(organization_id__in=organization_ids, slug__in=possible)
    return list(rows.values_list("id", flat=True))


def tag_key(caller: Caller, *, organization: str, tag: str, action: str) -> tuple[int, uuid.UUID]:
    """The ids of a tag and of its organization, in which the caller may do `action`. Raises NotThere, Forbidden."""
    organization_id = orgs.organization_id_of(caller, organization, action)
    identifier = kinds.by_number(tag)
    rows = Tag.objects.filter(organization_id=organization_id).values_list("id", flat=True)
    tag_id = rows.filter(**identifier).first() if identifier else None
    if tag_id is None:
        raise NotThere
    return tag_id, organization_id


def stored_tags_on(target: kinds.Target) -> list[dict[str, Any]]:
    """The tags on an object on which a service has just put some, by name."""
    rows = Tag.objects.filter(links__kind=target.kind, links__object_id=target.object_id)
    return list(rows.order_by("name_identity").values(*COLUMNS))


def stored_tag(tag_id: int) -> dict[str, Any]:
    """A tag that a service has just returned to its caller."""
    row: dict[str, Any] = Tag.objects.values(*COLUMNS).get(id=tag_id)
    return row


def tag_by_uid_for_staff(uid: uuid.UUID) -> dict[str, Any] | None:
    """Whose a tag is, and what it is called, for staff."""
    row = Tag.objects.filter(uid=uid).values("uid", "name", "organization_id", "organization__name").first()
    return {**row} if row else None


def tags_for_staff(organization_id: uuid.UUID, *, cursor: Cursor | None, limit: int) -> Page:
    """A page of an organization's tags, by name, for staff: not narrowed to a caller."""
    columns = ("id", "uid", "name", "name_identity", "slug", "color", "created_at", "updated_at")
    rows = Tag.objects.filter(organization_id=organization_id).values(*columns)
    return page_of(rows, order=[Order("name_identity", False), Order("id", False)], cursor=cursor, limit=limit)
