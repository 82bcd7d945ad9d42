"""System checks of the product. Default deny, proved over the whole URL table: every API view proves its caller, or stands on
the one public list. And no model relies on what one of the databases does not do.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.db.models import UniqueConstraint
from django.urls import URLPattern, URLResolver, get_resolver

from api.aliases import ALIASES
from api.cms.pages import EntryPage, StaffPage
from api.permissions import PROVING
from api.views import ApiView

_CANONICAL_PUBLIC_ROUTES = frozenset(
    {
        "",
        "health/",
        "health/ready/",
        "metrics",
        "api/v1/health",
        "files/uploads/<path:name>",
        "files/<path:name>",
        ".well-known/jwks.json",
        "magic-verify/",
        "confirm-email/",
        "change-email/",
        "reset-password/",
        "not-me/",
        "invitation/",
        "shared-image/",
        "api/v1/shared/images/resolve/",
        "export/",
        "api/v1/device/challenge/",
        "api/v1/device/register/",
        "api/v1/device/rotate/",
        "api/v1/device/revoke/",
        "api/v1/device/verify-signature/",
        "api/v1/auth/get-token/",
        "api/v1/auth/refresh-token/",
        "api/v1/token/refresh/",
    }
)
# Routes that anybody may call; each is signed, throttled or harmless by itself.
PUBLIC_ROUTES = _CANONICAL_PUBLIC_ROUTES | {
    alias for alias, route in ALIASES.items() if route in _CANONICAL_PUBLIC_ROUTES
}


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every (route, view) of the process."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route, pattern.callback
        else:
            yield from routes(pattern, route)


def _is_proved(route: str, view: Any) -> bool:
    view_class = getattr(view, "view_class", None) or getattr(view, "cls", None)
    if view_class is not None and issubclass(view_class, ApiView):
        permissions = view_class.permission_classes
        return bool(permissions) and any(issubclass(permission, PROVING) for permission in permissions)
    if route.startswith(settings.CMS_PATH):
        return view_class is not None and issubclass(view_class, (StaffPage, EntryPage))
    # The admin wraps each of its views in its own door; documentation is there only where it is mounted.
    docs = tuple(f"{settings.API_DOCS_PATH}{page}/" for page in ("schema", "docs", "redoc"))
    return route.startswith(settings.ADMIN_PATH) or route in docs


@register("handset")
def every_view_is_proved(app_configs: Any, **kwargs: Any) -> Iterable[CheckMessage]:
    """Fails for a view that neither proves its caller nor is public on purpose."""
    for route, view in routes():
        if route not in PUBLIC_ROUTES and not _is_proved(route, view):
            yield Error(f"/{route} neither proves its caller nor stands in PUBLIC_ROUTES", id="api.E001")


@register("handset")
def what_is_unique_is_unique_everywhere(app_configs: Any, **kwargs: Any) -> Iterable[CheckMessage]:
    """Fails for a model of ours whose uniqueness has a condition: MySQL and MariaDB leave such a constraint out, of which
    Django only warns (models.W036), and on these databases alone. Models of other apps are theirs.
    """
    ours = [config for config in app_configs or apps.get_app_configs() if config.label == "api"]
    for model in (model for config in ours for model in config.get_models()):
        for constraint in model._meta.constraints:
            if isinstance(constraint, UniqueConstraint) and constraint.condition is not None:
                yield Error(
                    f"{constraint.name} has a condition, which MySQL and MariaDB do not keep",
                    hint="Make a generated column that is null where the condition does not hold, and that unique.",
                    obj=model,
                    id="api.E002",
                )
