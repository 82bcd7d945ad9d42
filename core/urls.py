"""Every address of the process: the product, the pages for staff, the documentation where it is mounted."""

from django.conf import settings
from django.urls import include, path

from api import admin, health
from api.docs import docs_urls
from core.landing import landing

urlpatterns = [
    path("", landing, name="landing"),
    path("health/", health.HealthView.as_view(), name="health"),
    path("health/ready/", health.ReadyView.as_view(), name="ready"),
    path("", include("api.urls")),
    path(settings.CMS_PATH, include("api.cms.urls")),
    path(settings.ADMIN_PATH, admin.site.urls),
    *docs_urls(),
]

handler400 = "api.problems.bad_request"
handler403 = "api.problems.permission_denied"
handler404 = "api.problems.not_found"
handler500 = "api.problems.server_error"
