"""Contacts that may be the same person, as `services.identities` keeps them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import OuterRef, Subquery, UUIDField, Value

from api.apis.contacts.selectors.searching import organizations_of
from api.models import Contact, ContactIdentity
from api.platform import changes
from api.platform.callers import Caller
from api.platform.keyset import Cursor, Order, Page, page_of

_COLUMNS = (
    "id",
    "organization_id",
    "slug",
    "display_name",
    "company",
    "emails",
    "phone_numbers",
    "avatar",
    "version",
    "updated_at",
)
DUPLICATE_SORTS = {"value": "value"}


def duplicates_of(
    caller: Caller,
    *,
    filters: Mapping[str, Sequence[Any]],
    sort: tuple[tuple[str, bool], ...],
    cursor: Cursor | None,
    limit: int,
    wants_total: bool,
) -> Page:
    """A page of pairs of the contacts that the caller may read: each names the `value` that both have, and two `contacts`,
    the first of which is the same in all pairs of a value. Two queries, whatever there is.

    `filters` may hold `org` (slugs or ids). Raises NotThere for an organization that is not the caller's.
    """
    organizations = organizations_of(caller, filters.get("org"))
    same = ContactIdentity.objects.filter(
        organization_id=OuterRef("organization_id"), is_repeat=Value(False), value=OuterRef("value")
    )
    repeats: Any = ContactIdentity.objects.filter(is_repeat=Value(True))
    first = Subquery(same.values("contact_id")[:1], output_field=UUIDField())
    repeats = repeats.annotate(first=first).values("value", "contact_id", "first")
    order = [
        *(Order(DUPLICATE_SORTS[name], is_descending) for name, is_descending in sort),
        Order("contact_id", sort[-1][1]),
    ]
    with changes.on_replica(organizations):
        page = page_of(
            repeats,
            order=order,
            cursor=cursor,
            limit=limit,
            wants_total=wants_total,
            partition=("organization_id", organizations),
        )
        wanted = {row[side] for row in page.rows for side in ("first", "contact_id")}
        contacts = {row["id"]: row for row in Contact.objects.filter(id__in=wanted).values(*_COLUMNS)}
    pairs = [
        {"value": row["value"], "contacts": [contacts[row["first"]], contacts[row["contact_id"]]]}
        for row in page.rows
        if row["first"] in contacts and row["contact_id"] in contacts  # merged since
    ]
    return page._replace(rows=pairs)
