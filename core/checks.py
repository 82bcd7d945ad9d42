"""System checks: what must hold before strangers may call. Outside the embedded default an error refuses the start."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from api.apis.orgs.selectors import permissions_with
from api.platform import attestation, keys, oidc, places, tokens

# Of 32 random bytes, fewer are different once in 10^27 times; of zeros or a word repeated, always.
_LEAST_DIFFERENT_BYTES = 11
_PROVIDERS_WITH_A_KEY = frozenset({"resend", "postmark", "sendgrid", "mailgun", "brevo"})


@register("handset")
def secrets_are_set(app_configs: Any, **kwargs: Any) -> Iterable[CheckMessage]:
    """Every secret is there, and long enough to be one."""
    if len(settings.SECRET_KEY or "") < 32:
        yield Error("SECRET_KEY is missing or shorter than 32 characters", id="handset.E001")
    elif settings.SECRET_KEY.startswith("django-insecure-") or len(set(settings.SECRET_KEY)) < 5:
        yield Error("SECRET_KEY is an example, which everybody knows", id="handset.E025")
    for name in ("DEVICE_MASTER_KEYS", "FIELD_KEYS"):
        try:
            ring = keys.ring(getattr(settings, name))
        except ValueError as error:
            yield Error(f"{name} is missing or not a key ring: {error}", id="handset.E002")
        else:
            yield from (
                Error(f"{name} holds an example, which everybody knows: {kid}", id="handset.E027")
                for kid, key in ring.keys.items()
                if len(set(key)) < _LEAST_DIFFERENT_BYTES
            )
    try:
        tokens.signing_keys(settings.JWT_SIGNING_KEYS)
    except (ValueError, OSError, KeyError, TypeError) as error:
        yield Error(f"JWT_SIGNING_KEYS is missing or holds no P-256 keys: {error}", id="handset.E003")


@register("handset")
def paths_are_apart(app_configs: Any, **kwargs: Any) -> Iterable[CheckMessage]:
    """The pages for staff do not hide behind addresses of the API."""
    for name in ("ADMIN_PATH", "CMS_PATH"):
        if getattr(settings, name).startswith(("api/", "admin/")):
            yield Error(f"{name} may not lie under api/ or admin/", id="handset.E004")


@register("handset")
def permissions_are_known(app_configs: Any, **kwargs: Any) -> Iterable[CheckMessage]:
    """ORG_PERMISSIONS can be read."""
    try:
        permissions_with(settings.ORG_PERMISSIONS)
    except ValueError as error:
        yield Error(f"ORG_PERMISSIONS: {error}", id="handset.E005")


@register("handset")
def attestation_is_possible(app_configs: Any, **kwargs: Any) -> Iterable[CheckMessage]:
    """What is set up can be read, and what is required can be brought."""
    try:
        attestation.require_readable()
    except (ValueError, TypeError) as error:
        yield Error(f"APP_ATTEST_… or PLAY_INTEGRITY_… cannot be used: {error}", id="handset.E006")
    if settings.ATTESTATION_REQUIRED != "none" and not attestation.kinds():
        yield Error("ATTESTATION_REQUIRED, but neither App Attest nor Play Integrity is set up", id="handset.E007")


@register("handset")
def providers_are_usable(app_configs: Any, **kwargs: Any) -> Iterable[CheckMessage]:
    """Who may sign people in is written so that they can."""
    try:
        oidc.providers()
    except ValueError as error:
        yield Error(f"OIDC_PROVIDERS: {error}", id="handset.E008")


@register("handset")
def places_can_be_read(app_configs: Any, **kwargs: Any) -> Iterable[CheckMessage]:
    """The file of places is one."""
    try:
        places.require_readable()
    except (OSError, ValueError) as error:
        yield Error(f"GEOIP_PATH names no GeoIP database: {error}", id="handset.E009")


@register("handset")
def mail_leads_somewhere(app_configs: Any, **kwargs: Any) -> Iterable[CheckMessage]:
    """The links of mails are addresses, codes are mailed and not told, and whoever carries mail lets us in."""
    if not settings.FRONTEND_URL:
        yield Error("FRONTEND_URL is missing", id="handset.E020")
    magic = urlsplit(settings.MAGIC_LINK_VERIFY_URL)
    if magic.scheme not in {"http", "https"} or not magic.netloc:
        yield Error("MAGIC_LINK_VERIFY_URL is missing or not an http(s) address", id="handset.E021")
    if settings.MAGIC_LINK_DEBUG_ECHO_TOKEN and not settings.DEBUG:
        yield Error("MAGIC_LINK_DEBUG_ECHO_TOKEN is on, and DEBUG is off", id="handset.E022")
    if settings.EMAIL_PROVIDER in _PROVIDERS_WITH_A_KEY and not settings.EMAIL_API_KEY:
        yield Error(
            f"EMAIL_API_KEY is missing, which EMAIL_PROVIDER={settings.EMAIL_PROVIDER} needs", id="handset.E023"
        )
    if settings.ENVIRONMENT == "production" and settings.EMAIL_PROVIDER in {"console", "file"}:
        yield Error(f"EMAIL_PROVIDER is {settings.EMAIL_PROVIDER}, which mails to nobody", id="handset.E024")
    if settings.ENVIRONMENT == "production" and settings.DEFAULT_FROM_EMAIL.rstrip(">").endswith("@localhost"):
        yield Error("EMAIL_FROM is missing or at localhost, from where nobody takes mail", id="handset.E028")


@register("handset")
def deployment_is_hardened(app_configs: Any, **kwargs: Any) -> Iterable[CheckMessage]:
    """What the embedded default may do, and a deployment may not."""
    if settings.EMBEDDED:
        return
    if settings.DEBUG:
        yield Error("DEBUG is on", id="handset.E010")
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        yield Error("ALLOWED_HOSTS is empty or holds a wildcard", id="handset.E011")
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        yield Error("DATABASE_URL is missing or names SQLite", id="handset.E012")
    for name in ("REDIS_CACHE_URL", "REDIS_STATE_URL", "CELERY_BROKER_URL"):
        if not getattr(settings, name):
            yield Error(f"{name} is missing", id="handset.E013")
    if settings.CELERY_BROKER_URL.startswith("memory:"):
        yield Error("CELERY_BROKER_URL is memory://, which no other process hears", id="handset.E018")
    if not settings.AWS_STORAGE_BUCKET_NAME and not settings.FILES_PATH:
        yield Error(
            "AWS_STORAGE_BUCKET_NAME is missing (or FILES_PATH, a folder that all servers share)", id="handset.E016"
        )
    if settings.ENVIRONMENT == "production" and not settings.ATTESTATION_PRODUCTION:
        yield Error("ATTESTATION_PRODUCTION is off", id="handset.E017")


@register("handset")
def proxies_are_counted(app_configs: Any, **kwargs: Any) -> Iterable[CheckMessage]:
    """What proxies say is believed of as many as there are."""
    if settings.TRUSTED_PROXY_COUNT < 0:
        yield Error("TRUSTED_PROXY_COUNT is missing: say how many proxies stand in front", id="handset.E015")
    if settings.ENVIRONMENT == "production" and settings.TRUSTED_PROXY_COUNT == 0:
        # gunicorn speaks no TLS here: without a proxy that does, whoever calls could say that they came by it.
        yield Error("TRUSTED_PROXY_COUNT is 0, but X-Forwarded-Proto is believed", id="handset.E019")


@register("handset")
def staff_show_a_second_factor(app_configs: Any, **kwargs: Any) -> Iterable[CheckMessage]:
    """A password alone opens nothing to staff but on the machine of who tries things out."""
    if not settings.STAFF_SECOND_FACTOR and not settings.EMBEDDED:
        yield Error("STAFF_SECOND_FACTOR is off", id="handset.E026")
