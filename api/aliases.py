"""Second addresses, for clients of earlier systems: the same views as at the canonical one. They are not documented."""

from collections.abc import Mapping
from types import MappingProxyType

# Whatever begins like this is the API.
API_PREFIXES = ("/api/v1/", "/api/auth/", "/api/access/", "/tasks/")

# Alias -> canonical route.
ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "api/auth/jwt/token/": "api/v1/token/pair/",
        "api/auth/jwt/refresh/": "api/v1/auth/refresh-token/",
        "api/auth/jwt/verify/": "api/v1/token/verify/",
        "api/auth/magic/request/": "api/v1/auth/magic/request/",
        "api/auth/magic/verify/": "api/v1/auth/magic/verify/",
        "api/access/auth/login/": "api/v1/token/pair/",
        "api/access/auth/refresh/": "api/v1/auth/refresh-token/",
        "api/access/users/": "api/v1/auth/register/",
        "api/access/users/me/": "api/v1/users/me/",
        "api/access/logged-devices/": "api/v1/devices/",
        "api/access/pre-register/": "api/v1/pre-register/",
        "tasks/": "api/v1/tasks/",
        "tasks/<str:job_id>/": "api/v1/tasks/<str:job_id>/",
    }
)
