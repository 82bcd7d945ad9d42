"""Keyset pages: a page begins behind the last row of the one before, whatever was added or removed in between."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL


class Cursor(NamedTuple):
    """Where a page begins: the order columns of the row next to it, and on which side of that row it lies."""

    is_backward: bool
    values: tuple[Any, ...]


class Order(NamedTuple):
    """One column of an order. The last column of an order must be unique."""

    column: str
    is_descending: bool


class Page(NamedTuple):
    """Rows in their order, and the cursors of the pages next to it (None at an end)."""

    rows: list[dict[str, Any]]
    next: Cursor | None
    prev: Cursor | None
    total: int | None


def page_of(
    rows: "QuerySet[Any, dict[str, Any]]",
    *,
    order: Sequence[Order],
    cursor: Cursor | None,
    limit: int,
    wants_total: bool = False,
    partition: tuple[str, Sequence[Any]] | None = None,
) -> Page:
    """The page of `rows` (a `.values()` queryset that holds the order's columns) at `cursor`; one or two queries.

    `partition` names the column that leads the indexes of the order, and the values that `rows` may have in it: the page
    is then read from the beginning of each part, however large they are.
    """
    total = rows.count() if wants_total else None
    is_backward = cursor is not None and cursor.is_backward
    directed = [Order(column, is_descending != is_backward) for column, is_descending in order]
    if cursor is not None:
        rows = rows.filter(_behind(directed, cursor.values))
    rows = rows.order_by(*(f"{'-' * down}{column}" for column, down in directed))
    if partition is not None and len(partition[1]) > 1:
        rows = rows.filter(id__in=_first_of_each(rows, partition, limit + 1))
    found = list(rows[: limit + 1])
    has_more = len(found) > limit
    found = found[:limit]
    if is_backward:
        found.reverse()
    has_next, has_prev = (True, has_more) if is_backward else (has_more, cursor is not None)

    def beside(row: dict[str, Any], backward: bool) -> Cursor:
        return Cursor(backward, tuple(row[column] for column, _ in order))

    return Page(
        found,
        beside(found[-1], False) if found and has_next else None,
        beside(found[0], True) if found and has_prev else None,
        total,
    )


def _first_of_each(rows: "QuerySet[Any, dict[str, Any]]", partition: tuple[str, Sequence[Any]], most: int) -> RawSQL:
    """The ids of the first `most` rows of each part.

    Django compiles the parts; the union is put together here, because it joins limited queries on no database that
    wants them wrapped (SQLite), and MySQL takes a LIMIT below IN only inside a derived table.
    """
    column, values = partition
    parts = [rows.filter(**{column: value}).values("id")[:most].query.sql_with_params() for value in values]
    union = " UNION ALL ".join(f"SELECT id FROM ({sql}) AS part{index}" for index, (sql, _) in enumerate(parts))  # noqa: S608 -- compiled by Django, values stay parameters
    return RawSQL(union, [value for _, params in parts for value in params])  # noqa: S611 -- as above


def _behind(order: Sequence[Order], values: Sequence[Any]) -> Q:
    """Rows behind `values`: `a >= x AND (a > x OR (b …))`, a form whose first half is a range on the index."""
    (column, is_descending), value = order[0], values[0]
    strict = Q(**{f"{column}__{'lt' if is_descending else 'gt'}": value})
    if len(order) == 1:
        return strict
    reached = Q(**{f"{column}__{'lte' if is_descending else 'gte'}": value})
    return reached & (strict | _behind(order[1:], values[1:]))
