"""vCards as lines: whatever a stranger writes into a file, reading it costs as much as the file is long."""

import time
from collections.abc import Sequence

import pytest

from api.platform.vcards import Property, cards_in


def properties(*lines: str) -> Sequence[Property]:
    (card,) = cards_in("\n".join(("BEGIN:VCARD", *lines, "END:VCARD")))
    assert card is not None
    return card


def test_components_are_parted_where_nothing_escapes_it() -> None:
    (found,) = properties(r"ADR;TYPE=home:;;1\; Main\, Street;Zürich\\;;8001")
    assert found.parts()[:6] == ["", "", "1; Main, Street", "Zürich\\", "", "8001"]
    (found,) = properties("CATEGORIES:a\\,b,c;d")
    assert found.parts(",")[:2] == ["a,b", "c;d"]
    (found,) = properties("N:Lovelace;Ada\\")
    assert found.parts()[:2] == ["Lovelace", "Ada\\"]


def test_heads_are_read_as_they_are_written() -> None:
    found = properties(
        'item1.TEL;TYPE="home,cell";X=":;":+41', "TEL;CELL;PREF:+42", 'TEL;X="never closed:+43', "a.b.TEL:+44"
    )
    assert [(one.group, one.name, set(one.types), one.value) for one in found] == [
        ("item1", "TEL", {"home", "cell"}, "+41"),
        ("", "TEL", {"cell", "pref"}, "+42"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "N:" + "a" * 30_000 + "\\",
        "N:" + "\\;" * 30_000 + "\\",
        "CATEGORIES:" + "a," * 30_000 + "\\",
        "TEL" + ';"' * 30_000,
        "TEL;" + '""' * 30_000,
        "a." * 30_000,
        "NOTE;ENCODING=QUOTED-PRINTABLE:" + "=\n" * 30_000,
    ],
    ids=["escape-at-the-end", "escapes", "commas", "quotes", "pairs", "groups", "soft-breaks"],
)
def test_a_long_line_is_read_once(line: str) -> None:
    """Read again from each of its characters, the first takes a minute and a half."""
    began_at = time.process_time()
    for found in properties(line):
        found.parts()
        found.parts(",")
    assert time.process_time() - began_at < 2


def test_a_card_has_a_thousand_lines_and_texts_are_cut() -> None:
    found = properties(*["TEL:1"] * 1_500, "FN:Ada")
    assert len(found) == 1_000
    text, picture = properties("NOTE:" + "x" * 200_000, "PHOTO:" + "x" * 200_000)
    assert (len(text.value), len(picture.value)) == (100_000, 200_000)
