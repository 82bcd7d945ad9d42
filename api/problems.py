"""Problem documents (RFC 9457): every refusal of the API leaves through here, and so does the unexpected."""

import sys
import uuid
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.shortcuts import render
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import set_rollback

from api.exceptions import ApiError, Forbidden, InvalidInput, NotThere, TemporarilyUnavailable
from api.models import User
from api.platform import transactions
from api.platform.tokens import TokenRevoked
from api.renderers import to_json

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_AUTHENTICATE = 'Bearer realm="handset"'
# In place of DRF's own, which repeat what was sent.
_MESSAGES = {"invalid_choice": "Not one of the values that are taken here."}


class BadRequest(ApiError):
    """The request line, a header or the body cannot be read as HTTP; among them a Host that is not ours."""

    status = HTTPStatus.BAD_REQUEST
    code = "bad_request"
    title = "The request cannot be understood"


class RequestTimedOut(ApiError):
    """The request did not come in time: a head and a small body within 30 seconds (REQUEST_ARRIVAL_SECONDS), a large
    body at 32 KiB a second.
    """

    status = HTTPStatus.REQUEST_TIMEOUT
    code = "request_timed_out"
    title = "The request took too long to arrive"
    remedy = "Retry later: when the network is better; the same id or Idempotency-Key still holds."


class UriTooLong(ApiError):
    """The request line is longer than 4,094 bytes."""

    status = HTTPStatus.REQUEST_URI_TOO_LONG
    code = "uri_too_long"
    title = "The address is too long"
    remedy = "Mend the request: shorten its query."


class HeadersTooLarge(ApiError):
    """A header is longer than 8,190 bytes, or there are more than 60."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    code = "headers_too_large"
    title = "The headers are too large"
    remedy = "Mend the request: send fewer headers, or shorter ones."


class MethodNotAllowed(ApiError):
    """The resource is there and has no such method; `Allow` names those it has."""

    status = HTTPStatus.METHOD_NOT_ALLOWED
    code = "method_not_allowed"
    title = "This resource does not know the method"


class UnsupportedMediaType(ApiError):
    """The body is something else than JSON, does not say what it is, is compressed, or not in UTF-8."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_media_type"
    title = "The body's media type is not taken here"
    detail = "Send application/json; where a file is taken, multipart/form-data."


class PayloadTooLarge(ApiError):
    """The body is larger than this resource takes (1 MiB of JSON)."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "payload_too_large"
    title = "The body is too large"


class CsrfFailed(ApiError):
    """A page of this site was sent without its token, from elsewhere, or long after it was loaded."""

    status = HTTPStatus.FORBIDDEN
    code = "csrf_failed"
    title = "The form was not sent from this site"


class InternalError(ApiError):
    """Nobody expected this. Tell the operators the request id."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal_error"
    title = "Something went wrong on the server"
    detail = "It was recorded under the request id."


def document(problem: ApiError, request: HttpRequest) -> dict[str, Any]:
    """The problem as a JSON object. `instance` is the path alone: a query may hold what nobody should log."""
    base = f"{settings.ERROR_DOCS_URL}#" if settings.ERROR_DOCS_URL else "urn:handset:problem:"
    return {
        "type": f"{base}{problem.code}",
        "title": problem.title,
        "status": int(problem.status),
        "detail": problem.text,
        "code": problem.code,
        "instance": request.path,
        "request_id": getattr(request, "request_id", ""),
        **problem.members,
    }


def _headers(problem: ApiError) -> dict[str, str]:
    if problem.status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": _AUTHENTICATE, **problem.headers}
    return problem.headers


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook: any exception of a view as a problem document; None lets the unexpected go on to `server_error`."""
    problem = problem_of(error)
    if problem is None:
        return None
    set_rollback()
    request: HttpRequest = context["request"]._request
    request.problem_code = problem.code  # type: ignore[attr-defined]  # for the request's log line
    body = document(problem, request)
    return Response(body, problem.status, headers=_headers(problem), content_type=MEDIA_TYPE)


_REFUSALS_OF: Mapping[type[Exception], type[ApiError]] = {
    drf.MethodNotAllowed: MethodNotAllowed,
    drf.UnsupportedMediaType: UnsupportedMediaType,
    RequestDataTooBig: PayloadTooLarge,
    User.DoesNotExist: TokenRevoked,  # the caller, who has been erased since the call was let in
}


def problem_of(error: Exception) -> ApiError | None:
    """The refusal that an exception stands for, or None for one that nobody expected."""
    if type(error) in _REFUSALS_OF:
        return _REFUSALS_OF[type(error)]()
    match error:
        case ApiError():
            return error
        case drf.ValidationError():
            return InvalidInput(list(_flattened(error.get_full_details(), "")))
        case Http404() | drf.NotFound():
            return NotThere()
        case drf.PermissionDenied() | drf.NotAuthenticated() | drf.AuthenticationFailed():
            return Forbidden()
        case drf.ParseError() | SuspiciousOperation() | UnreadablePostError():
            return BadRequest()
        case _ if transactions.is_unavailable(error):
            log.exception("database.unavailable")
            transactions.leave_connection()
            return TemporarilyUnavailable()
    return None


def refusal_of(body: Serializer[Any]) -> InvalidInput:
    """What is wrong with a body that was found invalid and is one of many."""
    return InvalidInput(list(_flattened(drf.ValidationError(body.errors).get_full_details(), "")))


def _flattened(details: Any, path: str) -> list[dict[str, str]]:
    """DRF's nested error details as [{"field": "emails.0.value", "code", "message"}]."""
    if _is_leaf(details):
        code, message = str(details["code"]), str(details["message"])
        return [{"field": path, "code": code, "message": _MESSAGES.get(code, message)}]
    if isinstance(details, dict):
        members = [(str(key), member) for key, member in details.items()]
    else:
        # A list of errors of one field, or one entry per item of a list field; DRF uses both.
        is_per_item = any(not _is_leaf(member) for member in details)
        members = [(str(index) if is_per_item else "", member) for index, member in enumerate(details)]
    found: list[dict[str, str]] = []
    for key, member in members:
        step = "" if key == "non_field_errors" else key
        found += _flattened(member, ".".join(part for part in (path, step) if part))
    return found


def _is_leaf(details: Any) -> bool:
    """Whether this is one error, rather than a map of members, which may be called `message` and `code` as well."""
    return isinstance(details, dict) and set(details) == {"message", "code"} and isinstance(details["code"], str)


def is_for_machines(request: HttpRequest) -> bool:
    """Whether the caller gets a problem document rather than a page."""
    return request.path_info.startswith(("/api/", "/admin/")) or "text/html" not in request.headers.get("Accept", "")


def respond(request: HttpRequest, problem: ApiError) -> HttpResponse:
    """A refusal outside DRF: a problem document, or a page for people."""
    request.problem_code = problem.code  # type: ignore[attr-defined]  # for the request's log line
    headers = {"Cache-Control": "private, no-cache", **_headers(problem)}
    if is_for_machines(request):
        body = to_json(document(problem, request))
        return HttpResponse(body, MEDIA_TYPE, int(problem.status), headers=headers)
    context = {"problem": problem, "request_id": getattr(request, "request_id", "")}
    page = render(request, "errors/problem.html", context, status=int(problem.status))
    for name, value in headers.items():
        page[name] = value
    return page


_BEFORE_A_REQUEST = {problem.status: problem for problem in (BadRequest, RequestTimedOut, UriTooLong, HeadersTooLarge)}


def without_request(status: HTTPStatus) -> HttpResponse:
    """A refusal of what could not be read as a request: nothing is known of it."""
    request = HttpRequest()
    request.request_id = str(uuid.uuid4())  # type: ignore[attr-defined]  # as RequestLogMiddleware does
    response = respond(request, _BEFORE_A_REQUEST.get(status, InternalError)())
    response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(request, problem_of(exception) or BadRequest())


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(request, Forbidden())


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(request, NotThere())


def server_error(request: HttpRequest) -> HttpResponse:
    """Called while the exception is being handled: a store that does not answer is no fault of the page's."""
    error = sys.exception()
    if isinstance(error, Exception) and transactions.is_unavailable(error):
        return respond(request, problem_of(error) or InternalError())
    return respond(request, InternalError())


def method_not_allowed(request: HttpRequest, allowed: Iterable[str]) -> HttpResponse:
    """For views outside DRF, whose own answer has no body."""
    return respond(request, MethodNotAllowed(headers={"Allow": ", ".join(allowed)}))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return respond(request, CsrfFailed())
