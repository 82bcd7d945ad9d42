"""Statements that are compiled once: to build a queryset and turn it into SQL costs more than most of ours take to run.

    @statement
    def _person(user_id: Any) -> Rows:
        return User.objects.filter(id=user_id).values("id", "username")

    _person(user_id).first()

Positional arguments are values, bound when the statement runs: of them only None and the length of a list decide what
it looks like. Keyword arguments shape it, and are hashable. The function is called once for each shape, with slots in
place of the values, and must do nothing with these but hand them to lookups.
"""

import functools
import json
import threading
import uuid
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any, NamedTuple, Self, cast

import orjson
from django.core.exceptions import EmptyResultSet
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import (
    AutoField,
    CharField,
    Expression,
    Field,
    ForeignKey,
    JSONField,
    Lookup,
    Model,
    TextField,
    UUIDField,
)
from django.db.models.sql import InsertQuery
from django.db.models.sql.compiler import SQLCompiler

from api.platform import replicas
from api.platform.ids import spelled

# A queryset of `.values()`. Its type is not known where columns are no literals.
Rows = Any
Shape = tuple[tuple[str, Hashable], ...]
Converter = Callable[[Any, Any, BaseDatabaseWrapper], Any]
Writer = Callable[[Any], Any]

# Shapes that a thread keeps. Clients use a handful; whoever makes up orders and lengths pays for each of them.
_KEPT = 256


class Statement(NamedTuple):
    """A queryset that has not been built yet: the function that builds it, and what it is called with."""

    build: Callable[..., Rows]
    values: tuple[Any, ...]
    shape: Shape

    def queryset(self) -> Rows:
        """The queryset itself, for what is asked only now and then."""
        return self.build(*self.values, **dict(self.shape))

    def rows(self) -> list[dict[str, Any]]:
        """The rows that the queryset would give."""
        found = _kept.select(self.build, _outline(self.values), self.shape, replicas.alias())
        return found.run(list(_flat(self.values))) if found else []

    def first(self) -> dict[str, Any] | None:
        """The first of the rows, for a statement that finds one at most."""
        return next(iter(self.rows()), None)


def statement(build: Callable[..., Rows]) -> Callable[..., Statement]:
    """Makes a function that builds a `.values()` queryset one that makes a `Statement`."""

    @functools.wraps(build)
    def of(*values: Any, **shape: Hashable) -> Statement:
        return Statement(build, values, tuple(shape.items()))

    return of


def columns_of(rows: Rows, alias: str) -> dict[str, Sequence[Any]]:
    """The columns of a `.values()` queryset that is asked once, by their names, for lines of JSON: times are text (UTC, six
    digits and a Z), and identifiers may be. Nothing where there are no rows. For thousands of them: a column is converted
    at once, and what is not needed as a row never becomes one.
    """
    found = _compiled(lambda: rows, (), (), alias)
    return found.columns() if found else {}


def insert(rows: Sequence[Model]) -> None:
    """Stores new rows of one model in one statement, as `bulk_create` does; keys that the database gives stay unknown."""
    compiled = _kept.insertion(type(rows[0]))
    compiled.run([[field.pre_save(row, add=True) for field in compiled.fields] for row in rows])
    for row in rows:
        row._state.adding, row._state.db = False, compiled.connection.alias


def insert_values(model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Stores new rows of a model, each given by its columns, all of them, in one statement. Where nobody needs the models,
    to make them costs more than to store them.
    """
    compiled = _kept.insertion(model)
    names = [field.attname for field in compiled.fields]
    compiled.run([[row[name] for name in names] for row in rows])


class _Slot(Expression):
    """The place of a value. `column` is what it is compared with, and says how it is written."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index
        self.column: Field[Any, Any] | None = None

    def resolve_expression(self, *args: Any, **kwargs: Any) -> Self:
        return self

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        return "%s", (self,)


class _Selection(NamedTuple):
    """A compiled query. `params` are constants, or writers with the index of the value that they write."""

    connection: BaseDatabaseWrapper
    sql: str
    params: list[tuple[Any, int | None]]
    names: list[str]
    converters: list[tuple[str, list[Converter], Any]]

    def run(self, values: Sequence[Any]) -> list[dict[str, Any]]:
        connection = self.connection
        params = [given if index is None else given(values[index]) for given, index in self.params]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, params)
            rows = [dict(zip(self.names, columns, strict=False)) for columns in cursor.fetchall()]
        for name, converters, expression in self.converters:
            for converter in converters:
                for row in rows:
                    row[name] = converter(row[name], expression, connection)
        return rows

    def columns(self) -> dict[str, Sequence[Any]]:
        connection = self.connection
        with connection.cursor() as cursor:
            cursor.execute(self.sql, [given for given, _ in self.params])
            found = zip(*cursor.fetchall(), strict=True)
        columns: dict[str, Sequence[Any]] = dict(zip(self.names, found, strict=False))
        for name, converters, expression in self.converters if columns else ():
            for converter in converters:
                told = _TOLD.get(getattr(converter, "__name__", ""))
                columns[name] = (
                    told(columns[name])
                    if told is not None
                    else [converter(value, expression, connection) for value in columns[name]]
                )
        return columns


class _Insertion(NamedTuple):
    """A compiled INSERT of one row, and what makes it one of more."""

    connection: BaseDatabaseWrapper
    sql: str
    another_row: str
    fields: "list[Field[Any, Any]]"
    writers: list[Writer]

    def run(self, rows: Sequence[Sequence[Any]]) -> None:
        params = [write(value) for row in rows for write, value in zip(self.writers, row, strict=True)]
        with self.connection.cursor() as cursor:
            cursor.execute(self.sql + self.another_row * (len(rows) - 1), params)


def _compiled(build: Callable[..., Rows], outline: Any, shape: Shape, alias: str) -> _Selection | None:
    """None for a query that no row can match. `alias`, where the router leads to at this moment, is what it is kept by."""
    found = build(*_slots(outline, iter(range(1_000_000))), **dict(shape))
    for node in (found.query.where, *found.query.annotations.values()):
        _give_columns(node, None)
    connection = connections[alias]
    compiler = found.query.get_compiler(connection=connection)
    try:
        sql, params = compiler.as_sql()
    except EmptyResultSet:
        return None
    converters = compiler.get_converters([column for column, *_ in compiler.select])
    names = list(found.query.selected)
    return _Selection(
        connection,
        sql,
        [_bound(param, connection) for param in params],
        names,
        [
            (names[at], [_quicker(converter, connection) for converter in each], expression)
            for at, (each, expression) in converters.items()
        ],
    )


def _bound(param: Any, connection: BaseDatabaseWrapper) -> tuple[Any, int | None]:
    """A parameter of a selection. Raises TypeError for a value that is handed to anything but a lookup."""
    if not isinstance(param, _Slot):
        return param, None
    if param.column is None:
        raise TypeError("a statement can only compare its values with columns")
    return _writer(param.column, connection), param.index


def _compiled_insertion(model: type[Model]) -> _Insertion:
    fields = [
        field for field in model._meta.local_concrete_fields if not (isinstance(field, AutoField) or field.generated)
    ]
    query = InsertQuery(model)
    query.insert_values(fields, [model(**{field.attname: _Slot(0) for field in fields})], raw=True)
    connection = connections[router.db_for_write(model)]
    ((sql, params),) = query.get_compiler(connection=connection).as_sql()
    another_row = f", ({', '.join(['%s'] * len(params))})"
    return _Insertion(connection, sql, another_row, fields, [_writer(field, connection) for field in fields])


def _outline(value: Any) -> Any:
    """What of a value decides the shape: whether it is there, or how many there are."""
    return tuple(map(_outline, value)) if isinstance(value, list | tuple) else value is not None


def _slots(outline: Any, numbers: Iterator[int]) -> Any:
    """Slots in the form of an outline, numbered like the values of `_flat`."""
    if isinstance(outline, tuple):
        return [_slots(each, numbers) for each in outline]
    number = next(numbers)
    return _Slot(number) if outline else None


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for each in value:
            yield from _flat(each)
    else:
        yield value


def _give_columns(node: Any, column: "Field[Any, Any] | None") -> None:
    """Tells every slot below `node` what it is compared with."""
    if isinstance(node, _Slot):
        node.column = column
    elif isinstance(node, Lookup):
        _give_columns(node.lhs, None)
        _give_columns(node.rhs, node.lhs.output_field)
    elif hasattr(node, "where"):
        _give_columns(node.where, None)
    elif hasattr(node, "get_source_expressions"):
        for child in node.get_source_expressions():
            _give_columns(child, column)


def _writer(field: "Field[Any, Any]", connection: BaseDatabaseWrapper) -> Writer:
    """What makes a value one that the driver takes: the field's own way, or one that does the same in less time."""
    while isinstance(field, ForeignKey):
        field = field.target_field
    usual = functools.partial(field.get_db_prep_save, connection=connection)
    if type(field) in {CharField, TextField}:
        return lambda value: value if type(value) is str else usual(value)
    if connection.vendor == "mysql" and type(field) is UUIDField and connection.features.has_native_uuid_field:
        return lambda value: spelled(value) if type(value) is uuid.UUID else usual(value)
    return usual


def _quicker(converter: Converter, connection: BaseDatabaseWrapper) -> Converter:
    """The converter, or one that does the same in less time."""
    function, owner = getattr(converter, "__func__", None), getattr(converter, "__self__", None)
    if function is JSONField.from_db_value and cast(JSONField, owner).decoder is None:
        return _parsed
    if connection.vendor == "mysql" and connection.timezone is UTC:
        return _MYSQL.get(getattr(function, "__name__", ""), converter)
    return converter


def _parsed(value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
    """JSON as the standard library reads it, which takes integers beyond 64 bits too."""
    if value is None:
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return json.loads(value)


def _in_utc(value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
    return None if value is None else value.replace(tzinfo=UTC)


def _as_uuid(value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
    return None if value is None else _uuid(value)


def _hyphenated(column: Sequence[Any]) -> list[Any]:
    """The texts of identifiers, of those which a database without such a type keeps."""
    return [
        f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}" if raw is not None and len(raw) == 32 else raw
        for raw in column
    ]


def _told_times(column: Sequence[Any]) -> list[Any]:
    """The texts of times, which the driver has given without a zone."""
    return [time and f"{time.isoformat('T', 'microseconds')}Z" for time in column]


# By the name of our own or Django's.
_TOLD: dict[str, Callable[[Sequence[Any]], Sequence[Any]]] = {
    "_as_uuid": _hyphenated,
    "convert_uuidfield_value": _hyphenated,
    "_in_utc": _told_times,
}


_uuid = functools.lru_cache(4096)(uuid.UUID)  # organizations and people come again and again
# By the name of Django's own.
_MYSQL: dict[str, Converter] = {"convert_datetimefield_value": _in_utc, "convert_uuidfield_value": _as_uuid}


class _Kept(threading.local):
    """What this thread has compiled, for its own connection."""

    def __init__(self) -> None:
        self.select = functools.lru_cache(_KEPT)(_compiled)
        self.insertion = functools.lru_cache(_KEPT)(_compiled_insertion)


_kept = _Kept()
