"""Looking for somebody in everything that is kept: every column of every table, and every file."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.db import connection


def places_of(*needles: str | bytes, files: Path | None = None) -> list[str]:
    """Where any of the needles stands, whatever its capitals: `table.column` or the name of a file."""
    wanted = [needle.lower().encode() if isinstance(needle, str) else needle for needle in needles]
    found = {*_in_tables(wanted)}
    for path in files.rglob("*") if files is not None else ():
        content = path.read_bytes() if path.is_file() else b""
        if any(needle in content or needle in str(path).lower().encode() for needle in wanted):
            found.add(str(path))
    return sorted(found)


def _in_tables(needles: list[bytes]) -> Iterable[str]:
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            columns = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for column, value in zip(columns, row, strict=True):
                    if any(needle in content for content in _contents(value) for needle in needles):
                        yield f"{table}.{column}"


def _contents(value: Any) -> tuple[bytes, ...]:
    """A value as it is, and without capitals."""
    content = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
    return content, content.lower()
