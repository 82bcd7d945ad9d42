"""Tables are read back as they were written, by us and by the standard library; no cell is carried out."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.platform import sheets

_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\t,;\"' =+-@"), max_size=12)
_MARK = re.compile(r"(?:^|(?<=[;\t\r\n]))'(?=[ \"]*[=+\-@\t\r＝＋－＠])")


@given(st.lists(_TEXT, min_size=1, max_size=4))
def test_a_reader_of_the_standard_library_finds_the_cells(cells: list[str]) -> None:
    """All but the marks: one that somebody has written themselves goes like one of ours."""
    (found,) = csv.reader(io.StringIO(sheets.row_of(cells), newline=""))
    assert [_MARK.sub("", cell) for cell in found] == [_MARK.sub("", cell) for cell in cells]


@given(st.lists(_TEXT, min_size=1, max_size=4))
def test_nothing_begins_as_a_formula_whatever_parts_cells(cells: list[str]) -> None:
    (found,) = csv.reader(io.StringIO(sheets.row_of(cells), newline=""))
    for cell in found:
        for part in re.split(r"[;\t\r\n]", cell):
            assert not part.lstrip(' "').startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        (["Ada", "", "x y"], "Ada,,x y\r\n"),
        ([""], '""\r\n'),
        (["=1+1", '"=1', "a;=1", "+49 30"], '\'=1+1,"\'""=1","a;\'=1",\'+49 30\r\n'),
        (['say "hi"', "a,b", "a\nb"], '"say ""hi""","a,b","a\nb"\r\n'),
    ],
)
def test_lines_are_as_rfc_4180_has_them(cells: list[str], line: str) -> None:
    assert sheets.row_of(cells) == line
