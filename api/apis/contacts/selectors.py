"""Reading contacts: always narrowed to the organizations in which the caller may do the action."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from operator import itemgetter
from typing import Any

from django.db.models import IntegerField, Max, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from api.apis.orgs import selectors as orgs
from api.apis.tags import selectors as tags
from api.exceptions import ApiError, NotThere
from api.models import Contact, ContactTerm, TagLink
from api.models.base import IDENTITY_MAX_BYTES, identity_of
from api.platform import changes, kinds, search
from api.platform.callers import Caller
from api.platform.deadlines import DeadlinePassed, deadline
from api.platform.ids import as_uuid
from api.platform.keyset import Cursor, Order, Page, page_of
from api.platform.statements import Rows, Statement, statement


class SearchTooBroad(ApiError):
    """So many contacts have every word that they cannot be ranked in time; the same search again is no better."""

    status = HTTPStatus.BAD_REQUEST
    code = "search_too_broad"
    title = "Too much matches"
    detail = "Search for longer words, or in one organization."


RESTORABLE_DAYS = 30
# Words that each are there more often decide little: what has them comes in the order that was asked for, along its index,
# and is not ranked.
_RANKED_MAX = 5_000
# What one search may take of the database: far more than one that a person waits for.
_SEARCH_SECONDS = 2.0

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

    `filters` may hold `org` (slugs or ids), `tag` (slugs), `creator` (usernames), `updated_since` (times). Raises NotThere
    for an organization that is not the caller's, SearchTooBroad.
    """
    organizations = _organizations(caller, filters.get("org"))
    creators = _possible_names(filters["creator"]) if "creator" in filters else None
    since: datetime | None = min(filters["updated_since"]) if "updated_since" in filters else None
    order = [Order(SORTS[name], is_descending) for name, is_descending in sort]
    columns = (*COLUMNS, *(column for column, _ in order if column not in COLUMNS))
    order.append(Order("id", sort[-1][1]))  # the way of the column before it: an index is read in one direction
    window: Any = {"cursor": cursor, "limit": limit, "wants_total": wants_total}
    with changes.on_replica(organizations):
        tag_ids = tags.tag_ids(organizations, filters["tag"]) if "tag" in filters else None
        rows = _contacts(creators, since, tag_ids, columns=columns)
        if query:
            page = _ranked(rows, organizations, query, order=order, **window)
        else:
            page = page_of(rows, order=order, partition=("organization_id", organizations), **window)
        return page._replace(rows=_with_tags(page.rows))


_EXPORTED_AT_ONCE = 500


def all_contacts_of(
    caller: Caller, *, filters: Mapping[str, Sequence[Any]], query: str, sort: tuple[tuple[str, bool], ...]
) -> Iterator[dict[str, Any]]:
    """All contacts that `contacts_of` would page through, a few hundred in memory at a time. The first are read at once:
    what is refused is refused here, and not while the rest is read. Raises as that does.
    """
    asked: Any = {"filters": filters, "query": query, "sort": sort, "limit": _EXPORTED_AT_ONCE, "wants_total": False}
    first = contacts_of(caller, cursor=None, **asked)

    def rows(page: Page) -> Iterator[dict[str, Any]]:
        yield from page.rows
        while page.next is not None:
            page = contacts_of(caller, cursor=page.next, **asked)
            yield from page.rows

    return rows(first)


def _ranked(
    rows: Statement,
    organizations: Sequence[uuid.UUID],
    query: str,
    *,
    order: Sequence[Order],
    limit: int,
    cursor: Cursor | None,
    wants_total: bool,
) -> Page:
    window: Any = {"cursor": cursor, "limit": limit, "wants_total": wants_total}
    terms = search.query_terms(query)
    if not terms:
        return Page([], None, None, 0 if wants_total else None)
    words = [_words_of(organizations, term) for term in terms]
    numbers = [found.values("contact_id")[: _RANKED_MAX + 1].count() for found in words]
    words = [found for _, found in sorted(zip(numbers, words, strict=True), key=itemgetter(0))]
    # What a page began with, the next one goes on with.
    is_ranked = min(numbers) <= _RANKED_MAX if cursor is None else len(cursor.values) > len(order)
    try:
        with deadline(_SEARCH_SECONDS):
            if is_ranked:  # by no index
                every = rows.queryset().filter(organization_id__in=organizations)
                return page_of(_matching(every, words), order=[Order("rank", True), *order], **window)
            matching = _having(rows.queryset(), words)
            return page_of(matching, order=order, partition=("organization_id", organizations), **window)
    except DeadlinePassed as passed:
        raise SearchTooBroad from passed


def state_of_contacts(caller: Caller, *, filters: Mapping[str, Sequence[Any]]) -> list[tuple[uuid.UUID, int]]:
    """What moves with every change of what `contacts_of` reads: each organization's count of changes. Raises NotThere."""
    return changes.counts_of(_organizations(caller, filters.get("org")))


@statement
def _contacts(
    creators: Sequence[Any] | None, since: Any, tag_ids: Sequence[Any] | None, *, columns: tuple[str, ...]
) -> Rows:
    rows = Contact.objects.filter(deleted_at=None).values(*columns)
    if creators is not None:
        rows = rows.filter(creator__username_identity__in=creators)
    if since is not None:
        rows = rows.filter(updated_at__gte=since)
    if tag_ids is not None:
        tagged = TagLink.objects.filter(tag__id__in=tag_ids, kind=kinds.CONTACT)
        rows = rows.filter(id__in=tagged.values("object_id"))
    return rows


def _with_tags(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, each with its `tags`, which are one more statement for all of them."""
    found = tags.tags_by_object(kinds.CONTACT, [row["id"] for row in rows])
    for row in rows:
        row["tags"] = found.get(row["id"], [])
    return rows


def _possible_names(names: Sequence[str]) -> list[str]:
    """The identities of the usernames that anybody can have."""
    identities = [identity_of(name) for name in names]
    return [name for name in identities if len(name.encode()) <= IDENTITY_MAX_BYTES]


def _organizations(caller: Caller, names: Sequence[str] | None) -> list[uuid.UUID]:
    if names is None:
        return orgs.organizations_permitting(caller, "contacts.read")
    return [orgs.organization_id_of(caller, name, "contacts.read") for name in names]


def _matching(rows: "QuerySet[Contact, Any]", words: Sequence["QuerySet[ContactTerm]"]) -> "QuerySet[Contact, Any]":
    """Rows that have a word of each; `words` begin with the rarest, which the search begins with."""
    rows = rows.filter(id__in=words[0].values("contact_id"))
    return _having(rows, words[1:]).annotate(rank=sum(map(_weight_of, words), start=Value(0)))


def _having(rows: "QuerySet[Contact, Any]", words: Sequence["QuerySet[ContactTerm]"]) -> "QuerySet[Contact, Any]":
    """Rows that have a word of each, looked up row by row: as a join, a broad word would be what the database begins with."""
    for number, found in enumerate(words):
        one = found.filter(contact_id=OuterRef("id")).values(there=Value(1))[:1]
        rows = rows.alias(**{f"has_{number}": Subquery(one)}).filter(**{f"has_{number}": 1})
    return rows


def _weight_of(found: "QuerySet[ContactTerm]") -> Any:
    """The weight of the best word of a contact."""
    best = found.filter(contact_id=OuterRef("id")).order_by().values("contact_id").annotate(best=Max("weight"))
    return Coalesce(Subquery(best.values("best")), 0, output_field=IntegerField())


def _words_of(organizations: Sequence[uuid.UUID], term: str) -> "QuerySet[ContactTerm]":
    first, behind = search.prefix_range(term)
    return ContactTerm.objects.filter(organization_id__in=organizations, term__gte=first, term__lt=behind)


def contact_key(caller: Caller, name: str, action: str) -> tuple[uuid.UUID, uuid.UUID]:
    """The id and the organization of the contact that `name` (slug or UUID) means, tombstones included, on which the
    caller may do `action`. A stranger's contact and a missing one take the same query. Raises NotThere, Forbidden.
    """
    row = _named(caller, name, columns=("id", "organization_id")).first()
    if row is None:
        raise NotThere
    orgs.require_permission(caller, row["organization_id"], action)
    return row["id"], row["organization_id"]


def contact_of(caller: Caller, name: str) -> dict[str, Any]:
    """One contact that the caller may read, not deleted. Raises NotThere, Forbidden."""
    row = _named(caller, name, columns=COLUMNS).first()
    if row is None or row["deleted_at"] is not None:
        raise NotThere
    orgs.require_permission(caller, row["organization_id"], "contacts.read")
    return _with_tags([row])[0]


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
    return {**row, "tags": []} if is_new else _with_tags([row])[0]


@statement
def _stored(contact_id: Any) -> Rows:
    return Contact.objects.filter(id=contact_id).values(*COLUMNS)


def stored_contacts(contact_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    """Contacts that services have just returned to their caller, by their ids."""
    rows = Contact.objects.filter(id__in=contact_ids).values(*COLUMNS)
    return {row["id"]: row for row in _with_tags(list(rows))}


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
