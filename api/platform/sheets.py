"""Tables as CSV: read with the separator that they have, written so that no spreadsheet takes a cell for a formula."""

import csv
import io
import re
from collections.abc import Iterable, Iterator

# A quote that is never closed makes the rest of a file one cell, which is too long then, and not an error.
csv.field_size_limit(2**31 - 1)
# What a spreadsheet carries out when it stands at the beginning of a cell. In the tables of other countries a semicolon begins
# one, and where commas part none, quotes hold no lines together either.
_PARTS, _FORMULA = r"[;\t\r\n]", r"[ \"]*[=+\-@\t\r＝＋－＠]"
_AT_FIRST, _WITHIN = re.compile(_FORMULA), re.compile(f"({_PARTS})(?={_FORMULA})")
_MARK = re.compile(f"(?:^|(?<={_PARTS}))'(?={_FORMULA})")
_QUOTED = re.compile(r"[,;\"\t\r\n]")


def row_of(cells: Iterable[str]) -> str:
    """A line of a table (RFC 4180). The standard library's writer looks at each character: for hundreds of thousands of
    contacts that took longer than to read them.
    """
    line = ",".join([text and _cell(text) for text in cells])
    return f"{line or _EMPTY}\r\n"


_EMPTY = '""'  # the only cell of a row: a line without anything is none


def _cell(text: str) -> str:
    if not _QUOTED.search(text):
        return f"'{text}" if _AT_FIRST.match(text) else text
    harmless = _WITHIN.sub(r"\1'", text).replace('"', '""')
    return f'"\'{harmless}"' if _AT_FIRST.match(text) else f'"{harmless}"'


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
