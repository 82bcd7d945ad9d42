"""The list of contacts: filtered, searched, a page at a time or all of them."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from operator import itemgetter
from typing import Any

from django.db.models import IntegerField, Max, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from api.apis.contacts.selectors.naming import COLUMNS, with_tags
from api.apis.orgs import selectors as orgs
from api.apis.tags import selectors as tags
from api.exceptions import ApiError
from api.models import Contact, ContactTerm, TagLink
from api.models.base import IDENTITY_MAX_BYTES, identity_of
from api.platform import changes, kinds, search
from api.platform.callers import Caller
from api.platform.deadlines import DeadlinePassed, deadline
from api.platform.keyset import Cursor, Order, Page, page_of
from api.platform.statements import Rows, statement


class SearchTooBroad(ApiError):
    """So many contacts have every word that they cannot be ranked in time; the same search again is no better."""

    status = HTTPStatus.BAD_REQUEST
    code = "search_too_broad"
    title = "Too much matches"
    detail = "Search for longer words, or in one organization."


# Words that each are there more often decide little: what has them comes in the order that was asked for, along its index,
# and is not ranked.
_RANKED_MAX = 5_000
_FEW = 200
# What one search may take of the database: far more than one that a person waits for.
_SEARCH_SECONDS = 2.0
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
    organizations = organizations_of(caller, filters.get("org"))
    creators = _possible_names(filters["creator"]) if "creator" in filters else None
    since: datetime | None = min(filters["updated_since"]) if "updated_since" in filters else None
    order = [Order(SORTS[name], is_descending) for name, is_descending in sort]
    columns = (*COLUMNS, *(column for column, _ in order if column not in COLUMNS))
    order.append(Order("id", sort[-1][1]))  # the way of the column before it: an index is read in one direction
    window: Any = {"cursor": cursor, "limit": limit, "wants_total": wants_total}
    with changes.on_replica(organizations):
        tag_ids = tags.tag_ids(organizations, filters["tag"]) if "tag" in filters else None
        narrowed = (creators, since, tag_ids)
        if query:
            page = _found(narrowed, organizations, query, columns=columns, order=order, **window)
        else:
            rows = _contacts(*narrowed, columns=columns)
            page = page_of(rows, order=order, partition=("organization_id", organizations), **window)
        return page._replace(rows=with_tags(page.rows))


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


def _found(
    narrowed: Sequence[Any],
    organizations: Sequence[uuid.UUID],
    query: str,
    *,
    columns: tuple[str, ...],
    order: Sequence[Order],
    limit: int,
    cursor: Cursor | None,
    wants_total: bool,
) -> Page:
    """A page of what a query finds, among the contacts that `_contacts` reads."""
    window: Any = {"cursor": cursor, "limit": limit, "wants_total": wants_total}
    terms = search.query_terms(query)
    if not terms:
        return Page([], None, None, 0 if wants_total else None)
    words, least = _rarest_first(organizations, terms)
    if least == 0:
        return Page([], None, None, 0 if wants_total else None)
    # What a page began with, the next one goes on with.
    is_ranked = least <= _RANKED_MAX if cursor is None else len(cursor.values) > len(order)
    try:
        with deadline(_SEARCH_SECONDS):
            if is_ranked:  # by no index
                sorted_by = tuple(column for column, _ in order)
                ranked = _best_first(*narrowed, organizations, words, columns=sorted_by)
                page = page_of(ranked, order=[Order("rank", True), *order], **window)
                return page._replace(rows=_whole(page.rows, limit, columns=columns))
            matching = _having(
                _narrowed(*narrowed, columns=columns), [_words_of(organizations, *word) for word in words]
            )
            return page_of(matching, order=order, partition=("organization_id", organizations), **window)
    except DeadlinePassed as passed:
        raise SearchTooBroad from passed


def _rarest_first(organizations: Sequence[uuid.UUID], terms: Sequence[str]) -> tuple[list[tuple[str, str]], int]:
    """The bounds of some words, the rarest first, and how often that is there; beyond what is ranked, nobody counts on."""
    counted, least = [], _RANKED_MAX + 1
    # Long words tend to be rare; and of a word that is not rarer, nobody needs to know by how much.
    for term in sorted(terms, key=len, reverse=True):
        word, number = search.prefix_range(term), 0
        if least:
            number = len(_few(organizations, *word).rows())
            if number == _FEW < least:
                number = _words_of(organizations, *word).values("contact_id")[:least].count()
        counted.append((number, word))
        least = min(least, number)
    return [word for _, word in sorted(counted, key=itemgetter(0))], least


def state_of_contacts(caller: Caller, *, filters: Mapping[str, Sequence[Any]]) -> list[tuple[uuid.UUID, int]]:
    """What moves with every change of what `contacts_of` reads: each organization's count of changes. Raises NotThere."""
    return changes.counts_of(organizations_of(caller, filters.get("org")))


def _narrowed(
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


@statement
def _contacts(
    creators: Sequence[Any] | None, since: Any, tag_ids: Sequence[Any] | None, *, columns: tuple[str, ...]
) -> Rows:
    return _narrowed(creators, since, tag_ids, columns=columns)


def _possible_names(names: Sequence[str]) -> list[str]:
    """The identities of the usernames that anybody can have."""
    identities = [identity_of(name) for name in names]
    return [name for name in identities if len(name.encode()) <= IDENTITY_MAX_BYTES]


def organizations_of(caller: Caller, names: Sequence[str] | None) -> list[uuid.UUID]:
    """Those of some organizations, or of all of the caller's, whose contacts the caller may read. Raises NotThere, Forbidden."""
    if names is None:
        return orgs.organizations_permitting(caller, "contacts.read")
    return [orgs.organization_id_of(caller, name, "contacts.read") for name in names]


@statement
def _best_first(
    creators: Sequence[Any] | None,
    since: Any,
    tag_ids: Sequence[Any] | None,
    organizations: Sequence[Any],
    words: Sequence[Sequence[Any]],
    *,
    columns: tuple[str, ...],
) -> Rows:
    """Contacts that have a word within each of some bounds, and their `rank`; the search begins with the first of these."""
    rarest, *others = found = [_words_of(organizations, first, behind) for first, behind in words]
    rows = _narrowed(creators, since, tag_ids, columns=columns).filter(organization__id__in=organizations)
    rows = _having(rows.filter(id__in=rarest.values("contact_id")), others)
    return rows.annotate(rank=sum(map(_weight_of, found), start=Value(0)))


def _whole(rows: Sequence[dict[str, Any]], limit: int, *, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    """The contacts of a page, in its order: to be ranked they need not be whole, and there were many."""
    if not rows:
        return []
    ids = [row["id"] for row in rows]
    # As many as may be asked for, so that there is one statement to compile.
    found = {row["id"]: row for row in _by_ids([*ids, *ids[-1:] * (limit - len(ids))], columns=columns).rows()}
    return [found[key] for key in ids if key in found]  # erased since


@statement
def _by_ids(ids: Sequence[Any], *, columns: tuple[str, ...]) -> Rows:
    return Contact.objects.filter(id__in=ids).values(*columns)


def _having(rows: Rows, words: Sequence["QuerySet[ContactTerm]"]) -> Rows:
    """Rows that have a word of each, looked up row by row: as a join, a broad word would be what the database begins with."""
    for number, found in enumerate(words):
        one = found.filter(contact_id=OuterRef("id")).values(there=Value(1))[:1]
        rows = rows.alias(**{f"has_{number}": Subquery(one)}).filter(**{f"has_{number}": 1})
    return rows


def _weight_of(found: "QuerySet[ContactTerm]") -> Any:
    """The weight of the best word of a contact."""
    best = found.filter(contact_id=OuterRef("id")).order_by().values("contact_id").annotate(best=Max("weight"))
    return Coalesce(Subquery(best.values("best")), 0, output_field=IntegerField())


def _words_of(organizations: Sequence[Any], first: Any, behind: Any) -> "QuerySet[ContactTerm]":
    """The words of contacts that begin as bounds say (`search.prefix_range`)."""
    return ContactTerm.objects.filter(organization__id__in=organizations, term__gte=first, term__lt=behind)


@statement
def _few(organizations: Sequence[Any], first: Any, behind: Any) -> Rows:
    """Some of them: most searches have a word that is not there more often, and that is cheap to know."""
    return _words_of(organizations, first, behind).values("weight")[:_FEW]
