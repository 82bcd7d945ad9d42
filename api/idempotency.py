"""The Idempotency-Key header: which write it names, and what the write is compared by."""

import hashlib
import re
from collections.abc import Callable
from http import HTTPStatus

import orjson
from django.http import HttpResponse, HttpResponseBase
from rest_framework.request import is_form_media_type

from api import parsers
from api.exceptions import ApiError
from api.platform import idempotency
from api.platform.idempotency import Answer
from api.requests import ApiRequest
from api.throttling import SAFE_METHODS, principal_of


class IdempotencyKeyInvalid(ApiError):
    """Not 1 to 128 visible ASCII characters, quoted or bare."""

    status = HTTPStatus.BAD_REQUEST
    code = "idempotency_key_invalid"
    title = "The Idempotency-Key cannot be taken"
    detail = "Send 1 to 128 visible ASCII characters, quoted or bare."
    remedy = "Mend the header; a UUID is a good key."


# An RFC 8941 string, or the bare text that many clients send.
_FORM = re.compile(r'"([!#-\[\]-~]{1,128})"|([!#-\[\]-~]{1,128})')


def key_of(request: ApiRequest) -> str | None:
    """The key of a write, None without one. Raises IdempotencyKeyInvalid."""
    header = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if header is None or request.method in SAFE_METHODS:
        return None
    form = _FORM.fullmatch(header)
    if form is None:
        raise IdempotencyKeyInvalid
    return form[1] or form[2]


def answered_once(request: ApiRequest, key: str, perform: Callable[[], HttpResponse]) -> HttpResponseBase:
    """The answer to the write that `key` names: of `perform`, or the one that was given before.

    Raises IdempotencyInProgress, IdempotencyKeyReused, NotThere, Forbidden, what a body of parts is refused with, and what `perform` raises.
    """

    def answer() -> Answer:
        response = perform()
        return Answer(response.status_code, dict(response.items()), response.content)

    # The path as it is routed: with or without its slash it is the same call.
    call = [request.method, request._request.path_info, request.META.get("QUERY_STRING", ""), key]
    scope = idempotency.scope_of(principal_of(request), orjson.dumps(call))
    given = idempotency.once(request.caller, scope, _fingerprint(request), answer)
    response = HttpResponse(given.body, status=given.status, headers=given.headers)
    if "Content-Type" not in given.headers:
        del response["Content-Type"]  # Django's default for a body that is not there
    if given.is_replayed:
        response["Idempotency-Replayed"] = "true"
    return response


def _fingerprint(request: ApiRequest) -> bytes:
    """What a repeat must send again: the same precondition and bytes; of a form the same parts, whose boundary is a new
    one each time.
    """
    is_form = is_form_media_type(request.content_type) and request.parser_context["view"].takes_files
    body = parsers.form_digest(request) if is_form else request.digest()
    return hashlib.sha256(body + request.META.get("HTTP_IF_MATCH", "").encode()).digest()
