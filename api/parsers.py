"""Bodies, taken strictly: one reading only, bounded, nothing that a later step could trip over."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from http import HTTPStatus
from typing import IO, Any, NamedTuple
from urllib.parse import unquote

from django.conf import settings
from django.utils.http import parse_header_parameters
from rest_framework.parsers import BaseParser

from api.exceptions import ApiError
from api.platform.bodies import Body
from api.requests import ApiRequest

_NUMBER_LIMIT = 2.0**63


class MalformedBody(ApiError):
    """Not JSON in UTF-8, a member twice in one object, NaN, a lone surrogate, or nested beyond 32 levels. Where files
    are taken: not multipart/form-data, cut off, or with too many parts or headers.
    """

    status = HTTPStatus.BAD_REQUEST
    code = "malformed_body"
    title = "The body cannot be taken"


class FileNameInvalid(ApiError):
    """The name of an uploaded file is a path, longer than 255 bytes, or has characters that hide what it is."""

    status = HTTPStatus.BAD_REQUEST
    code = "file_name_invalid"
    title = "The name of the file cannot be taken"
    detail = "Send a plain name without folders, or none."


class StrictJSONParser(BaseParser):
    """RFC 8259 in UTF-8 without duplicate keys, NaN, infinities, lone surrogates, or nesting beyond the limit."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        assert parser_context is not None
        request = parser_context["request"]
        assert isinstance(request, ApiRequest)
        return parse_json(request.body)


def parse_json(body: bytes) -> Any:
    """The value of a JSON text. Raises MalformedBody."""
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
        _require_bounded(value, settings.JSON_MAX_DEPTH)
    except RecursionError as error:
        raise MalformedBody("Nested too deeply.") from error
    except UnicodeError as error:
        raise MalformedBody("Text is UTF-8 without lone surrogates.") from error
    except ValueError as error:
        raise MalformedBody(str(error) if isinstance(error, _Refused) else "Not valid JSON.") from error
    return value


class _Refused(ValueError):
    """Valid JSON that is not taken; the message is ours and safe to show."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused("A member stands twice in one object.")
    return members


def _refuse_constant(name: str) -> Any:
    raise _Refused("NaN and infinities are not JSON.")


def _finite(digits: str) -> float:
    """A number that is still one of 64 bits where a store writes it out without its exponent (PostgreSQL's jsonb)."""
    number = float(digits)
    if not abs(number) < _NUMBER_LIMIT:
        raise _Refused("A number is too large.")
    return number


def _require_bounded(value: Any, depth: int) -> None:
    """Raises _Refused for nesting beyond `depth`, UnicodeError for a lone surrogate."""
    if isinstance(value, dict | list) and depth == 0:
        raise _Refused("Nested too deeply.")
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict):
        for key, member in value.items():
            key.encode()
            _require_bounded(member, depth - 1)
    elif isinstance(value, list):
        for member in value:
            _require_bounded(member, depth - 1)


PARTS_MAX = 100
# All headers of a part together.
_PART_HEADERS_MAX_BYTES = 8192
_FILE_NAME_MAX_BYTES = 255
_TEXT_PART_MAX_BYTES = 65_536
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_PARAMETER = re.compile(r';[ \t]*([a-zA-Z*-]+)=(?:"((?:[^"\\\r\n]|\\.)*)"|([^\s";]+))[ \t]*')
_DISPOSITION = re.compile(rf"form-data[ \t]*((?:{_PARAMETER.pattern})*)", re.IGNORECASE)
_HEADER = re.compile(r"([A-Za-z0-9-]+):[ \t]*([^\r\n]*?)[ \t]*")
_MEDIA_TYPE = re.compile(r"[!#-'*+\-./0-9A-Z^-z|~; =\"]{1,255}")


class Part(NamedTuple):
    """One part of a form: a file if it has a file name, else text. What it contains lies between two places of the body.

    The name and the type of a file are the sender's words, and nothing is to follow from them.
    """

    name: str
    file_name: str | None
    media_type: str
    body: Body
    start: int
    stop: int

    @property
    def size_bytes(self) -> int:
        return self.stop - self.start

    @property
    def content(self) -> bytes:
        """Read anew each time: a large one is in memory for as long as somebody works on it."""
        return self.body[self.start : self.stop]


class FormParser(BaseParser):
    """multipart/form-data (RFC 7578), without preamble, nesting, encodings, or a field that stands twice but where it is
    `repeated`, which makes it a list. Files stay `Part`s, other fields become text.
    """

    media_type = "multipart/form-data"

    def __init__(self, repeated: Collection[str] = ()) -> None:
        self._repeated = repeated

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        assert parser_context is not None
        request = parser_context["request"]
        assert isinstance(request, ApiRequest)
        values: dict[str, Any] = {}
        for part in parts_of(request):
            value = _text_of(part) if part.file_name is None else part
            if part.name in self._repeated:
                values.setdefault(part.name, []).append(value)
            elif part.name in values:
                raise MalformedBody("A field stands twice.")
            else:
                values[part.name] = value
        return values


def form_digest(request: ApiRequest) -> bytes:
    """What a form says, whatever its boundary is: names, file names, types and bytes of its parts. Raises as
    `parts_of` does.
    """
    digest = hashlib.sha256()
    for part in parts_of(request):
        for fact in (part.name, part.file_name, part.media_type):
            said = b"-" if fact is None else b"+" + fact.encode()
            digest.update(len(said).to_bytes(8) + said)
        digest.update(part.size_bytes.to_bytes(8))
        for piece in part.body.pieces(part.start, part.stop):
            digest.update(piece)
    return digest.digest()


def parts_of(request: ApiRequest) -> list[Part]:
    """The parts of a form. Raises MalformedBody, FileNameInvalid."""
    return parts_in(request.content, request.content_type)


def parts_in(body: Body, content_type: str) -> list[Part]:
    """The parts of the body of a form. Raises MalformedBody, FileNameInvalid."""
    boundary = parse_header_parameters(content_type)[1].get("boundary", "")
    if _BOUNDARY.fullmatch(boundary) is None:
        raise MalformedBody("The boundary of the parts is missing or not one.")
    return [_part_of(headers, body, start, stop) for headers, start, stop in _split(body, boundary.encode())]


def _split(body: Body, boundary: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The headers of each part, and where its content stands (RFC 2046 §5.1.1). Raises MalformedBody."""
    opening, delimiter = b"--" + boundary, b"\r\n--" + boundary
    position = len(opening)
    if body[:position] != opening:
        raise MalformedBody("The body does not begin with its boundary.")
    for _ in range(PARTS_MAX + 1):
        if body[position : position + 2] == b"--":
            if body[position + 2 : position + 5] not in (b"", b"\r\n"):
                raise MalformedBody("Something stands behind the last part.")
            return
        # The line break that ends the boundary's line is the one that an empty set of headers ends with.
        end = body.find(b"\r\n\r\n", position, position + _PART_HEADERS_MAX_BYTES)
        if body[position : position + 2] != b"\r\n" or end < 0:
            raise MalformedBody("A part has no headers, or too many.")
        following = body.find(delimiter, end + 2)
        if following < 0:
            raise MalformedBody("The body is cut off.")
        yield body[position + 2 : end], end + 4, following
        position = following + len(delimiter)
    raise MalformedBody(f"There are more than {PARTS_MAX} parts.")


def _part_of(headers: bytes, body: Body, start: int, stop: int) -> Part:
    try:
        lines = [_HEADER.fullmatch(line) for line in headers.decode().split("\r\n")]
    except UnicodeDecodeError as error:
        raise MalformedBody("The headers of a part are not UTF-8.") from error
    named = {line[1].lower(): line[2] for line in lines if line is not None}
    form = _DISPOSITION.fullmatch(named.get("content-disposition", ""))
    media_type = named.get("content-type", "text/plain")
    if len(named) != len(lines) or form is None or _MEDIA_TYPE.fullmatch(media_type) is None:
        raise MalformedBody("A part says not, or twice, what it is.")
    if named.get("content-transfer-encoding", "binary").lower() not in {"7bit", "8bit", "binary"}:
        raise MalformedBody("A part is encoded.")
    given = [(name.lower(), quoted or bare) for name, quoted, bare in _PARAMETER.findall(form[1])]
    parameters = dict(given)
    if len(parameters) != len(given) or not parameters.get("name"):
        raise MalformedBody("A part has no name, or two.")
    name = _unescaped(parameters["name"])
    # A part without content has its end where the empty line begins.
    return Part(name, _file_name_of(parameters), media_type, body, min(start, stop), stop)


def _unescaped(text: str) -> str:
    """A quoted string as programs write it: with backslashes, or as browsers do, percent-encoding quotes and breaks."""
    return re.sub(r"\\(.)", r"\1", text).replace("%22", '"')


def _file_name_of(parameters: Mapping[str, str]) -> str | None:
    """The name that a part gives its file, None for text. Raises FileNameInvalid."""
    name = parameters.get("filename")
    if name is None:
        encoded = parameters.get("filename*")  # not for forms (RFC 7578 §4.2), but some programs write it
        if encoded is None:
            return None
        name = unquote(encoded.rpartition("'")[2], errors="replace")
    name = _unescaped(name)
    is_path = re.search(r"[/\\]", name) is not None or name in {".", ".."}
    if is_path or len(name.encode()) > _FILE_NAME_MAX_BYTES or any(map(_hides_something, name)):
        raise FileNameInvalid
    return name


def _hides_something(character: str) -> bool:
    """Whether it is a control or line separator, or turns the direction of writing."""
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return unicodedata.category(character) in {"Cc", "Zl", "Zp"} or unicodedata.bidirectional(character) in turning


def _text_of(part: Part) -> str:
    if part.size_bytes > _TEXT_PART_MAX_BYTES:
        raise MalformedBody("A text is too long.")
    try:
        return part.content.decode()
    except UnicodeDecodeError as error:
        raise MalformedBody("Text is UTF-8.") from error
