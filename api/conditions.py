"""Conditional requests (RFC 9110 §13): entity tags, If-None-Match on what is read, If-Match on what is changed.

The tag of a representation is `"<digest>"`, or `"<version>-<digest>"` where it has a version, which is what If-Match
compares: that a stranger's name in it was written differently meanwhile is no conflict.
"""

import hashlib
import re
from collections.abc import Collection
from http import HTTPStatus

import orjson
from django.conf import settings
from django.http import HttpResponse

from api.exceptions import ApiError, InvalidInput
from api.requests import ApiRequest
from api.throttling import principal_of


class PreconditionRequired(ApiError):
    """This server takes changes of a versioned resource only with If-Match (REQUIRE_IF_MATCH)."""

    status = HTTPStatus.PRECONDITION_REQUIRED
    code = "precondition_required"
    title = "Say which version you change"
    detail = "Send If-Match with the ETag that you have read."
    remedy = "Read it again, and repeat it with If-Match: the ETag of what was read."


_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e]*)"')
_TAGS = re.compile(rf"{_TAG.pattern}(?:[ \t]*,[ \t]*{_TAG.pattern})*")
_VERSION = re.compile(r"([1-9][0-9]{0,9})(?:-.*)?")


def etag_of(*facts: bytes, version: int | None = None) -> str:
    """The entity tag of whatever `facts` determine."""
    digest = hashlib.sha256(b"\0".join(facts)).hexdigest()[:20]
    return f'"{digest}"' if version is None else f'"{version}-{digest}"'


def etag_of_query(request: ApiRequest, state: object) -> str:
    """The entity tag of a list before it is read: its address and parameters, whose it is (so are its cursors), the
    release that words it, and `state` (JSON), which moves with every change of what the list may hold.
    """
    facts = [settings.VERSION, principal_of(request), request._request.path_info, request.META["QUERY_STRING"], state]
    return etag_of(orjson.dumps(facts))


def is_unchanged(request: ApiRequest, etag: str) -> bool:
    """Whether the caller has the representation of `etag` already (If-None-Match, by the weak comparison)."""
    header = request.META.get("HTTP_IF_NONE_MATCH")
    return header is not None and (header.strip() == "*" or etag.strip('"') in _TAG.findall(header))


def not_modified(etag: str) -> HttpResponse:
    """The answer to a caller who has the representation of `etag`."""
    response = HttpResponse(status=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag})
    del response["Content-Type"]
    return response


def expected_versions(request: ApiRequest) -> Collection[int] | None:
    """The versions that If-Match takes; None for any. A tag of something else matches no version.

    Raises InvalidInput, PreconditionRequired.
    """
    header = request.META.get("HTTP_IF_MATCH")
    if header is None:
        if settings.REQUIRE_IF_MATCH:
            raise PreconditionRequired
        return None
    header = header.strip()
    if header == "*":
        return None
    if len(header) > 1024 or _TAGS.fullmatch(header) is None:
        raise InvalidInput.of("If-Match", "invalid", "Send an ETag as it was received.")
    forms = [_VERSION.fullmatch(tag) for tag in _TAG.findall(header)]
    return frozenset(int(form[1]) for form in forms if form is not None)
