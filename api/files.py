"""Files for whoever holds an address that was signed for one of our own, or of an avatar (`api.platform.storage`).

The address is the proof: pictures are loaded by views of the platform, which know no tokens. Nothing is counted, and no
store is asked.
"""

import hashlib
import time

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.views import View

from api import problems
from api.exceptions import ApiError
from api.platform import storage

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


def _seconds_left(request: HttpRequest, name: str) -> int:
    """How long the address that was called is still good. Raises NotThere, FileLinkExpired."""
    expires_at, signature = request.GET.get("expires", ""), request.GET.get("signature", "")
    return storage.require_signed(name, expires_at=expires_at, signature=signature) - int(time.time())
