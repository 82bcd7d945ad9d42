"""Words as search sees them: what is folded together, where a word ends, what a prefix reaches."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.models.base import IDENTITY_MAX_BYTES
from api.platform import search


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ada Lovelace", ["ada", "lovelace"]),
        ("Zoë ÅNGSTRÖM", ["zoe", "angstrom"]),
        ("Straße", ["strasse"]),
        ("ﬁx ⅷ ²", ["fix", "viii", "2"]),
        ("Ａｄａ", ["ada"]),
        ("İstanbul", ["istanbul"]),
        ("jean-luc o'neill_x", ["jean", "luc", "o", "neill", "x"]),
        ("a@b.example", ["a", "b", "example"]),
        ("田中太郎", ["田中太郎"]),
        ("🍣 👨‍👩‍👧 \u200d", []),
        ("x" * 50, ["x" * 40]),
        ("", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert search.words(text) == found


@given(st.text())
def test_folding_twice_is_folding_once_for_words(text: str) -> None:
    for word in search.words(text):
        assert search.words(word) == [word]


@given(st.text())
def test_normal_forms_are_the_same_words(text: str) -> None:
    forms = {tuple(search.words(unicodedata.normalize(form, text))) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    assert forms == {tuple(search.words(text))}


@given(st.text())
def test_every_beginning_of_a_word_reaches_it(text: str) -> None:
    for word in search.words(text):
        for length in range(1, len(word) + 1):
            first, behind = search.prefix_range(word[:length])
            assert first.encode() <= word.encode() < behind.encode()


@given(st.text(min_size=1, max_size=5), st.text(max_size=8))
def test_a_prefix_reaches_nothing_else(prefix: str, word: str) -> None:
    first, behind = search.prefix_range(prefix)
    assert (first.encode() <= word.encode() < behind.encode()) == word.startswith(prefix)


@given(st.text())
def test_what_is_indexed_and_looked_up_fits_its_column(text: str) -> None:
    for word in search.words(text):
        assert len(word) <= search.TERM_MAX_CHARS
        assert len(search.prefix_range(word)[1].encode()) <= IDENTITY_MAX_BYTES
    assert len(search.sort_key(text).encode()) <= IDENTITY_MAX_BYTES


@given(st.text(max_size=200))
def test_a_query_has_ten_distinct_terms_at_most(query: str) -> None:
    terms = search.query_terms(query)
    assert len(terms) == len(set(terms)) <= search.QUERY_TERMS_MAX
    assert all(terms)


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("+41 44 123 45 67", ["41441234567"]),
        ("0041 44 123", ["4144123"]),
        ("044/123.45-67", ["0441234567"]),
        ("(0)", ["0"]),
        ("00", ["00"]),
        ("+", []),
        ("ada ada ADA", ["ada"]),
        ("a b c d e f g h i j k l", list("abcdefghij")),
    ],
)
def test_query_terms(query: str, terms: list[str]) -> None:
    assert search.query_terms(query) == terms
