"""Keyset pages: a page begins behind the last row of the one before, whatever was added or removed in between."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, Q, QuerySet
from django.db.models.sql.compiler import SQLCompiler

from api.platform.statements import Rows, Shape, Statement, statement

# A statement does not grow without end: more parts than this are looked for together.
_PARTS_MAX = 50


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
    rows: "Statement | QuerySet[Any, dict[str, Any]]",
    *,
    order: Sequence[Order],
    cursor: Cursor | None,
    limit: int,
    wants_total: bool = False,
    partition: tuple[str, Sequence[Any]] | None = None,
) -> Page:
    """The page of `rows`, which hold the order's columns, at `cursor`; one or two queries.

    `partition` names the column that leads the indexes of the order, and the values to which it narrows `rows`: the page
    is then read from the beginning of each part, however large they are.
    """
    column, parts = partition or (None, ())
    if column is not None and not parts:
        return Page([], None, None, 0 if wants_total else None)
    is_backward = cursor is not None and cursor.is_backward
    directed = tuple(Order(name, is_descending != is_backward) for name, is_descending in order)
    behind = cursor.values if cursor is not None else None
    if isinstance(rows, Statement) and len(parts) <= _PARTS_MAX:
        window = _window_of(
            rows.values,
            behind,
            parts,
            build=rows.build,
            shape=rows.shape,
            order=directed,
            most=limit + 1,
            column=column,
        )
        found = window.rows()
    else:
        plain = rows.queryset() if isinstance(rows, Statement) else rows
        found = list(_window(plain, behind, parts, order=directed, most=limit + 1, column=column))
    has_more = len(found) > limit
    found = found[:limit]
    if is_backward:
        found.reverse()
    has_next, has_prev = (True, has_more) if is_backward else (has_more, cursor is not None)

    def beside(row: dict[str, Any], backward: bool) -> Cursor:
        return Cursor(backward, tuple(row[name] for name, _ in order))

    return Page(
        found,
        beside(found[-1], False) if found and has_next else None,
        beside(found[0], True) if found and has_prev else None,
        _number_of(rows, column, parts) if wants_total else None,
    )


def _number_of(rows: "Statement | QuerySet[Any, dict[str, Any]]", column: str | None, parts: Sequence[Any]) -> int:
    every = rows.queryset() if isinstance(rows, Statement) else rows
    return (every.filter(**{f"{column}__in": parts}) if column is not None else every).count()


def _window(
    rows: "QuerySet[Any, dict[str, Any]]",
    behind: Sequence[Any] | None,
    parts: Sequence[Any],
    *,
    order: Sequence[Order],
    most: int,
    column: str | None,
) -> "QuerySet[Any, dict[str, Any]]":
    """The first `most` of the rows behind `behind`."""
    if behind is not None:
        rows = rows.filter(_behind(order, behind))
    rows = rows.order_by(*(f"{'-' * down}{name}" for name, down in order))
    if column is not None and len(parts) == 1:
        rows = rows.filter(**{column: parts[0]})
    elif column is not None and len(parts) <= _PARTS_MAX:
        first = _FirstOfEach([rows.filter(**{column: part})[:most] for part in parts])
        rows = rows.all()
        rows.query.clear_where()  # which the parts have answered; here it would only tempt the planner to another index
        rows = rows.filter(id__in=first)
    elif column is not None:
        rows = rows.filter(**{f"{column}__in": parts})
    return rows[:most]


@statement
def _window_of(
    values: Sequence[Any],
    behind: Sequence[Any] | None,
    parts: Sequence[Any],
    *,
    build: Callable[..., Rows],
    shape: Shape,
    **window: Any,
) -> Rows:
    """The window of a statement's rows, as a statement."""
    return _window(build(*values, **dict(shape)), behind, parts, **window)


class _FirstOfEach(Expression):
    """The ids of all the rows of some limited querysets.

    Django compiles the parts; the union is put together here, because it joins limited queries on no database that
    wants them wrapped (SQLite), and MySQL takes a LIMIT below IN only inside a derived table. The whole is wrapped once
    more, since MySQL begins with what stands below IN only if that is no union.
    """

    def __init__(self, parts: "Sequence[QuerySet[Any, dict[str, Any]]]") -> None:
        super().__init__()
        self.parts = [part.values("id").query for part in parts]

    def resolve_expression(self, *args: Any, **kwargs: Any) -> Self:
        return self

    def get_source_expressions(self) -> list[Any]:
        return [part.where for part in self.parts]

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        compiled = [part.get_compiler(connection=connection).as_sql() for part in self.parts]
        # Compiled by Django: its values stay parameters.
        selects = [f"SELECT id FROM ({sql}) AS part{number}" for number, (sql, _) in enumerate(compiled)]  # noqa: S608
        union = f"SELECT id FROM ({' UNION ALL '.join(selects)}) AS parts"  # noqa: S608
        return union, tuple(param for _, params in compiled for param in params)


def _behind(order: Sequence[Order], values: Sequence[Any]) -> Q:
    """Rows behind `values`: `a >= x AND (a > x OR (b …))`, a form whose first half is a range on the index."""
    (column, is_descending), value = order[0], values[0]
    strict = Q(**{f"{column}__{'lt' if is_descending else 'gt'}": value})
    if len(order) == 1:
        return strict
    reached = Q(**{f"{column}__{'lte' if is_descending else 'gte'}": value})
    return reached & (strict | _behind(order[1:], values[1:]))
