"""Rows as lines of JSON: which tables an export has, with what columns, read in pieces along an index."""

import base64
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import orjson
from django.db.models import Q

from api.platform.statements import columns_of

_AT_ONCE = 2000
Row = dict[str, Any]
Columns = dict[str, Sequence[Any]]


class Table(NamedTuple):
    """One `.jsonl` file. `rows` are querysets of `.values()`, read one after the other, each by `keys`, which order it.

    `columns` maps names in the file to columns; `about` explains the file.
    """

    name: str
    about: str
    columns: dict[str, str]
    rows: Sequence[Any]
    keys: tuple[str, ...] = ("id",)

    @property
    def path(self) -> str:
        return f"{self.name}.jsonl"

    def lines(self, alias: str, beside: Callable[[list[Row]], None] | None = None) -> Iterator[tuple[bytes, int]]:
        """Pieces of the file, and how many rows are in each; `beside` gets the rows afterwards, to keep."""
        for rows in self.rows:
            for chunk in chunks_of(rows.values(*{*self.columns.values(), *self.keys}), self.keys, alias):
                columns = [chunk[column] for column in self.columns.values()]
                named = [dict(zip(self.columns, row, strict=True)) for row in zip(*columns, strict=True)]
                yield b"".join([orjson.dumps(row, _told, _LINE) for row in named]), len(named)
                if beside is not None:
                    beside(named)

    def count(self, alias: str) -> int:
        return sum(rows.using(alias).count() for rows in self.rows)


def same(*names: str, **others: str) -> dict[str, str]:
    """Columns that are called in the file as in the table, and `others`, which are not."""
    return {**{name: name for name in names}, **others}


def chunks_of(rows: Any, keys: tuple[str, ...], alias: str) -> Iterator[Columns]:
    """The rows, some at a time, in the order of `keys`: one column, or two of which the second is unique."""
    ordered = rows.order_by(*keys)
    chunk = columns_of(ordered[:_AT_ONCE], alias)
    while chunk:
        yield chunk
        is_last = len(chunk[keys[0]]) < _AT_ONCE
        chunk = {} if is_last else columns_of(ordered.filter(_behind(keys, chunk))[:_AT_ONCE], alias)


def _behind(keys: tuple[str, ...], chunk: Columns) -> Q:
    last = {key: chunk[key][-1] for key in keys}
    if len(keys) == 1:
        return Q(**{f"{keys[0]}__gt": last[keys[0]]})
    first, second = keys
    # The first condition is the range of the index; the others only choose within it.
    beyond = Q(**{f"{first}__gt": last[first]}) | Q(**{f"{second}__gt": last[second]})
    return Q(**{f"{first}__gte": last[first]}) & beyond


_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATETIME


def _told(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='microseconds')[:26]}Z"
    if isinstance(value, date):
        return value.isoformat()
    return base64.b64encode(value).decode()
