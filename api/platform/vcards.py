"""vCards as lines (RFC 2426, RFC 6350, and the older form that Android and Outlook still write): folding, encodings, escapes.

What the properties mean is not said here.
"""

import binascii
import io
import quopri
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_HEAD_OF_A_LINE = re.compile(r"(?:([A-Za-z0-9-]+)\.)?([A-Za-z0-9-]+)((?:;(?:[^\":;]+|\"[^\"]*\")*)*):")
_PARAMETER = re.compile(r";((?:[^\";]+|\"[^\"]*\")*)")
# Every place where one can begin ends one: else a long value would be read again from each of its characters.
_COMPONENT = {
    separator: re.compile(rf"((?:[^\\{separator}]+|\\.|\\\Z)*)(?:{separator}|\Z)", re.DOTALL) for separator in ",;"
}
# A hundred times what people have. A picture may be as long as the file.
_LINES_MAX, _HEAD_MAX_CHARS, _TEXT_MAX_CHARS = 1_000, 10_000, 100_000
_PICTURES = {"PHOTO", "LOGO", "SOUND", "KEY"}
_FOLDED_OCTETS = 75
# What programs write. Python knows other codecs: some that are no charsets, and one whose time grows with the square.
_CHARSETS = re.compile(
    r"UTF-?(8|16)|(US-)?ASCII|ISO-?8859-\d+|(WINDOWS-?|CP)\d+|KOI8-[RU]|SHIFT_JIS|BIG5|GB(K|2312|18030)|EUC-(JP|KR)"
)


class Property(NamedTuple):
    """A line of a card. `types` are the values of TYPE, in lower case; `value` is decoded, and still has its escapes."""

    group: str
    name: str
    types: frozenset[str]
    value: str

    def parts(self, separator: str = ";") -> list[str]:
        """The components of a value, without their escapes."""
        return [unescaped(part).strip() for part in _COMPONENT[separator].findall(self.value)]

    @property
    def text(self) -> str:
        return unescaped(self.value).strip()

    @property
    def content(self) -> bytes:
        """What a value in base64 holds, or a `data:` address in it; nothing of whatever is neither. No other address is read."""
        head, _, rest = self.text.rpartition(";base64,")
        try:
            return binascii.a2b_base64(re.sub(r"\s", "", rest), strict_mode=True) if head[:5] in {"", "data:"} else b""
        except ValueError:
            return b""


def unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] in "nN" else match[1], value, flags=re.DOTALL)


def escaped(text: str) -> str:
    if not _SPECIAL.search(text):
        return text
    plain = text.replace("\r\n", "\n").replace("\\", "\\\\")
    return plain.replace(",", "\\,").replace(";", "\\;").replace("\n", "\\n")


_SPECIAL = re.compile(r"[\\,;\n]")


def text_of(content: bytes) -> str:
    """A file as text: UTF-8, UTF-16 where a mark says so, else what Windows wrote before both."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace").lstrip("\ufeff")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def cards_in(text: str) -> Iterator[list[Property] | None]:
    """The properties of each card, up to a thousand, of which what is longer than any text is cut; None for a card that is
    cut off.
    """
    card: list[Property] | None = None
    for line in _unfolded(text):
        word = line.strip().upper()
        if word == "BEGIN:VCARD":
            if card is not None:
                yield None
            card = []
        elif word == "END:VCARD" and card is not None:
            yield card
            card = None
        elif card is not None and len(card) < _LINES_MAX and (found := _property(line)) is not None:
            card.append(found)
    if card is not None:
        yield None


def _unfolded(text: str) -> Iterator[str]:
    """Lines as they were before somebody folded them, by a space or, in quoted-printable, by an equals sign."""
    pieces: list[str] = []  # a file may be one line in very many
    is_quoted = False
    for line in (whole.removesuffix("\n") for whole in io.StringIO(text, newline=None)):
        if is_quoted and pieces[-1].endswith("="):
            pieces += ("\n", line)
        elif line[:1] in (" ", "\t"):
            pieces.append(line[1:])
        else:
            yield "".join(pieces)
            pieces = [line]
            is_quoted = "QUOTED-PRINTABLE" in line.partition(":")[0].upper()
    yield "".join(pieces)


def _property(line: str) -> Property | None:
    match = _HEAD_OF_A_LINE.match(line[:_HEAD_MAX_CHARS])
    if match is None:
        return None
    group, name, given = match.groups()
    value = line[match.end() : None if name.upper() in _PICTURES else match.end() + _TEXT_MAX_CHARS]
    types, encoding, charset = set(), "", "UTF-8"
    for parameter in _PARAMETER.findall(given):
        key, has_value, said = parameter.upper().partition("=")
        if not has_value:  # the older form: TEL;CELL;PREF
            key, said = ("ENCODING", key) if key in {"QUOTED-PRINTABLE", "BASE64"} else ("TYPE", key)
        said = said.replace('"', "").strip()
        if key == "TYPE":
            types |= {word.strip().lower() for word in said.split(",")}
        elif key == "PREF":
            types.add("pref")
        elif key == "ENCODING":
            encoding = said
        elif key == "CHARSET":
            charset = said
    if encoding == "QUOTED-PRINTABLE":
        value = _decoded(quopri.decodestring(value.encode()), charset)
    return Property((group or "").lower(), name.upper(), frozenset(types), value)


def _decoded(content: bytes, charset: str) -> str:
    try:
        return content.decode(charset if _CHARSETS.fullmatch(charset) else "utf-8")
    except (LookupError, UnicodeDecodeError):
        return content.decode("utf-8", "replace")


def card_of(lines: Sequence[str]) -> str:
    """A card (3.0, which everybody reads) of lines whose values are escaped already."""
    folded = [line if len(line) <= _FOLDED_OCTETS and line.isascii() else _folded(line) for line in lines]
    return "\r\n".join([_HEAD, *folded, _FOOT])


_HEAD, _FOOT = "BEGIN:VCARD\r\nVERSION:3.0", "END:VCARD\r\n"


def _folded(line: str) -> str:
    """A line in pieces of 75 octets, none of which parts a character."""
    if line.isascii():
        rest = (line[at : at + _FOLDED_OCTETS - 1] for at in range(_FOLDED_OCTETS, len(line), _FOLDED_OCTETS - 1))
        return "\r\n ".join([line[:_FOLDED_OCTETS], *rest])
    pieces, piece, octets = [], "", 0
    for character in line:
        size = len(character.encode())
        if octets + size > _FOLDED_OCTETS:
            pieces.append(piece)
            piece, octets = " ", 1
        piece += character
        octets += size
    return "\r\n".join([*pieces, piece])
