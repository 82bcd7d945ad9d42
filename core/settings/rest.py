"""The HTTP surface: parsing, limits, cross-origin rules, documentation."""

from core.settings import env
from core.settings.base import VERSION

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["api.authentication.DeviceAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["api.permissions.NobodyYet"],
    "DEFAULT_PARSER_CLASSES": ["api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["api.renderers.ApiJSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "api.renderers.AlwaysJSON",
    "DEFAULT_SCHEMA_CLASS": "api.schema.operations.HandsetSchema",
    "EXCEPTION_HANDLER": "api.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "COMPACT_JSON": True,
}

# Bodies: bytes of JSON and depth of nesting.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
JSON_MAX_DEPTH = 32
# Bytes of an uploaded file: of an avatar, of an image, and of all images of one call.
UPLOAD_MAX_BYTES = env.integer("UPLOAD_MAX_BYTES", 10 * 1024 * 1024, minimum=1)
IMAGE_MAX_BYTES = env.integer("IMAGE_MAX_BYTES", 20 * 1024 * 1024, minimum=1)
IMAGES_MAX_BYTES = env.integer("IMAGES_MAX_BYTES", 100 * 1024 * 1024, minimum=1)

# How long the answer to a write is kept for its repeats.
IDEMPOTENCY_SECONDS = 86_400
# Whether a versioned resource is changed only by who says which version they have read.
REQUIRE_IF_MATCH = env.flag("REQUIRE_IF_MATCH", default=False)

PAGE_LIMIT_DEFAULT = 25
PAGE_LIMIT_MAXIMUM = 100

# Limits by scope; what each is counted per stands in api.throttling.
RATES = {
    "burst": env.rate("RATE_BURST", "60/min"),
    "sustained": env.rate("RATE_SUSTAINED", "1000/hour"),
    "auth_token": env.rate("RATE_AUTH_TOKEN", "5/min"),
    "auth_address": env.rate("RATE_AUTH_ADDRESS", "600/min"),
    "magic": env.rate("RATE_MAGIC", "5/min"),
    "refresh": env.rate("RATE_REFRESH", "30/min"),
    "data_modification": env.rate("RATE_DATA_MODIFICATION", "30/min"),
    "content_listing": env.rate("RATE_CONTENT_LISTING", "30/min"),
    "search": env.rate("RATE_SEARCH", "20/min"),
}

CORS_ALLOWED_ORIGINS = env.words("CORS_ALLOWED_ORIGINS")
CORS_URLS_REGEX = r"^/((api|admin)/|tasks(/|$))"
CORS_ALLOW_HEADERS = [
    "authorization",
    "content-type",
    "content-digest",
    "signature",
    "signature-input",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "x-app-version",
    "x-app-platform",
    "x-app-build",
    "x-request-id",
]
CORS_EXPOSE_HEADERS = [
    "ETag",
    "Retry-After",
    "RateLimit",
    "RateLimit-Policy",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-ID",
    "Idempotency-Replayed",
    "Location",
]

API_DOCS_ENABLED = env.flag("API_DOCS_ENABLED", default=env.EMBEDDED)
API_DOCS_PATH = env.path_prefix("API_DOCS_PATH", "api/")

# A page that explains an error code; `type` of a problem is then this address with `#<code>`.
ERROR_DOCS_URL = env.text("ERROR_DOCS_URL")

SPECTACULAR_SETTINGS = {
    "TITLE": "Handset API",
    "VERSION": VERSION,
    "DESCRIPTION": (
        "Every call comes from a device that registered with a signed request and holds a short-lived token. "
        "Errors are RFC 9457 problem documents; switch on `code`."
    ),
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["api.schema.hooks.only_the_api"],
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "api.schema.hooks.add_components"],
    "ENUM_NAME_OVERRIDES": {
        "PlatformEnum": "api.models.onboarding.Platform",
        "TrustEnum": "api.models.devices.Trust",
        "RoleEnum": "api.models.orgs.Role",
        "StateEnum": "api.models.jobs.JobState",
        "UploadStateEnum": "api.models.images.UploadState",
    },
}
