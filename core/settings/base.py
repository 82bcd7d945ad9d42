"""The process: who it is, what it is made of, in which order a request passes through it."""

from typing import Any

import django_stubs_ext

from core.settings import env

django_stubs_ext.monkeypatch()

BASE_DIR = env.BASE_DIR
VAR_DIR = env.VAR_DIR
ENVIRONMENT = env.ENVIRONMENT
EMBEDDED = env.EMBEDDED
VERSION = "0.1.0"

DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.secret("SECRET_KEY")

# Names under which this server is reached; a signature covers the name, so it is compared with this list as well.
# The embedded default also answers to every loopback and private address (phones on the same network, emulators).
ALLOWED_NAMES = env.words("ALLOWED_HOSTS", ["localhost", ".localhost"] if EMBEDDED else [])
ALLOW_PRIVATE_ADDRESSES_AS_HOST = EMBEDDED
# core.middleware.HostMiddleware has refused everything else before Django asks.
ALLOWED_HOSTS = ["*"] if EMBEDDED else ALLOWED_NAMES

# How many proxies in front append to X-Forwarded-For; 0 takes the connection's own address. No default when hardened:
# a wrong guess lets callers choose the address that limits count.
TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXY_COUNT", 0 if EMBEDDED else -1, minimum=-1)

# The server process: where it listens, and how wide it is. Each thread has a database connection of its own. All but
# two of them work (core.middleware.BulkheadMiddleware); who finds none free is told to come back.
BIND_ADDRESS = env.text("BIND_ADDRESS", "127.0.0.1")
PORT = env.integer("PORT", 8000, minimum=1)
WEB_CONCURRENCY = env.integer("WEB_CONCURRENCY", 1 if EMBEDDED else 2, minimum=1)
WEB_THREADS = env.integer("WEB_THREADS", 64 if EMBEDDED else 16, minimum=3)

# How long a request may take to arrive: its head and a small body; a large body also gets a second for each 32 KiB.
REQUEST_ARRIVAL_SECONDS = env.integer("REQUEST_ARRIVAL_SECONDS", 30, minimum=1)
# After SIGTERM the server says that it is not ready, and serves on for this long, until nobody sends it anything any more.
DRAIN_SECONDS = env.integer("DRAIN_SECONDS", 0, minimum=0)

ADMIN_PATH = env.path_prefix("ADMIN_PATH", "django-admin/")
CMS_PATH = env.path_prefix("CMS_PATH", "cms/")

INSTALLED_APPS = [
    # Ours first: their commands and templates win over those of the same name.
    "core",
    "api",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "corsheaders",
    "core.accounts.UnusedAccounts",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "core.middleware.LivenessMiddleware",
    "core.middleware.RequestLogMiddleware",
    "core.middleware.ArrivalMiddleware",
    "core.middleware.HostMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "core.middleware.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "core.middleware.CrossOriginMiddleware",
    "core.middleware.BulkheadMiddleware",
    "core.middleware.CompressionMiddleware",
    "core.middleware.SlashMiddleware",
    "core.middleware.PageSessionMiddleware",
    "core.middleware.PageCsrfMiddleware",
    "core.middleware.PageAuthenticationMiddleware",
    "core.middleware.PageMessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "core.urls"
WSGI_APPLICATION = "core.wsgi.application"
APPEND_SLASH = False  # a redirect would drop a phone's POST body; core.middleware.SlashMiddleware serves both forms

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = None if EMBEDDED else BASE_DIR / "staticfiles"  # the embedded default serves from the sources
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = EMBEDDED
STORAGES: dict[str, dict[str, Any]] = {  # people's own files: core.settings.stores
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if EMBEDDED
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "api.User"

# `json` for machines, `console` for people.
LOG_FORMAT = env.choice("LOG_FORMAT", "console" if EMBEDDED else "json", {"json", "console"})
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", {"DEBUG", "INFO", "WARNING", "ERROR"})
# Where processes that are no web server answer /metrics, to whoever reaches the port. 0: nowhere.
METRICS_PORT = env.integer("METRICS_PORT", 0)
LOGGING_CONFIG = None  # core.logs configures logging, from CoreConfig.ready()

# The address as typed is not unique; its normalised form, `email_identity`, is (auth.W004).
# The check looks for Django's own class by name; ours is one that leaves the cookie-less API out (security.W003).
SILENCED_SYSTEM_CHECKS = ["auth.W004", "security.W003"]
