"""The API's documentation: schema, Swagger UI and ReDoc, from our own static files, where the settings mount it."""

import functools
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer

from api import problems

# Both viewers write style attributes; ReDoc searches in a worker that it makes from a blob.
_CSP = settings.SECURE_CSP | {
    "style-src": ["'self'", "'unsafe-inline'"],
    "font-src": ["'self'", "data:"],
    "worker-src": ["blob:"],
}


@functools.cache
def _schema() -> bytes:
    """Once a process: it takes a second, and nobody is counted here."""
    generator: Any = SchemaGenerator  # drf-spectacular's has no types
    return OpenApiJsonRenderer().render(generator().get_schema(public=True))


def schema(request: HttpRequest) -> HttpResponse:
    if request.method not in ("GET", "HEAD"):
        return problems.method_not_allowed(request, ("GET", "HEAD"))
    return HttpResponse(_schema(), OpenApiJsonRenderer.media_type)


def _page(template: str) -> Any:
    def page(request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return problems.method_not_allowed(request, ("GET", "HEAD"))
        response = render(request, template, {"schema_url": reverse("schema")})
        response._csp_config = _CSP  # type: ignore[attr-defined]  # read by ContentSecurityPolicyMiddleware
        return response

    return page


def docs_urls() -> list[URLPattern]:
    """Nothing unless API_DOCS_ENABLED; everything under API_DOCS_PATH."""
    if not settings.API_DOCS_ENABLED:
        return []
    prefix = settings.API_DOCS_PATH
    return [
        path(f"{prefix}schema/", csrf_exempt(schema), name="schema"),
        path(f"{prefix}docs/", _page("docs/swagger.html"), name="docs"),
        path(f"{prefix}redoc/", _page("docs/redoc.html"), name="redoc"),
    ]
