"""Reading contacts: always narrowed to the organizations in which the caller may do the action."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import IntegerField, Max, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from api.apis.orgs import selectors as orgs
from api.exceptions import NotThere
from api.models import Contact, ContactTerm, Organization
from api.models.base import IDENTITY_MAX_BYTES, identity_of
from api.platform import search
from api.platform.callers import Caller
from api.platform.ids import as_uuid
from api.platform.keyset import Cursor, Order, Page, page_of

RESTORABLE_DAYS = 30
_PARTS_MAX = 50

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
SORTS = {
    "display_name": "display_name_key",
    "first_name": "first_name_key",
    "last_name": "last_name_key",
    "email": "email_key",
    "created_at": "created_at",
    "updated_at": "updated_at",
}


def contacts_of(
    caller: Caller,
    *,
    filters: Mapping[str, Sequence[Any]],
    query: str,
    sort: tuple[tuple[str, bool], ...],
    cursor: Cursor | None,
    limit: int,
    wants_total: bool,
) -> Page:
    """A page of the contacts that the caller may read: those that match, best first where a query ranks them.

    `filters` may hold `org` (slugs or ids), `creator` (usernames), `updated_since` (times). Raises NotThere for an
    organization that is not the caller's.
    """
    organizations = _organizations(caller, filters.get("org"))
    rows: QuerySet[Contact, Any] = Contact.objects.filter(organization_id__in=organizations, deleted_at=None)
    if "creator" in filters:
        names = [identity_of(name) for name in filters["creator"]]
        possible = [name for name in names if len(name.encode()) <= IDENTITY_MAX_BYTES]
        rows = rows.filter(creator__username_identity__in=possible or [""])
    if "updated_since" in filters:
        since: datetime = min(filters["updated_since"])
        rows = rows.filter(updated_at__gte=since)
    order = [Order(SORTS[name], is_descending) for name, is_descending in sort]
    columns = [*COLUMNS, *(column for column, _ in order if column not in COLUMNS)]
    if query:
        terms = search.query_terms(query)
        if not terms:
            return Page([], None, None, 0 if wants_total else None)
        rows = _matching(rows, organizations, terms)
        order.insert(0, Order("rank", True))
        columns.append("rank")
    order.append(Order("id", False))
    # Ranked rows follow no index, and a part for each of very many organizations would be a statement without end.
    is_parted = not query and len(organizations) <= _PARTS_MAX
    partition = ("organization_id", organizations) if is_parted else None
    return page_of(
        rows.values(*columns), order=order, cursor=cursor, limit=limit, wants_total=wants_total, partition=partition
    )


def state_of_contacts(caller: Caller, *, filters: Mapping[str, Sequence[Any]]) -> list[tuple[uuid.UUID, int]]:
    """What moves with every change of what `contacts_of` reads: each organization's count of changes. Raises NotThere."""
    organizations = Organization.objects.filter(id__in=_organizations(caller, filters.get("org")))
    return list(organizations.order_by("id").values_list("id", "change_seq"))


def _organizations(caller: Caller, names: Sequence[str] | None) -> list[uuid.UUID]:
    if names is None:
        return orgs.organizations_permitting(caller, "contacts.read")
    return [orgs.organization_id_of(caller, name, "contacts.read") for name in names]


def _matching(
    rows: "QuerySet[Contact, Any]", organizations: Sequence[uuid.UUID], terms: Sequence[str]
) -> "QuerySet[Contact, Any]":
    """Rows in which every term begins a word, with `rank`: the sum of the weights of the best words."""
    rank: Any = Value(0)
    for term in terms:
        first, behind = search.prefix_range(term)
        found = ContactTerm.objects.filter(organization_id__in=organizations, term__gte=first, term__lt=behind)
        rows = rows.filter(id__in=found.values("contact_id"))
        best = found.filter(contact_id=OuterRef("id")).order_by().values("contact_id").annotate(best=Max("weight"))
        rank = rank + Coalesce(Subquery(best.values("best")), 0, output_field=IntegerField())
    return rows.annotate(rank=rank)


def _named(caller: Caller, name: str) -> "QuerySet[Contact]":
    """The contact called `name` (slug or UUID), in the caller's organizations only."""
    key = as_uuid(name)
    slug = name[:100] if name.isascii() and name.isprintable() else ""
    named = Contact.objects.filter(id=key) if key else Contact.objects.filter(slug=slug)
    return named.filter(organization_id__in=list(caller.memberships))


def contact_key(caller: Caller, name: str, action: str) -> tuple[uuid.UUID, uuid.UUID]:
    """The id and the organization of the contact that `name` (slug or UUID) means, tombstones included, on which the
    caller may do `action`. A stranger's contact and a missing one take the same query. Raises NotThere, Forbidden.
    """
    found = _named(caller, name).values_list("id", "organization_id").first()
    if found is None:
        raise NotThere
    orgs.require_permission(caller, found[1], action)
    return found


def contact_of(caller: Caller, name: str) -> dict[str, Any]:
    """One contact that the caller may read, not deleted. Raises NotThere, Forbidden."""
    row: dict[str, Any] | None = _named(caller, name).filter(deleted_at=None).values(*COLUMNS).first()
    if row is None:
        raise NotThere
    orgs.require_permission(caller, row["organization_id"], "contacts.read")
    return row


def restorable_since() -> datetime:
    """Tombstones younger than this can be made contacts again."""
    return timezone.now() - timedelta(days=RESTORABLE_DAYS)


def stored_contact(contact_id: uuid.UUID) -> dict[str, Any]:
    """A contact that a service has just returned to its caller, deleted or not."""
    row: dict[str, Any] = Contact.objects.values(*COLUMNS).get(id=contact_id)
    return row
