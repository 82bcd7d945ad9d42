"""Words as search sees them: accent-free, case-folded, split at everything that is neither letter nor digit."""

import re
import unicodedata

TERM_MAX_CHARS = 40
QUERY_TERMS_MAX = 10
_WORDS = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"[+0-9 ()./-]+")
# Sorts behind every word that begins with what stands before it, as bytes of UTF-8 do.
_LAST = "\U0010ffff"


def folded(text: str) -> str:
    """`text` without case and accents: what words and sort keys are made of."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return unicodedata.normalize("NFKC", bare.casefold())


def words(text: str) -> list[str]:
    """The words of a text, in order, each cut to what is indexed."""
    return [word[:TERM_MAX_CHARS] for word in _WORDS.findall(folded(text))]


def query_terms(query: str) -> list[str]:
    """The distinct words of a query, at most ten; a telephone number is one word however it is grouped."""
    if _NUMBER.fullmatch(query) and (digits := re.sub(r"\D", "", query)):
        return [digits.removeprefix("00")[:TERM_MAX_CHARS] or digits]
    return list(dict.fromkeys(words(query)))[:QUERY_TERMS_MAX]


def prefix_range(term: str) -> tuple[str, str]:
    """The bounds of the words that begin with `term`, compared as bytes: from the first, below the second."""
    return term, term + _LAST


def sort_key(text: str) -> str:
    """A key that sorts `text` alike on every database, at most 60 characters (240 bytes)."""
    return folded(text)[:60]
