"""JSON, taken strictly: one reading only, bounded, nothing that a later step could trip over."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from api.exceptions import ApiError
from api.requests import ApiRequest

_NUMBER_LIMIT = 2.0**63


class MalformedBody(ApiError):
    """Not JSON in UTF-8, a member twice in one object, NaN, a lone surrogate, or nested beyond 32 levels."""

    status = HTTPStatus.BAD_REQUEST
    code = "malformed_body"
    title = "The body is not JSON that can be taken"


class StrictJSONParser(BaseParser):
    """RFC 8259 in UTF-8 without duplicate keys, NaN, infinities, lone surrogates, or nesting beyond the limit."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        assert parser_context is not None
        request = parser_context["request"]
        assert isinstance(request, ApiRequest)
        return parse_json(request._request.body)


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
