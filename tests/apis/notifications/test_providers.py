"""Every EMAIL_PROVIDER: its backend is made from what the settings say, and its key is written nowhere."""

import logging
import runpy
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import get_connection

from core.settings import vendors

KEY = "key-a-provider-gave-us"
PROVIDERS = {
    "console": "api.platform.mail",
    "file": "api.platform.mail",
    "smtp": "django.core.mail.backends.smtp",
    "resend": "anymail.backends.resend",
    "postmark": "anymail.backends.postmark",
    "sendgrid": "anymail.backends.sendgrid",
    "ses": "anymail.backends.amazon_ses",
    "mailgun": "anymail.backends.mailgun",
    "brevo": "anymail.backends.brevo",
}


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Any:
    """Chooses a provider by the environment, as a deployment does."""

    def choose(name: str) -> None:
        for variable, value in {
            "EMAIL_PROVIDER": name,
            "EMAIL_API_KEY": KEY,
            "EMAIL_SENDER_DOMAIN": "mail.example.com",
            "EMAIL_HOST": "smtp.example.com",
            "EMAIL_HOST_PASSWORD": KEY,
            "EMAIL_PORT": "587",
            "EMAIL_USE_TLS": "true",
        }.items():
            monkeypatch.setenv(variable, value)
        made = runpy.run_path(str(Path(vendors.__file__)))
        for variable, value in made.items():
            if variable.startswith(("EMAIL_", "ANYMAIL")):
                setattr(settings, variable, value)

    return choose


@pytest.mark.filterwarnings("ignore:django-anymail has dropped official support for SendGrid")
@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_s_backend_is_made_from_the_settings(
    name: str, chosen: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    chosen(name)
    backend = get_connection()
    assert type(backend).__module__ == PROVIDERS[name]
    held = vars(backend)
    if name in {"resend", "sendgrid", "mailgun", "brevo"}:
        assert held["api_key"] == KEY
    elif name == "postmark":
        assert held["server_token"] == KEY
    elif name == "smtp":
        assert (held["host"], held["port"], held["password"], held["use_tls"]) == ("smtp.example.com", 587, KEY, True)
    if name == "mailgun":
        assert held["sender_domain"] == "mail.example.com"
    assert KEY not in caplog.text + "".join(capsys.readouterr())
