"""Tables as CSV: read with the separator that they have, written so that no spreadsheet takes a cell for a formula."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any, cast

# A quote that is never closed makes the rest of a file one cell, which is too long then, and not an error.
csv.field_size_limit(2**31 - 1)
# What a spreadsheet carries out when it stands at the beginning of a cell. In the tables of other countries a semicolon begins
# one, and where commas part none, quotes hold no lines together either.
_BEGINNING, _FORMULA = r"(?:^|(?<=[;\t\r\n]))", r"(?=[ \"]*[=+\-@\t\r＝＋－＠])"
_RISK, _MARK = re.compile(_BEGINNING + _FORMULA), re.compile(f"{_BEGINNING}'{_FORMULA}")


class _Line:
    """What a writer of the standard library gives back instead of writing it."""

    @staticmethod
    def write(line: str) -> str:
        return line


def row_of(cells: Iterable[str]) -> str:
    """A line of a table."""
    line: Any = csv.writer(_Line()).writerow([_RISK.sub("'", cell) for cell in cells])
    return cast(str, line)


def rows_in(text: str) -> Iterator[dict[str, str]]:
    """The rows of a table by the names in its first line, in lower case."""
    first_line = text.lstrip().partition("\n")[0]
    separator = max(",;\t", key=first_line.count)
    reader = csv.reader(io.StringIO(text.lstrip(), newline=""), delimiter=separator)
    names = [name.strip().lower() for name in next(reader, [])]
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield {name: _plain(cell) for name, cell in zip(names, cells, strict=False) if name}


def _plain(cell: str) -> str:
    """A cell without the marks that `row_of` has put in front."""
    return _MARK.sub("", cell.strip())
