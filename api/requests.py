"""The request as views see it: typed, with the caller already proven."""

import functools
import hashlib
import ipaddress
import re
import uuid
from collections.abc import Collection
from functools import cached_property
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, UnreadablePostError
from rest_framework.request import Request

from api.exceptions import ApiError
from api.models import AppKey, Device
from api.platform import app_versions
from api.platform.api_keys import KeyClaims
from api.platform.bodies import Body
from api.platform.callers import Caller, Member
from api.platform.memberships import Memberships
from api.platform.signing import Target
from api.platform.tokens import Claims

# Where the environment of a request has its body, if that was collected before (`core.wsgi`).
ARRIVED = "handset.body"
# The control characters of Unicode (Cc), all of them.
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")

# What a form may have around its file: boundaries, headers, other fields.
_FORM_MAX_BYTES = 64 * 1024


# The settings that say how many bytes of files a view takes.
_FILES_LIMITS = ("UPLOAD_MAX_BYTES", "IMAGE_MAX_BYTES", "IMAGES_MAX_BYTES")


def body_max_bytes(limit: str | None = None) -> int:
    """What the largest body has that a view with the `files_limit` takes, or any view."""
    limits: list[int] = [getattr(settings, name) for name in ([limit] if limit else _FILES_LIMITS)]
    return max(limits) + _FORM_MAX_BYTES


class ApiRequest(Request):
    """What the edge has found out. `caller` is there once authentication is over, for anonymous calls too."""

    caller: Caller
    claims: Claims | None
    # The device that signed this very request; None when it carries no signature (or an app key's).
    signing_device: Device | None
    signing_app_key: AppKey | None
    # The API key of a service, which comes without a device.
    api_key: KeyClaims | None
    # Where the caller is a member, as the gate finds it; the caller's own are these.
    memberships: dict[uuid.UUID, Member]

    def __init__(self, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(request, **kwargs)
        # DRF looks for them here in vain, each time, before it asks the request beneath.
        self.method, self.META = request.method, request.META

    def begin(self) -> None:
        """Nothing is known yet."""
        self.claims, self.signing_device, self.signing_app_key, self.api_key = None, None, None, None
        self.memberships = {}

    @cached_property
    def content(self) -> Body:
        """The form of a view that takes files, of no more bytes than it takes; read when it is first needed, and in parts.

        Raises RequestDataTooBig, UnreadablePostError.
        """
        request = self._request
        announced = int(request.META.get("CONTENT_LENGTH") or 0)
        if announced > body_max_bytes(self.parser_context["view"].files_limit):
            raise RequestDataTooBig
        arrived: Body | None = request.META.get(ARRIVED)
        content = Body.of(request.read()) if arrived is None else arrived
        if len(content) < announced:
            raise UnreadablePostError("the client has gone away")
        return content

    @property
    def body(self) -> bytes:
        """The whole of it, as JSON is read. Raises as `content` does."""
        return self.content[:] if self.parser_context["view"].takes_files else self._request.body

    def digest(self) -> bytes:
        """SHA-256 of the body. Raises as `content` does."""
        is_form = self.parser_context["view"].takes_files
        return self.content.sha256() if is_form else hashlib.sha256(self._request.body).digest()

    def enter(self, memberships: Memberships) -> None:
        """Gives the caller the memberships that the gate has found."""
        self.memberships.update(memberships)


class UnknownParameter(ApiError):
    """A query parameter or filter that this resource does not know, or one that stands twice."""

    status = HTTPStatus.BAD_REQUEST
    code = "unknown_parameter"
    title = "A query parameter is not known here"


def shown(name: str) -> str:
    """A name that a caller made up, as far as it may be repeated in an answer."""
    return name[:64] if name.isprintable() else ""


def require_no_parameters(request: ApiRequest, *, but: Collection[str] = ()) -> None:
    """For calls that take none, or a few. Raises UnknownParameter."""
    for name in request.query_params:
        if name not in but:
            raise UnknownParameter(parameter=shown(name))


def require_known_app(request: ApiRequest) -> None:
    """Raises AppUpgradeRequired when the app says which version it is, and that is served no more."""
    platform, version = request.META.get("HTTP_X_APP_PLATFORM"), request.META.get("HTTP_X_APP_VERSION")
    if platform and version:
        app_versions.require_supported(platform, version[:64])


def client_address(request: HttpRequest) -> str:
    """The address that called: the connection's own, or the one that the outermost trusted proxy has seen.

    Each trusted proxy appends the address it was called from, so the client stands TRUSTED_PROXY_COUNT from the end;
    whatever stands before that is the caller's own invention.
    """
    remote = cast(str, request.META.get("REMOTE_ADDR", "")) or "0.0.0.0"  # noqa: S104 -- an address to count under
    if settings.TRUSTED_PROXY_COUNT > 0:
        hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        if len(hops) >= settings.TRUSTED_PROXY_COUNT:
            remote = hops[-settings.TRUSTED_PROXY_COUNT]
    return _one_spelling(remote)


@functools.lru_cache(4096)  # the same callers come again and again, or the same proxies
def _one_spelling(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return "0.0.0.0"  # noqa: S104 -- an address to count under


def address_block(address: str) -> str:
    """What an address budget counts: an IPv4 address, or the /64 that an IPv6 subscriber has to themselves."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((parsed, 64), strict=False).network_address) + "/64"
    return address


def has_body(request: HttpRequest) -> bool:
    """Whether a body came with the request, in the sense of the signature profile."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    return length != "0" or "HTTP_TRANSFER_ENCODING" in request.META


def signed_target(request: HttpRequest) -> Target:
    """The request's address and headers as they came over the wire.

    The server hands on the raw request target (gunicorn: RAW_URI); elsewhere the decoded path is quoted again, which
    is unambiguous within the alphabet that may be signed.
    """
    raw = request.META.get("RAW_URI")
    if raw is None:
        query = request.META.get("QUERY_STRING", "")
        raw = quote(request.path, safe="/~") + (f"?{query}" if query else "")
    path, _, query = raw.partition("?")
    return Target(
        method=request.method or "",
        authority=authority_of(request),
        path=path,
        query=f"?{query}",
        has_body=has_body(request),
        content_type=request.META.get("CONTENT_TYPE", ""),
        authorization=request.META.get("HTTP_AUTHORIZATION", ""),
    )


def authority_of(request: HttpRequest) -> str:
    """The Host header, lower case, without the scheme's default port (RFC 9421 §2.2.3)."""
    host = request.get_host().lower()
    default_port = ":443" if request.is_secure() else ":80"
    return host.removesuffix(default_port)
