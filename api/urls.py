"""The table of contents: one line a domain. The folder's name is the namespace; its addresses may begin otherwise."""

from importlib import import_module

from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from api import files, health
from api.aliases import ALIASES
from api.apis.auth.urls import well_known
from api.apis.images.urls import shared

app_name = "api"

# prefix under /api/v1/ -> domain. What has no prefix stands last: each of its addresses is looked at in turn.
DOMAINS = [
    ("contacts/", "contacts"),
    ("images/", "images"),
    ("tasks/", "jobs"),
    ("devices/", "devices"),
    ("device/", "onboarding"),
    ("", "users"),  # users/…, me/
    ("", "export"),  # orgs/<org_slug>/export/…, users/me/export/…
    ("orgs/", "api_keys"),
    ("orgs/", "audit"),
    ("orgs/", "tags"),
    ("", "orgs"),  # orgs/…, invitations/
    ("", "auth"),  # auth/…, token/…
]

_views = {
    f"api/v1/{prefix}{pattern.pattern}": pattern.callback
    for prefix, domain in DOMAINS
    for pattern in import_module(f"api.apis.{domain}.urls").urlpatterns
}

urlpatterns = [
    path("api/v1/health", csrf_exempt(health.HealthView.as_view()), name="health"),
    *(path(f"api/v1/{prefix}", include((f"api.apis.{domain}.urls", domain))) for prefix, domain in DOMAINS),
    *(path(alias, _views[route]) for alias, route in ALIASES.items()),
    path("api/v1/shared/", include((shared, "shared"))),
    path("files/uploads/<path:name>", csrf_exempt(files.UploadView.as_view()), name="upload-file"),
    path("files/<path:name>", csrf_exempt(files.FileView.as_view()), name="file"),
    path(".well-known/", include((well_known, "well-known"))),
]
