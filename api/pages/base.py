"""What the pages have in common: they are counted per address, never stored, and never say more than their link."""

from http import HTTPStatus
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views import View

from api import problems
from api.apis.auth.services import InvalidOrExpired
from api.exceptions import ApiError, InvalidInput
from api.models import ActorKind, Channel
from api.platform import gate
from api.platform.callers import Caller
from api.requests import address_block, client_address
from api.throttling import limit, require_allowed


class LinkPage(View):
    """A page that a mail leads to, with `?token=`. GET shows what its button will do, POST does it."""

    http_method_names = ["get", "head", "post"]
    title: ClassVar[str]
    text: ClassVar[str] = ""
    button: ClassVar[str] = ""
    done: ClassVar[str] = ""
    template: ClassVar[str] = "pages/link.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            counted = limit("auth_address", f"pages:{address_block(client_address(request))}")
            require_allowed(gate.admit([counted]).decision)
            response = super().dispatch(request, *args, **kwargs)
        except InvalidOrExpired as refusal:
            response = self._page(refusal=f"{refusal.title}. {refusal.text}", status=refusal.status)
        except ApiError as refusal:
            response = problems.respond(request, refusal)
        response["Cache-Control"] = "no-store"
        response["Referrer-Policy"] = "no-referrer"  # the address holds the token
        return response

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return problems.method_not_allowed(request, [name.upper() for name in self.http_method_names])

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(**self.facts(request.GET.get("token", "")))

    def post(self, request: HttpRequest) -> HttpResponse:
        token = request.POST.get("token", "")
        try:
            self.act(token)
        except InvalidInput as refusal:
            reasons = " ".join(error["message"] for error in refusal.members["errors"])
            return self._page(refusal=reasons, status=HTTPStatus.UNPROCESSABLE_ENTITY, **self.facts(token))
        return self._page(is_done=True)

    def facts(self, token: str) -> dict[str, Any]:
        """What the page shows of a good token. Raises InvalidOrExpired."""
        raise NotImplementedError

    def act(self, token: str) -> None:
        """What the button does. Raises ApiError."""
        raise NotImplementedError

    @property
    def caller(self) -> Caller:
        """Nobody we know: the token is all there is."""
        return Caller(
            kind=ActorKind.ANONYMOUS,
            channel=Channel.API,
            address=client_address(self.request),
            request_id=getattr(self.request, "request_id", ""),
        )

    def _page(self, *, status: HTTPStatus = HTTPStatus.OK, **context: Any) -> HttpResponse:
        return render(self.request, self.template, {"page": self, **context}, status=int(status))
