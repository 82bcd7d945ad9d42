"""Files for whoever holds an address that was signed for one of our own, or of an avatar (`api.platform.storage`), and from
whoever holds one that was signed for sending one.

The address is the proof: pictures are loaded by views of the platform, which know no tokens. Nothing is counted, and no
store is asked.
"""

import hashlib
import time
from http import HTTPStatus

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.views import View

from api import parsers, problems
from api.exceptions import ApiError
from api.platform import storage, uploads
from api.platform.bodies import Body

_FORM_MAX_BYTES = 64 * 1024  # what a form may have around its file
# Whatever it is, it is no page of this site.
_CSP = {"default-src": ["'none'"], "sandbox": []}


class FileView(View):
    """`/files/<name>?expires=…&signature=…`, without a query what is public. An object never changes, so it may be kept as
    long as its address is good.
    """

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, name: str) -> HttpResponseBase:
        is_public = storage.is_public(name)
        try:
            seconds = storage.PUBLIC_SECONDS if is_public else _seconds_left(request, name)
            etag = f'"{hashlib.sha256(name.encode()).hexdigest()[:20]}"'
            response: HttpResponseBase | None = get_conditional_response(request, etag=etag)
            if response is None:
                response = FileResponse(storage.opened(name), content_type=storage.media_type_of(name))
        except ApiError as problem:
            return problems.respond(request, problem)
        response["ETag"] = etag
        response["Cache-Control"] = f"{'public' if is_public else 'private'}, max-age={seconds}, immutable"
        response._csp_config = _CSP  # type: ignore[attr-defined]  # read by ContentSecurityPolicyMiddleware
        return response

    def http_method_not_allowed(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        return problems.method_not_allowed(request, ("GET", "HEAD"))


class UploadView(View):
    """`/files/uploads/<name>/<number>`: where clients send files that this server keeps itself (`api.platform.uploads`)."""

    http_method_names = ["post", "put"]

    def post(self, request: HttpRequest, name: str) -> HttpResponseBase:
        """An upload as a form: the fields that were signed, and the part `file`."""
        try:
            body = _body_of(request, most=uploads.PART_BYTES + _FORM_MAX_BYTES)
            parts = {
                part.name: part for part in parsers.parts_in(Body.of(body), request.headers.get("Content-Type", ""))
            }
            if "file" not in parts:
                raise parsers.MalformedBody("The part `file` is missing.")
            file = parts.pop("file")
            uploads.take(f"uploads/{name}", {field: _text_of(part) for field, part in parts.items()}, file.content)
        except ApiError as problem:
            return problems.respond(request, problem)
        return HttpResponse(status=HTTPStatus.NO_CONTENT)

    def put(self, request: HttpRequest, name: str) -> HttpResponseBase:
        """A part of an upload, as the body alone."""
        try:
            size = uploads.size_signed(f"uploads/{name}", request.GET.dict())
            uploads.take(f"uploads/{name}", request.GET.dict(), _body_of(request, most=size))
        except ApiError as problem:
            return problems.respond(request, problem)
        return HttpResponse(status=HTTPStatus.NO_CONTENT)

    def http_method_not_allowed(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        return problems.method_not_allowed(request, ("POST", "PUT"))


def _body_of(request: HttpRequest, *, most: int) -> bytes:
    """Raises PayloadTooLarge, UploadDiffers for one that was cut off."""
    announced = int(request.META.get("CONTENT_LENGTH") or 0)
    if announced > most:
        raise problems.PayloadTooLarge
    content = request.read()
    if len(content) != announced:
        raise uploads.UploadDiffers
    return content


def _text_of(part: parsers.Part) -> str:
    return part.content.decode("latin-1")  # which is as good as any: what was signed is ASCII


def _seconds_left(request: HttpRequest, name: str) -> int:
    """How long the address that was called is still good. Raises NotThere, FileLinkExpired."""
    expires_at, signature = request.GET.get("expires", ""), request.GET.get("signature", "")
    return storage.require_signed(name, expires_at=expires_at, signature=signature) - int(time.time())
