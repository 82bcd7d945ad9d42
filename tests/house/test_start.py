"""Every kind of process refuses to start half-configured, says why, and writes its lines as all others do."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core import checks
from django.core.management import call_command

from api.platform import leases
from core import celery
from core.checks import mail_leads_somewhere
from tests.services.servers import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 60

PROCESSES = {
    "web": ["gunicorn", "-c", "core/gunicorn.conf.py", "core.wsgi:application"],
    "worker": ["celery", "--app", "core.celery:app", "worker", "--concurrency", "1"],
    "beat": ["celery", "--app", "core.celery:app", "beat", "--pidfile="],
}


@pytest.fixture
def half_configured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """A deployment with all its secrets, which somebody forgot to tell its name."""
    call_command("new_secrets")
    secrets = dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines() if "=" in line)
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        **{name: value.strip("'\"") for name, value in secrets.items() if not name.startswith("#")},
        "DJANGO_ENV": "staging",
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/handset",
        "REDIS_CACHE_URL": "redis://127.0.0.1:1/0",
        "REDIS_STATE_URL": "redis://127.0.0.1:1/1",
        "CELERY_BROKER_URL": "redis://127.0.0.1:1/2",
        "AWS_STORAGE_BUCKET_NAME": "handset-files",
        "TRUSTED_PROXY_COUNT": "0",
        "FRONTEND_URL": "https://app.example.com",
        "FILES_PATH": str(tmp_path / "files"),
        "VAR_DIR": str(tmp_path),
        "PORT": str(free_port()),
    }


@pytest.mark.parametrize("name", PROCESSES)
def test_a_half_configured_process_ends_and_says_why(name: str, half_configured: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *PROCESSES[name]],
        cwd=ROOT,
        env=half_configured,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,  # what it says is looked at below
    )
    assert done.returncode
    said, rest = [], []
    for line in done.stderr.splitlines():
        (said if line.startswith("refusing to start") else rest).append(line)
    assert said, done.stderr
    assert all("ALLOWED_HOSTS" in line for line in said), done.stderr
    if name == "web":
        assert {json.loads(line)["logger"] for line in rest if line.startswith("{")} == {"gunicorn.error"}
        assert not [line for line in rest if line.startswith("[")]  # gunicorn's own form


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"FRONTEND_URL": ""}, "FRONTEND_URL is missing"),
        ({"MAGIC_LINK_VERIFY_URL": ""}, "MAGIC_LINK_VERIFY_URL is missing or not an http(s) address"),
        ({"MAGIC_LINK_VERIFY_URL": "app://magic"}, "MAGIC_LINK_VERIFY_URL is missing or not an http(s) address"),
        ({"MAGIC_LINK_VERIFY_URL": "https://"}, "MAGIC_LINK_VERIFY_URL is missing or not an http(s) address"),
        ({"MAGIC_LINK_DEBUG_ECHO_TOKEN": True, "DEBUG": False}, "MAGIC_LINK_DEBUG_ECHO_TOKEN is on, and DEBUG is off"),
        (
            {"EMAIL_PROVIDER": "console", "ENVIRONMENT": "production"},
            "EMAIL_PROVIDER is console, which mails to nobody",
        ),
        ({"EMAIL_PROVIDER": "file", "ENVIRONMENT": "production"}, "EMAIL_PROVIDER is file, which mails to nobody"),
        *(
            ({"EMAIL_PROVIDER": name}, f"EMAIL_API_KEY is missing, which EMAIL_PROVIDER={name} needs")
            for name in ("resend", "postmark", "mailgun", "brevo")
        ),
    ],
)
def test_mail_that_leads_nowhere_is_refused(settings: Any, changes: dict[str, object], sentence: str) -> None:
    settings.DEFAULT_FROM_EMAIL = "no-reply@example.com"
    assert list(mail_leads_somewhere(None)) == []
    for name, value in changes.items():
        setattr(settings, name, value)
    assert [error.msg for error in mail_leads_somewhere(None)] == [sentence]


@pytest.mark.parametrize("name", ["resend", "postmark", "mailgun", "brevo", "smtp", "ses"])
def test_mail_by_a_provider_that_lets_us_in_is_fine(settings: Any, name: str) -> None:
    settings.EMAIL_PROVIDER, settings.ENVIRONMENT = name, "production"
    settings.DEFAULT_FROM_EMAIL = "no-reply@example.com"
    settings.EMAIL_API_KEY = "" if name in {"smtp", "ses"} else "a key"
    assert list(mail_leads_somewhere(None)) == []


def test_a_run_of_the_outbox_ends_before_the_lease_of_what_it_took_up() -> None:
    assert celery._RUN_SECONDS < django_settings.CELERY_TASK_SOFT_TIME_LIMIT < django_settings.CELERY_TASK_TIME_LIMIT
    assert django_settings.CELERY_TASK_TIME_LIMIT < leases.MESSAGE_SECONDS


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("CELERY_BROKER_URL", "memory://", "CELERY_BROKER_URL is memory://, which no other process hears"),
        ("TRUSTED_PROXY_COUNT", 0, "TRUSTED_PROXY_COUNT is 0, but X-Forwarded-Proto is believed"),
        (
            "TRUSTED_PROXY_COUNT",
            -1,
            "TRUSTED_PROXY_COUNT is missing: say how many proxies stand in front",
        ),
    ],
)
def test_what_only_seems_to_be_there_is_refused(settings: Any, name: str, value: object, sentence: str) -> None:
    settings.EMBEDDED, settings.ENVIRONMENT = False, "production"
    settings.TRUSTED_PROXY_COUNT, settings.CELERY_BROKER_URL = 1, "amqp://rabbitmq.example//"
    before = {problem.msg for problem in checks.run_checks(tags=["handset"])}
    setattr(settings, name, value)
    assert {problem.msg for problem in checks.run_checks(tags=["handset"])} - before == {sentence}


def test_a_deployment_says_where_its_files_lie(settings: Any) -> None:
    settings.EMBEDDED = False
    for bucket, folder, is_missing in (("", "", True), ("handset-files", "", False), ("", "/srv/files", False)):
        settings.AWS_STORAGE_BUCKET_NAME, settings.FILES_PATH = bucket, folder
        found = {problem.id for problem in checks.run_checks(tags=["handset"])}
        assert "handset.E011" in found  # the others are looked at as well
        assert ("handset.E016" in found) == is_missing
