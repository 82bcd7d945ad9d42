"""The page of a shared image: whoever has the link sees it, in any browser."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse

from api.apis.auth.services import InvalidOrExpired
from api.apis.images import services
from api.exceptions import NotThere
from api.pages.base import LinkPage
from api.platform import images


class SharedImagePage(LinkPage):
    http_method_names = ["get", "head"]
    title = "A shared image"
    template = "pages/shared_image.html"

    def facts(self, token: str) -> dict[str, Any]:
        try:
            row = services.shared_image(token)
        except NotThere:
            raise InvalidOrExpired from None
        addresses = images.addresses_of(row["name"], row["media_type"], row["width"], row["height"])
        return {"image": row, "shown": addresses["variants"]["large"], "original": addresses["url"]}

    def _page(self, **context: Any) -> HttpResponse:
        response = super()._page(**context)
        if "shown" in context:  # it may lie in a bucket, which is another origin
            source = images.origin_of(context["shown"]["url"])
            response._csp_config = {**settings.SECURE_CSP, "img-src": ["'self'", source]}  # type: ignore[attr-defined]
        return response
