"""What production refuses to start with: one line for each variable that is missing, default or unsafe, and the sentence
that names it.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from api.platform.keys import b64url
from core.settings import env

# What a deployment has.
GIVEN: dict[str, Any] = {
    "EMBEDDED": False,
    "ENVIRONMENT": "production",
    "DEBUG": False,
    "ALLOWED_HOSTS": ["api.example.com"],
    "REDIS_CACHE_URL": "redis://redis-cache/0",
    "REDIS_STATE_URL": "redis://redis-state/0",
    "CELERY_BROKER_URL": "amqp://rabbitmq//",
    "AWS_STORAGE_BUCKET_NAME": "handset-files",
    "FILES_PATH": "",
    "TRUSTED_PROXY_COUNT": 1,
    "FRONTEND_URL": "https://app.example.com",
    "MAGIC_LINK_VERIFY_URL": "https://app.example.com",
    "EMAIL_PROVIDER": "smtp",
    "DEFAULT_FROM_EMAIL": "Handset <no-reply@example.com>",
}

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"SECRET_KEY": "short"}, "SECRET_KEY is missing or shorter than 32 characters"),
    ({"SECRET_KEY": "django-insecure-" + "x7$k" * 12}, "SECRET_KEY is an example"),
    ({"SECRET_KEY": "a" * 64}, "SECRET_KEY is an example"),
    ({"DEVICE_MASTER_KEYS": ""}, "DEVICE_MASTER_KEYS is missing or not a key ring"),
    ({"DEVICE_MASTER_KEYS": "k1:c2hvcnQ"}, "DEVICE_MASTER_KEYS is missing or not a key ring"),
    ({"DEVICE_MASTER_KEYS": f"k1:{'A' * 43}"}, "DEVICE_MASTER_KEYS holds an example"),
    ({"FIELD_KEYS": ""}, "FIELD_KEYS is missing or not a key ring"),
    ({"FIELD_KEYS": f"k1:{b64url(b'changeme' * 4)}"}, "FIELD_KEYS holds an example"),
    ({"JWT_SIGNING_KEYS": ""}, "JWT_SIGNING_KEYS is missing or holds no P-256 keys"),
    ({"JWT_SIGNING_KEYS": "/nowhere/key.pem"}, "JWT_SIGNING_KEYS is missing or holds no P-256 keys"),
    ({"DEBUG": True}, "DEBUG is on"),
    ({"ALLOWED_HOSTS": []}, "ALLOWED_HOSTS is empty or holds a wildcard"),
    ({"ALLOWED_HOSTS": ["*"]}, "ALLOWED_HOSTS is empty or holds a wildcard"),
    ({"ENGINE": "django.db.backends.sqlite3"}, "DATABASE_URL is missing or names SQLite"),
    ({"REDIS_CACHE_URL": ""}, "REDIS_CACHE_URL is missing"),
    ({"REDIS_STATE_URL": ""}, "REDIS_STATE_URL is missing"),
    ({"CELERY_BROKER_URL": ""}, "CELERY_BROKER_URL is missing"),
    ({"CELERY_BROKER_URL": "memory://"}, "CELERY_BROKER_URL is memory://"),
    ({"AWS_STORAGE_BUCKET_NAME": ""}, "AWS_STORAGE_BUCKET_NAME is missing"),
    ({"TRUSTED_PROXY_COUNT": -1}, "TRUSTED_PROXY_COUNT is missing"),
    ({"TRUSTED_PROXY_COUNT": 0}, "TRUSTED_PROXY_COUNT is 0"),
    ({"FRONTEND_URL": ""}, "FRONTEND_URL is missing"),
    ({"MAGIC_LINK_VERIFY_URL": "app://magic"}, "MAGIC_LINK_VERIFY_URL is missing or not an http(s) address"),
    ({"MAGIC_LINK_DEBUG_ECHO_TOKEN": True}, "MAGIC_LINK_DEBUG_ECHO_TOKEN is on"),
    ({"EMAIL_PROVIDER": "console"}, "EMAIL_PROVIDER is console"),
    ({"EMAIL_PROVIDER": "file"}, "EMAIL_PROVIDER is file"),
    ({"DEFAULT_FROM_EMAIL": "Handset <no-reply@localhost>"}, "EMAIL_FROM is missing or at localhost"),
    ({"EMAIL_PROVIDER": "resend", "EMAIL_API_KEY": ""}, "EMAIL_API_KEY is missing"),
    ({"OIDC_PROVIDERS": {"acme": {"issuer": "http://acme.example"}}}, "OIDC_PROVIDERS"),
    ({"CMS_PATH": "admin/cms/"}, "CMS_PATH may not lie under api/ or admin/"),
    ({"STAFF_SECOND_FACTOR": False}, "STAFF_SECOND_FACTOR is off"),
    ({"ATTESTATION_PRODUCTION": False}, "ATTESTATION_PRODUCTION is off"),
    ({"ATTESTATION_REQUIRED": "basic"}, "ATTESTATION_REQUIRED, but neither"),
    ({"ADMIN_PATH": "api/secret/"}, "ADMIN_PATH may not lie under api/ or admin/"),
    ({"ORG_PERMISSIONS": '{"fly": ["owner"]}'}, "ORG_PERMISSIONS"),
    ({"GEOIP_PATH": "/nowhere.mmdb"}, "GEOIP_PATH names no GeoIP database"),
]


@pytest.fixture
def change(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """A complete deployment, and what changes it."""

    def apply(changes: dict[str, Any]) -> None:
        for name, value in changes.items():
            if name == "ENGINE":  # of the database
                monkeypatch.setitem(settings.DATABASES["default"], name, value)
            else:
                setattr(settings, name, value)

    apply({**GIVEN, "ENGINE": "django.db.backends.mysql"})
    return apply


def found() -> list[str]:
    return [problem.msg for problem in checks.run_checks(tags=["handset"]) if problem.is_serious()]


@pytest.mark.usefixtures("change")
def test_what_is_complete_is_taken() -> None:
    assert found() == []


@pytest.mark.parametrize(("changes", "sentence"), REFUSED, ids=[sentence for _, sentence in REFUSED])
def test_what_is_missing_default_or_unsafe_is_refused(
    change: Callable[[dict[str, Any]], None], changes: dict[str, Any], sentence: str
) -> None:
    change(changes)
    assert [message for message in found() if message.startswith(sentence)], found()


@pytest.mark.parametrize("name", ["SECRET_KEY", "DEVICE_MASTER_KEYS", "FIELD_KEYS", "JWT_SIGNING_KEYS"])
def test_no_secret_is_made_up_outside_the_embedded_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env, "EMBEDDED", False)
    monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv(f"{name}_FILE", raising=False)
    with pytest.raises(ImproperlyConfigured, match=f"{name} is missing"):
        env.secret(name)


def test_each_refusal_has_an_id_of_its_own() -> None:
    source = (Path(__file__).resolve().parent.parent.parent / "core/checks.py").read_text()
    ids = re.findall(r"handset\.[EW]\d+", source)
    assert sorted(ids) == sorted(set(ids))
