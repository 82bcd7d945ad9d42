"""Tables as CSV: read with the separator that they have, written so that no spreadsheet takes a cell for a formula."""

import csv
import io
from collections.abc import Iterable, Iterator

# What a spreadsheet carries out when it stands at the beginning of a cell.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def row_of(cells: Iterable[str]) -> str:
    """A line of a table."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow([f"'{cell}" if cell.lstrip(" \n").startswith(_FORMULA) else cell for cell in cells])
    return buffer.getvalue()


def rows_in(text: str) -> Iterator[dict[str, str]]:
    """The rows of a table by the names in its first line, in lower case. Raises csv.Error."""
    first_line = text.lstrip().partition("\n")[0]
    separator = max(",;\t", key=first_line.count)
    reader = csv.reader(io.StringIO(text.lstrip(), newline=""), delimiter=separator)
    names = [name.strip().lower() for name in next(reader, [])]
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield {name: _plain(cell) for name, cell in zip(names, cells, strict=False) if name}


def _plain(cell: str) -> str:
    """A cell without the mark that `row_of` has put in front."""
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:].lstrip(" \n").startswith(_FORMULA) else cell
