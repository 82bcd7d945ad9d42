"""Single contacts: what a name means, and what services have just stored."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from api.apis.orgs import selectors as orgs
from api.apis.tags import selectors as tags
from api.exceptions import NotThere
from api.models import Contact, ContactIdentity
from api.models.base import IDENTITY_MAX_BYTES, identity_of
from api.platform import kinds, search
from api.platform.callers import Caller
from api.platform.ids import as_uuid
from api.platform.keyset import Cursor, Order, Page, page_of
from api.platform.statements import Rows, Statement, statement

RESTORABLE_DAYS = 30

# What a contact's answer is made of, in one query.
COLUMNS = (
    "id",
    "organization_id",
    "slug",
    "display_name",
    "first_name",
    "last_name",
    "company",
    "title",
    "emails",
    "phone_numbers",
    "addresses",
    "birth_date",
    "location",
    "website",
    "notes",
    "custom_fields",
    "avatar",
    "creator__username",
    "version",
    "created_at",
    "updated_at",
    "deleted_at",
)
# What answers for it besides.
_FOLLOWED = (*COLUMNS, "merged_into_id")


def with_tags(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, each with its `tags`, which are one more statement for all of them."""
    found = tags.tags_by_object(kinds.CONTACT, [row["id"] for row in rows])
    for row in rows:
        row["tags"] = found.get(row["id"], [])
    return rows


def contact_key(caller: Caller, name: str, action: str) -> tuple[uuid.UUID, uuid.UUID]:
    """The id and the organization of the contact that `name` (slug or UUID) means, tombstones included, on which the
    caller may do `action`. A stranger's contact and a missing one take the same query. Raises NotThere, Forbidden.
    """
    row = _named(caller, name, columns=("id", "organization_id")).first()
    if row is None:
        raise NotThere
    orgs.require_permission(caller, row["organization_id"], action)
    return row["id"], row["organization_id"]


def require_contact(caller: Caller, name: str, action: str) -> uuid.UUID:
    """The id of a contact that is there, on which the caller may do `action`. Raises NotThere, Forbidden."""
    row = _named(caller, name, columns=("id", "organization_id", "deleted_at")).first()
    if row is None or row["deleted_at"] is not None:
        raise NotThere
    orgs.require_permission(caller, row["organization_id"], action)
    contact_id: uuid.UUID = row["id"]
    return contact_id


def contact_of(caller: Caller, name: str) -> dict[str, Any]:
    """One contact that the caller may read, not deleted; for one that was merged, the other. Raises NotThere, Forbidden."""
    row = _named(caller, name, columns=_FOLLOWED).first()
    if row is not None and row["merged_into_id"] is not None:
        row = _named(caller, str(row["merged_into_id"]), columns=_FOLLOWED).first()
    if row is None or row["deleted_at"] is not None:
        raise NotThere
    orgs.require_permission(caller, row["organization_id"], "contacts.read")
    return with_tags([row])[0]


def _named(caller: Caller, name: str, *, columns: tuple[str, ...]) -> Statement:
    """The contact called `name` (slug or UUID), in the caller's organizations only."""
    key = as_uuid(name)
    slug = name[:100] if name.isascii() and name.isprintable() else ""
    return _contact(key, None if key else slug, list(caller.memberships), columns=columns)


@statement
def _contact(key: Any, slug: Any, organizations: Sequence[Any], *, columns: tuple[str, ...]) -> Rows:
    named = Contact.objects.filter(id=key) if key else Contact.objects.filter(slug=slug)
    return named.filter(organization__id__in=organizations).values(*columns)


def restorable_since() -> datetime:
    """Tombstones younger than this can be made contacts again."""
    return timezone.now() - timedelta(days=RESTORABLE_DAYS)


def stored_contact(contact_id: uuid.UUID, *, is_new: bool = False) -> dict[str, Any]:
    """A contact that a service has just returned to its caller, deleted or not."""
    (row,) = _stored(contact_id).rows()
    return {**row, "tags": []} if is_new else with_tags([row])[0]


@statement
def _stored(contact_id: Any) -> Rows:
    return Contact.objects.filter(id=contact_id).values(*COLUMNS)


def stored_contacts(contact_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    """Contacts that services have just returned to their caller, by their ids."""
    rows = Contact.objects.filter(id__in=contact_ids).values(*COLUMNS)
    return {row["id"]: row for row in with_tags(list(rows))}


# For staff: not narrowed to a caller. Only the CMS may ask.


def contacts_named_for_staff(text: str, *, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` contacts whose slug begins with `text`, by slug; or the one with this id."""
    columns = ("id", "slug", "display_name", "organization_id", "organization__name")
    rows = Contact.objects.filter(deleted_at=None).values(*columns)
    key = as_uuid(text.lower())
    if key is not None:
        return list(rows.filter(id=key))
    first, behind = search.prefix_range(identity_of(text))
    if len(behind.encode()) > IDENTITY_MAX_BYTES:
        return []
    return list(rows.filter(slug__gte=first, slug__lt=behind).order_by("slug")[:limit])


def contacts_with_for_staff(value: str, *, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` contacts, whosever they are, with an e-mail address or a telephone number (E.164) that begins so."""
    first, behind = search.prefix_range(identity_of(value))
    if len(behind.encode()) > IDENTITY_MAX_BYTES:
        return []
    found = ContactIdentity.objects.filter(value__gte=first, value__lt=behind).order_by("value", "contact_id")
    ids = list(dict.fromkeys(found.values_list("contact_id", flat=True)[:limit]))
    columns = ("id", "slug", "display_name", "organization_id", "organization__name")
    return list(Contact.objects.filter(id__in=ids, deleted_at=None).values(*columns)) if ids else []


def contacts_made_by_for_staff(user_id: uuid.UUID, *, most: int) -> tuple[int, bool]:
    """How many of the contacts that somebody has made are there still, and whether there may be more: no more than `most`
    are looked at.
    """
    made = Contact.objects.filter(creator_id=user_id).values("id", "deleted_at")[:most]
    counted = made.aggregate(all=Count("*"), present=Count("id", filter=Q(deleted_at=None)))
    return counted["present"], counted["all"] >= most


def contacts_for_staff(organization_id: uuid.UUID, *, cursor: Cursor | None, limit: int) -> Page:
    """A page of an organization's contacts, newest first."""
    columns = ("id", "slug", "display_name", "company", "emails", "phone_numbers", "created_at", "updated_at")
    rows = Contact.objects.filter(organization_id=organization_id, deleted_at=None).values(*columns)
    page = page_of(rows, order=[Order("created_at", True), Order("id", True)], cursor=cursor, limit=limit)
    return page._replace(rows=[_with_first_values(row) for row in page.rows])


def _with_first_values(row: dict[str, Any]) -> dict[str, Any]:
    """A row with the primary, or first, of each kind of address in the place of all of them."""
    told = {**row}
    for name in ("emails", "phone_numbers"):
        entries = sorted(row[name], key=lambda entry: not entry.get("is_primary"))
        told[name] = entries[0]["value"] if entries else ""
    return told
