"""Lists: `limit`, signed cursors, allow-listed filters and sorts, `{"data": [...], "meta": {...}}`.

A view states what its list knows (`ListRules`); `parse` turns a request's query into a `ListQuery`, which a selector
answers with a `Page`; `envelope` is the body. Anything that the rules do not know is refused.
"""

import functools
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypedDict

import orjson
from django.conf import settings

from api.exceptions import ApiError, InvalidInput
from api.platform.keys import b64url, purpose_key, unb64url
from api.platform.keyset import Cursor, Page
from api.renderers import to_json
from api.requests import CONTROLS, ApiRequest, UnknownParameter, shown
from api.throttling import principal_of


class InvalidCursor(ApiError):
    """The cursor was made for another query or by nobody here, or it was cut short on the way."""

    status = HTTPStatus.BAD_REQUEST
    code = "invalid_cursor"
    title = "The cursor does not belong to this query"
    detail = "Start again without a cursor."
    remedy = "Start again without a cursor."


@dataclass(frozen=True)
class ListRules:
    """What a list takes. `filters` maps names to a converter of one value (ValueError when it does not fit); `sorts`
    are the names that may stand in `sort`, the first being the default; `-` in front of the default sorts it down. What comes whole, however much it is, is not paged.
    """

    sorts: Sequence[str]
    default_sort: str
    filters: Mapping[str, Callable[[str], Any]] = field(default_factory=dict)
    has_search: bool = False
    is_paged: bool = True

    @functools.cached_property
    def parameters(self) -> frozenset[str]:
        """What may stand in the query."""
        known = {"sort", *(f"filter[{name}]" for name in self.filters)}
        known |= {"q"} if self.has_search else set()
        known |= {"cursor", "limit", "total", "fields"} if self.is_paged else set()
        return frozenset(known)


class Window(TypedDict):
    """Which of the rows that a list has are its page, as selectors take it."""

    sort: tuple[tuple[str, bool], ...]  # (name, descending)
    cursor: Cursor | None
    limit: int
    wants_total: bool


@dataclass(frozen=True)
class ListQuery:
    """A checked query. `filters` holds what was given: a value list means any of them."""

    filters: Mapping[str, list[Any]]
    sort: tuple[tuple[str, bool], ...]  # (name, descending)
    search: str
    limit: int
    cursor: Cursor | None
    wants_total: bool
    fingerprint: bytes

    @property
    def window(self) -> Window:
        return {"sort": self.sort, "cursor": self.cursor, "limit": self.limit, "wants_total": self.wants_total}


SEARCH_MAX_CHARS = 200
PARAMETER_MAX_CHARS = 2000


def parse(request: ApiRequest, rules: ListRules) -> ListQuery:
    """The request's list query. Raises UnknownParameter, InvalidInput, InvalidCursor."""
    given: dict[str, str] = {}
    for name, values in request.query_params.lists():
        if name not in rules.parameters or len(values) != 1:
            raise UnknownParameter(parameter=shown(name))
        given[name] = _clean(name, values[0])
    fingerprint = _fingerprint(request, given)
    return ListQuery(
        filters={
            name: [_converted(f"filter[{name}]", convert, value) for value in given[f"filter[{name}]"].split(",")]
            for name, convert in rules.filters.items()
            if f"filter[{name}]" in given
        },
        sort=_sort(given.get("sort", rules.default_sort), rules),
        search=given.get("q", ""),
        limit=_limit(given.get("limit")),
        cursor=_unsigned(given["cursor"], fingerprint) if "cursor" in given else None,
        wants_total=_converted("total", boolean, given.get("total", "false")),
        fingerprint=fingerprint,
    )


def envelope(page: Page, query: ListQuery, data: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The body of a list."""
    meta: dict[str, Any] = {
        "next": _signed(page.next, query.fingerprint) if page.next else None,
        "prev": _signed(page.prev, query.fingerprint) if page.prev else None,
    }
    if page.total is not None:
        meta["total"] = page.total
    return {"data": list(data), "meta": meta}


def boolean(value: str) -> bool:
    """`true` or `false`; ValueError for anything else."""
    return {"true": True, "false": False}[value]


def _clean(name: str, value: str) -> str:
    if CONTROLS.search(value) or len(value) > PARAMETER_MAX_CHARS or (name == "q" and len(value) > SEARCH_MAX_CHARS):
        raise InvalidInput.of(name, "invalid", "Too long, or with characters that are not taken.")
    return value


def _converted(name: str, convert: Callable[[str], Any], value: str) -> Any:
    try:
        return convert(value)
    except (ValueError, KeyError, OverflowError) as error:
        raise InvalidInput.of(name, "invalid", "Not a value for this parameter.") from error


def _limit(value: str | None) -> int:
    if value is None:
        return settings.PAGE_LIMIT_DEFAULT
    is_number = value.isascii() and value.isdigit() and len(value) <= 4
    if not is_number or not 1 <= int(value) <= settings.PAGE_LIMIT_MAXIMUM:
        raise InvalidInput.of("limit", "invalid", f"From 1 to {settings.PAGE_LIMIT_MAXIMUM}.")
    return int(value)


def _sort(value: str, rules: ListRules) -> tuple[tuple[str, bool], ...]:
    order: list[tuple[str, bool]] = []
    for entry in value.split(","):
        name, is_descending = entry.removeprefix("-"), entry.startswith("-")
        if name not in rules.sorts or name in dict(order):
            raise InvalidInput.of("sort", "invalid", f"Sortable: {', '.join(rules.sorts)}.")
        order.append((name, is_descending))
    return tuple(order)


def _fingerprint(request: ApiRequest, given: Mapping[str, str]) -> bytes:
    """What a cursor is bound to: the resource, the principal and everything that decides which rows come in which
    order; the page size, the total and the members may change on the way.
    """
    free = {"cursor", "limit", "total", "fields"}
    deciding = sorted((name, value) for name, value in given.items() if name not in free)
    return hashlib.sha256(orjson.dumps([request.path.rstrip("/"), principal_of(request), deciding])).digest()


def _mac(payload: bytes, fingerprint: bytes) -> bytes:
    return hmac.digest(purpose_key("cursor"), fingerprint + payload, "sha256")[:16]


def _signed(cursor: Cursor, fingerprint: bytes) -> str:
    payload = to_json([cursor.is_backward, list(cursor.values)])
    return b64url(_mac(payload, fingerprint) + payload)


def _unsigned(text: str, fingerprint: bytes) -> Cursor:
    try:
        data = unb64url(text)
    except ValueError as error:
        raise InvalidCursor from error
    if not hmac.compare_digest(_mac(data[16:], fingerprint), data[:16]):
        raise InvalidCursor
    is_backward, values = orjson.loads(data[16:])
    return Cursor(is_backward, tuple(values))
