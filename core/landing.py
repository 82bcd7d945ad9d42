"""`/`: what this is and where to go, as JSON for programs and as a small page for people."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """Names the documentation, the CMS and the admin only while they are where everybody looks anyway."""
    links = {"health": "/health/", **_usual_addresses()}
    body: dict[str, Any] = {"name": "Handset", "version": settings.VERSION, "status": "ok", **links}
    if "text/html" in request.headers.get("Accept", ""):
        return render(request, "landing.html", {"version": settings.VERSION, "links": links})
    return JsonResponse(body)


def _usual_addresses() -> dict[str, str]:
    links = {}
    if settings.API_DOCS_ENABLED and settings.API_DOCS_PATH == "api/":
        links["docs"] = "/api/docs/"
    if settings.CMS_PATH == "cms/":
        links["cms"] = "/cms/"
    if settings.ADMIN_PATH == "django-admin/":
        links["admin"] = "/django-admin/"
    return links
