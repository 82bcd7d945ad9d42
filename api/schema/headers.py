"""The headers of answers."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

_LIMIT_HEADERS = {
    "X-RateLimit-Limit": ("The limit that is nearest to being used up: calls in its period.", "integer"),
    "X-RateLimit-Remaining": ("How many of them are left.", "integer"),
    "X-RateLimit-Reset": ("Seconds until all of them are there again.", "integer"),
    "RateLimit": ("What is left of every limit (draft-ietf-httpapi-ratelimit-headers).", "string"),
    "RateLimit-Policy": ("Every limit that the call counts against.", "string"),
}
_HEADERS = {
    "X-Request-ID": ("The id of this request in the server's log: the client's own, if it sent a good one.", "string"),
    "ETag": ("Which state this is: for If-None-Match, and for If-Match where a version is said.", "string"),
    "Idempotency-Replayed": ("`true`: this is the first answer once more.", "string"),
    "Location": ("Where to look for what was taken up.", "string"),
    "Content-Location": (
        "Where this is, if not where it was asked for: of a contact that was merged, the other.",
        "string",
    ),
    "Retry-After": ("Seconds to wait; always with 429 and 503.", "integer"),
    "Deprecation": ("Since when this is meant to go away (RFC 9745).", "string"),
    "Sunset": ("When it will be gone (RFC 8594).", "string"),
    "WWW-Authenticate": ("How to prove oneself (RFC 6750).", "string"),
    "Accept-Signature": (
        "What a signature has to look like here (RFC 9421 §5.1), where one was missing or bad.",
        "string",
    ),
    **_LIMIT_HEADERS,
}
_ALWAYS = {"X-Request-ID", "ETag", "Location", "WWW-Authenticate"}


def headers_of(status: int, *more: str) -> dict[str, Any]:
    """References to the headers of an answer, `more` being those of its operation. Those of limits are absent where
    nothing was counted.
    """
    names = ["X-Request-ID", *more, *(_LIMIT_HEADERS if status != HTTPStatus.INTERNAL_SERVER_ERROR else ())]
    if status == HTTPStatus.UNAUTHORIZED:
        names += ["WWW-Authenticate", "Accept-Signature"]
    if status in {HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        names += ["Retry-After"]
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def header_components() -> dict[str, Any]:
    """What `headers_of` refers to."""
    return {
        name: {"description": description, "required": name in _ALWAYS, "schema": {"type": kind}}
        for name, (description, kind) in _HEADERS.items()
    }


def request_header_components() -> dict[str, Any]:
    """The headers of requests, beside those that prove something."""
    return {
        name: {"name": name, "in": "header", "description": description, "schema": {"type": "string", **form}}
        for name, (description, form) in _REQUEST_HEADERS.items()
    }


_TAG = r'(W/)?"[!#-~]*"'
_REQUEST_HEADERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "X-Request-ID": (
        "An id of the client's for this request, of up to 64 letters, digits, `-` and `_`; another form is passed over.",
        {"example": "0f8c1f4e-6f0b-4a57-9d43-2b1f7a9d5c11"},
    ),
    "X-App-Platform": ("With X-App-Version: whether the app is too old.", {"example": "ios"}),
    "X-App-Version": ("The version of the app that calls, in up to 64 characters.", {"example": "2.4.0"}),
    "Idempotency-Key": (
        "A new one for every change that is meant: repeats under it get the first answer, for a day.",
        {"pattern": r'^("[!#-\[\]-~]{1,128}"|[!#-\[\]-~]{1,128})$', "example": "7f2d8a50-51b6-4f7e-a0c4-3d9b8e1f6c22"},
    ),
    "If-Match": (
        "The ETag of what was read: the change is made only if it is still so.",
        {"pattern": rf"^(\*|{_TAG}([ \t]*,[ \t]*{_TAG})*)$", "maxLength": 1024, "example": '"3-5d0c2f6b8e1a4c7d9b3f"'},
    ),
    "If-None-Match": (
        "The ETag of what is kept: 304 without a body while it is still so.",
        {"example": '"5d0c2f6b8e1a4c7d9b3f"'},
    ),
}
