"""What every request passes before it reaches a view, in the order of `MIDDLEWARE`."""

import ipaddress
import re
import threading
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.http.request import split_domain_port, validate_host
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.gzip import GZipMiddleware
from django.urls import is_valid_path
from django.utils.cache import patch_vary_headers

from api import problems
from api.aliases import API_PREFIXES
from api.exceptions import ApiError, TemporarilyUnavailable
from api.platform import log_context, metrics, telemetry, traffic
from api.platform.ids import spelled

log = structlog.get_logger("handset.request")

Handler = Callable[[HttpRequest], HttpResponse]

# Where the environment of a request tells that it was refused already.
REFUSAL = "handset.refusal"
_PROBES = ("/health", "/api/v1/health", "/metrics")
# SQLite has one writer at a time, and lets those who wait try again in no order: with more at once, some wait very long.
_SQLITE_AT_ONCE = 8
_TURN_SECONDS = 10
_COMPRESSED_FROM_BYTES = 1024
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _request_id(request: HttpRequest) -> str:
    given: str = request.META.get("HTTP_X_REQUEST_ID", "")
    return given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())


class LivenessMiddleware:
    """Answers `/health/live/` before anything can fail: no store, no host check, no log line."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info in ("/health/live/", "/health/live"):
            return JsonResponse({"status": "ok"}, headers={"X-Request-ID": _request_id(request)})
        return self.get_response(request)


class RequestLogMiddleware:
    """Gives the request its id, and when it is over counts it and writes one line: what, how it ended, how long it took."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = _request_id(request)
        request.request_id = request_id  # type: ignore[attr-defined]  # read by the edge, typed there
        started = time.perf_counter()
        with log_context.bound(request_id=request_id):
            response = self.get_response(request)
            response["X-Request-ID"] = request_id
            if not response.streaming and "Content-Length" not in response:
                response["Content-Length"] = str(len(response.content))
            if not request.path_info.startswith((*_PROBES, "/static/")):
                self._note(request, response, time.perf_counter() - started)
        return response

    def _note(self, request: HttpRequest, response: HttpResponse, seconds: float) -> None:
        caller = getattr(request, "caller", None)
        match = request.resolver_match
        route = match.route if match else None
        code = getattr(request, "problem_code", None)
        metrics.count_request(request.method or "", route, response.status_code, code=code, seconds=seconds)
        traffic.note(seconds, is_error=response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR)
        log.info(
            "request",
            method=request.method,
            route=route,
            status=response.status_code,
            code=code,
            duration_ms=round(seconds * 1000, 1),
            user=spelled(caller.user_id) if caller and caller.user_id else None,
            device=spelled(caller.device_id) if caller and caller.device_id else None,
        )


class TraceMiddleware:
    """Records a span for each request; here only where traces go somewhere."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith((*_PROBES, "/static/")):
            return self.get_response(request)
        with telemetry.request_span(request.headers) as span:
            response = self.get_response(request)
            match = request.resolver_match
            route = match.route if match else "none"
            span.update_name(f"{request.method} {route}")
            span.set_attribute("http.request.method", request.method)
            span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", response.status_code)
            span.set_attribute("handset.request_id", request.request_id)  # type: ignore[attr-defined]  # set above
            return response


class ArrivalMiddleware:
    """Says what went wrong while a request was taken in, which `core.wsgi` does before anything here begins."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        refusal: ApiError | None = request.META.get(REFUSAL)
        return self.get_response(request) if refusal is None else _refused(request, refusal)


class HostMiddleware:
    """Refuses a Host header that is not ours, as a problem document, before anything believes it.

    Probes call by address and get an answer that names nothing.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_probe = request.path_info.startswith(("/health/", "/metrics"))
        if not is_probe and not is_our_host(request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME", "")):
            return problems.respond(request, problems.BadRequest("This server does not answer to that name."))
        return self.get_response(request)


def is_our_host(header: str) -> bool:
    """Whether a Host header names this server: an allowed name or, in the embedded default, a private address."""
    host, _ = split_domain_port(header)
    if not host:
        return False
    if validate_host(host, settings.ALLOWED_NAMES):
        return True
    if not settings.ALLOW_PRIVATE_ADDRESSES_AS_HOST:
        return False
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return address.is_private or address.is_loopback


class BulkheadMiddleware:
    """Keeps two threads of the process free of work: one for the probes that ask a store, one for liveness.

    While a store hangs, whoever waits for it fills all the others. The next is told at once to come back later, instead
    of standing in a line in which the probes stand too. In the embedded default those inside take turns.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self._lock = threading.Lock()
        self._inside = 0
        is_sqlite = settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")
        self._turns = threading.Semaphore(_SQLITE_AT_ONCE if is_sqlite else settings.WEB_THREADS)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_probe = request.path_info.startswith(_PROBES)
        if not self._enter(settings.WEB_THREADS - (1 if is_probe else 2)):
            return _refused(request, TemporarilyUnavailable(retry_after_seconds=1))
        try:
            return self.get_response(request) if is_probe else self._in_turn(request)
        finally:
            with self._lock:
                self._inside -= 1

    def _in_turn(self, request: HttpRequest) -> HttpResponse:
        if not self._turns.acquire(timeout=_TURN_SECONDS):
            return _refused(request, TemporarilyUnavailable(retry_after_seconds=1))
        try:
            return self.get_response(request)
        finally:
            self._turns.release()

    def _enter(self, most: int) -> bool:
        with self._lock:
            if self._inside >= most:
                return False
            self._inside += 1
            return True


def _refused(request: HttpRequest, refusal: ApiError) -> HttpResponse:
    response = problems.respond(request, refusal)
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django's own line for each 5xx: they are many
    return response


class ContentSecurityPolicyMiddleware:
    """Sends `SECURE_CSP`, or what the view set as `response._csp_config`; Django 6 brings the same, same names."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.policy = _csp_header(settings.SECURE_CSP)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if "Content-Security-Policy" not in response:
            own: dict[str, list[str]] | None = getattr(response, "_csp_config", None)
            response["Content-Security-Policy"] = _csp_header(own) if own is not None else self.policy
        return response


def _csp_header(policy: dict[str, list[str]]) -> str:
    return "; ".join(" ".join((name, *sources)) for name, sources in policy.items())


class CrossOriginMiddleware(CorsMiddleware):
    """What a browser asks before and after a page of another origin calls; apps send no Origin, and pay for nothing."""

    def __call__(self, request: HttpRequest) -> Any:
        if "HTTP_ORIGIN" in request.META:
            return super().__call__(request)
        response: Any = self.get_response(request)
        if settings.CORS_ALLOWED_ORIGINS:
            patch_vary_headers(response, ("Origin",))
        return response


class CompressionMiddleware(GZipMiddleware):
    """Compresses JSON of some size. Never an answer that must not be stored: its secrets could be guessed by its length."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_json = response.get("Content-Type", "").partition(";")[0].endswith("json")
        if not is_json or not isinstance(response, HttpResponse) or "no-store" in response.get("Cache-Control", ""):
            return response
        if len(response.content) < _COMPRESSED_FROM_BYTES:
            return response
        return super().process_response(request, response)


class SlashMiddleware:
    """Serves an address without its slash (or with one too many) like the canonical one, without a redirect: a redirect would
    drop the body of a phone's POST. `request.path` stays as it came, for signatures. Only where no view was found.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code != HTTPStatus.NOT_FOUND or request.resolver_match is not None:
            return response
        path = request.path_info
        other = path.rstrip("/") if path.endswith("/") else f"{path}/"
        if not is_valid_path(other):
            return response
        request.path_info = other
        return self.get_response(request)


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith(API_PREFIXES)


class _PagesOnly:
    """Mixed into Django's middleware for people with cookies: the API has none, and pays for none."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> Any:
        if _is_api(request):
            return self.get_response(request)
        return super().__call__(request)  # type: ignore[misc]  # the middleware beside us has it


class PageSessionMiddleware(_PagesOnly, SessionMiddleware):
    """Leaves a session alone that no view has looked at: a made-up cookie costs no query, and is given no row."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        return super().process_response(request, response) if request.session.accessed else response


class PageCsrfMiddleware(_PagesOnly, CsrfViewMiddleware):
    pass


class PageAuthenticationMiddleware(_PagesOnly, AuthenticationMiddleware):
    pass


class PageMessageMiddleware(_PagesOnly, MessageMiddleware):
    pass
