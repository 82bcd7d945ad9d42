"""Every address of the process: the product, the pages for staff, the documentation where it is mounted."""

import functools

from django.conf import settings
from django.urls import ResolverMatch, URLResolver, include, path
from django.urls.resolvers import RoutePattern
from django.views.decorators.csrf import csrf_exempt

from api import admin, health
from api.docs import docs_urls
from core.landing import landing


class Remembered(URLResolver):
    """The addresses of a module, with where the latest ones led: Django compares an address with one pattern after the
    other, and apps ask for the same few again and again.
    """

    def __init__(self, module: str) -> None:
        urlconf, app_name, namespace = include(module)
        super().__init__(RoutePattern(""), urlconf, app_name=app_name, namespace=namespace)
        self._known = functools.lru_cache(1024)(super().resolve)

    def resolve(self, path: str) -> ResolverMatch:
        return self._known(path)


urlpatterns = [
    Remembered("api.urls"),
    # They know GET alone; a form's token would only turn a 405 into a 403.
    path("", csrf_exempt(landing), name="landing"),
    path("health/", csrf_exempt(health.HealthView.as_view()), name="health"),
    path("health/ready/", csrf_exempt(health.ReadyView.as_view()), name="ready"),
    path("metrics", csrf_exempt(health.MetricsView.as_view()), name="metrics"),
    path("", include("api.pages.urls")),
    path(settings.CMS_PATH, include("api.cms.urls")),
    path(settings.ADMIN_PATH, admin.site.urls),
    *docs_urls(),
]

handler400 = "api.problems.bad_request"
handler403 = "api.problems.permission_denied"
handler404 = "api.problems.not_found"
handler500 = "api.problems.server_error"
