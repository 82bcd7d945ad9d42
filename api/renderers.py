"""JSON out by orjson. Times are RFC 3339 in UTC with six fractional digits, always."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from django.utils.http import parse_header_parameters
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


def rfc3339(moment: datetime) -> str:
    """`2026-11-21T09:30:00.000000Z`; microseconds also where they are zero, so that texts sort like times."""
    utc = moment if moment.tzinfo in (UTC, None) else moment.astimezone(UTC)
    return f"{utc.isoformat(timespec='microseconds')[:26]}Z"  # without the offset; a third of strftime's time


def _default(value: object) -> str:
    if isinstance(value, datetime):
        return rfc3339(value)
    return str(value)  # lazy translations


def to_json(data: Any) -> bytes:
    return orjson.dumps(data, default=_default, option=orjson.OPT_PASSTHROUGH_DATETIME)


class ApiJSONRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else to_json(data)


class AlwaysJSON(BaseContentNegotiation):
    """The API speaks JSON whatever `Accept` says; a phone behind an odd proxy still gets an answer it can read."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """None for a body that says that it is compressed, or text in anything but UTF-8: it would be read otherwise than it
        was meant, and perhaps otherwise than by a proxy in front.
        """
        media_type, parameters = parse_header_parameters(request.content_type)
        is_coded = request.META.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity"
        if is_coded or parameters.get("charset", "utf-8").lower() != "utf-8":
            return None
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type
