"""Every EMAIL_PROVIDER: its backend is made from what the settings say, its API gets the mail, and its key is written
nowhere. The APIs are stood in for by a server on loopback.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest
from django.core import mail as django_mail
from django.core.mail import get_connection
from django.core.mail.backends.smtp import EmailBackend

from api.platform.mail import Mail, MailNotTaken, send

KEY = "key-a-provider-gave-us"
PROVIDERS = {
    "console": "api.platform.mail",
    "file": "api.platform.mail",
    "smtp": "django.core.mail.backends.smtp",
    "resend": "anymail.backends.resend",
    "postmark": "anymail.backends.postmark",
    "sendgrid": "django.core.mail.backends.smtp",
    "ses": "anymail.backends.amazon_ses",
    "mailgun": "anymail.backends.mailgun",
    "brevo": "anymail.backends.brevo",
}
HELLO = Mail("ada@example.com", "Grüße", "The text of it", "<p>The page of it</p>")


class Api(NamedTuple):
    """What a provider's API answers, and the header that proves who asks."""

    answer: dict[str, Any]
    proof: str


APIS = {
    "resend": Api({"id": "1"}, "Authorization"),
    "postmark": Api({"ErrorCode": 0, "Message": "OK", "MessageID": "1", "To": HELLO.to}, "X-Postmark-Server-Token"),
    "ses": Api({"MessageId": "1"}, "Authorization"),
    "mailgun": Api({"id": "<1@mail.example.com>", "message": "Queued. Thank you."}, "Authorization"),
    "brevo": Api({"messageId": "<1@mail.example.com>"}, "api-key"),
}


@pytest.fixture
def chosen(choose: Callable[..., None]) -> Callable[[str], None]:
    return lambda name: choose(
        name,
        EMAIL_API_KEY=KEY,
        EMAIL_SENDER_DOMAIN="mail.example.com",
        EMAIL_HOST="smtp.example.com",
        EMAIL_HOST_PASSWORD=KEY,
        EMAIL_PORT="587",
        EMAIL_USE_TLS="true",
        EMAIL_FROM="Handset <mail@example.org>",
    )


class StandIn(ThreadingHTTPServer):
    """A provider's API: keeps what it was sent, and answers what it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Take)
        self.status = 200
        self.answer: dict[str, Any] = {}
        self.requests: list[tuple[dict[str, str], str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Take(BaseHTTPRequestHandler):
    server: StandIn

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((dict(self.headers), body.decode()))
        content = json.dumps(self.server.answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_request(self, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with StandIn() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def provider(
    chosen: Callable[[str], None], stand_in: StandIn, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], StandIn]:
    """A provider whose API is the stand-in's."""

    def choose(name: str) -> StandIn:
        chosen(name)
        stand_in.answer = APIS[name].answer
        variables = {"AWS_ACCESS_KEY_ID": "us", "AWS_SECRET_ACCESS_KEY": KEY, "AWS_DEFAULT_REGION": "eu-west-1"}
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        of_ses = {**settings.ANYMAIL["AMAZON_SES_CLIENT_PARAMS"], "endpoint_url": stand_in.url}
        addresses = {f"{name.upper()}_API_URL": stand_in.url, "AMAZON_SES_CLIENT_PARAMS": of_ses}
        settings.ANYMAIL = {**settings.ANYMAIL, **addresses}
        return stand_in

    return choose


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_s_backend_is_made_from_the_settings(
    name: str, chosen: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    chosen(name)
    backend = get_connection()
    assert type(backend).__module__ == PROVIDERS[name]
    held = vars(backend)
    if name in {"resend", "mailgun", "brevo"}:
        assert held["api_key"] == KEY
    elif name == "postmark":
        assert held["server_token"] == KEY
    elif name == "smtp":
        assert (held["host"], held["port"], held["password"], held["use_tls"]) == ("smtp.example.com", 587, KEY, True)
    if name == "mailgun":
        assert held["sender_domain"] == "mail.example.com"
    assert KEY not in caplog.text + "".join(capsys.readouterr())


def test_a_mail_has_nothing_that_anymail_could_not_carry(settings: Any) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.test.EmailBackend"
    send(HELLO, reference="event-1")
    [message] = django_mail.outbox
    params = message.anymail_test_params  # type: ignore[attr-defined]
    assert [address.addr_spec for address in params["to"]] == [HELLO.to]
    assert (params["subject"], params["text_body"], params["html_body"]) == HELLO[1:]
    assert params["extra_headers"]["Message-ID"].startswith("<event-1@")


@pytest.mark.parametrize("name", APIS)
def test_a_provider_s_api_gets_the_mail(name: str, provider: Callable[[str], StandIn]) -> None:
    api = provider(name)
    send(HELLO, reference="event-1")
    [(headers, body)] = api.requests
    sent = {header.lower(): value for header, value in headers.items()}
    assert sent[APIS[name].proof.lower()]
    for said in (HELLO.to, "mail@example.org"):
        assert said in body or said.replace("@", "%40") in body or name == "ses"  # which takes it as base64
    assert KEY not in body


@pytest.mark.parametrize("name", APIS)
def test_a_provider_s_refusal_is_told_without_the_address_and_the_key(
    name: str, provider: Callable[[str], StandIn]
) -> None:
    api = provider(name)
    api.status, api.answer = 422, {"message": f"{HELLO.to} is on the list of those who want no mail"}
    with pytest.raises(MailNotTaken) as refusal:
        send(HELLO, reference="event-1")
    told = str(refusal.value)
    assert "422" in told or name == "ses"
    assert "is on the list of those who want no mail" in told
    assert HELLO.to not in told
    assert KEY not in told
    assert len(api.requests) == 1  # it is the outbox that tries again


def test_a_provider_that_answers_nonsense_has_not_taken_it(provider: Callable[[str], StandIn]) -> None:
    provider("resend").answer = {"surprise": True}
    with pytest.raises(MailNotTaken):
        send(HELLO, reference="event-1")


def test_sendgrid_takes_its_key_over_smtp(choose: Callable[..., None]) -> None:
    choose("sendgrid", EMAIL_API_KEY=KEY)
    carrier = get_connection()
    assert isinstance(carrier, EmailBackend)
    assert (carrier.host, carrier.port, carrier.use_tls) == ("smtp.sendgrid.net", 587, True)
    assert (carrier.username, carrier.password) == ("apikey", KEY)
