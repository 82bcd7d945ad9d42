"""The images of an organization, and the variants of each, to be looked at."""

import base64
import uuid
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from api.apis.images import selectors
from api.apis.orgs import selectors as orgs
from api.cms.pages import Pager, StaffPage
from api.platform import images


class ImagesView(StaffPage):
    section = "orgs"
    needs = "images.read"

    def get(self, request: HttpRequest, organization_id: uuid.UUID) -> HttpResponse:
        organization = orgs.organization_for_staff(organization_id)
        pager = Pager(request, "images", organization_id)
        page = selectors.images_for_staff(organization_id, cursor=pager.cursor, limit=settings.PAGE_LIMIT_DEFAULT)
        rows = [{**row, **_addresses_of(row)} for row in page.rows]
        context = {"organization": organization, "images": rows, **pager.links(page)}
        return _showing(self.page("cms/images/list.html", context), rows)


class ImageView(StaffPage):
    section = "orgs"
    needs = "images.read"

    def get(self, request: HttpRequest, organization_id: uuid.UUID, image_uid: uuid.UUID) -> HttpResponse:
        organization = orgs.organization_for_staff(organization_id)
        row = selectors.image_for_staff(organization_id, image_uid)
        shown = {
            **row,
            **_addresses_of(row),
            "sha256": bytes(row["sha256"]).hex(),
            "thumbhash": base64.b64encode(bytes(row["thumbhash"])).decode(),
        }
        context = {"organization": organization, "image": shown}
        return _showing(self.page("cms/images/detail.html", context), [shown])


def _addresses_of(row: dict[str, Any]) -> dict[str, Any]:
    return images.addresses_of(row["name"], row["media_type"], row["width"], row["height"])


def _showing(response: HttpResponse, rows: list[dict[str, Any]]) -> HttpResponse:
    """A page that may load these images."""
    sources = {images.origin_of(row["url"]) for row in rows} - {"'self'"}
    if sources:
        allowed = [*settings.SECURE_CSP["img-src"], *sorted(sources)]
        response._csp_config = {**settings.SECURE_CSP, "img-src": allowed}  # type: ignore[attr-defined]
    return response
