"""What goes over the wire, taken apart: a request as the phone would send it, which a test bends before it is sent.

Also what is there before and after: the rows of the database, and the nonces that are remembered.
"""

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.test import TestCase
from django.test.client import ClientHandler
from handset_client import Answer, Attempt, Call, Tag, new_nonce, sign
from handset_client.signature import Key
from pytest_django import Settings

from api.models import RateLimit, ReplayNonce
from api.platform import state
from core.settings.env import Rate
from tests.phones import BASE_URL, InProcess, Phone

NOW = 1_795_253_400  # 2026-11-21T09:30:00Z
AUTHORITY = BASE_URL.partition("://")[2]

Signer = tuple[str, Key]
MakePhone = Callable[..., tuple[Phone, InProcess]]


@dataclass(frozen=True)
class Draft:
    """A request that can still be changed. `environ` overrides what a server would put into the WSGI environment."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    environ: Mapping[str, Any] = field(default_factory=dict)

    @property
    def params(self) -> str:
        """The signature's parameters, as they stand in its base."""
        return self.headers["Signature-Input"].removeprefix("sig=")

    @property
    def value(self) -> bytes:
        """The signature's own bytes."""
        return base64.b64decode(self.headers["Signature"].removeprefix("sig=:").removesuffix(":"))

    def with_headers(self, changes: Mapping[str, str | None]) -> "Draft":
        """With other headers; None leaves one out."""
        headers = {**self.headers, **changes}
        return replace(self, headers={name: value for name, value in headers.items() if value is not None})

    def with_value(self, value: bytes) -> "Draft":
        return self.with_headers({"Signature": f"sig=:{base64.b64encode(value).decode()}:"})

    def edited(self, header: str, old: str, new: str) -> "Draft":
        """With `old`, which must stand in a header, replaced."""
        assert old in self.headers[header], (header, old, self.headers[header])
        return self.with_headers({header: self.headers[header].replace(old, new)})

    def base(self, params: str) -> bytes:
        """What a signature with `params` signs about this request (RFC 9421 §2.5), whatever they list."""
        path, _, query = self.url.removeprefix(BASE_URL).partition("?")
        derived = {"@method": self.method, "@authority": AUTHORITY, "@path": path, "@query": f"?{query}"}
        values = derived | {name.lower(): value for name, value in self.headers.items()}
        listed = params[1 : params.index(")")].split()
        lines = [f"{name}: {values.get(name.strip(chr(34)), '')}" for name in listed]
        return "\n".join([*lines, f'"@signature-params": {params}']).encode("latin-1")

    def signed_with(self, key: Key, old: str = "", new: str = "") -> "Draft":
        """Signed by `key` over parameters in which `old` is replaced: what a client gone astray would send."""
        assert old in self.params, (old, self.params)
        params = self.params.replace(old, new) if old else self.params
        return self.with_headers({"Signature-Input": f"sig={params}"}).with_value(key.sign(self.base(params)))


def draft(
    signer: Signer,
    method: str,
    path: str,
    body: Any = None,
    *,
    tag: Tag = Tag.TOKEN,
    content_type: str = "application/json",
    token: str = "",
    created: int | None = None,
    nonce: str | None = None,
    url: str = "",
) -> Draft:
    """A signed request; `body` is bytes, or anything else to be written as JSON. `created` is now if absent."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    headers = {"Content-Type": content_type} if content else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    keyid, key = signer
    url = url or f"{BASE_URL}{path if path.startswith('/') else f'/api/v1/{path}'}"
    signature = sign(
        method,
        url,
        content,
        key=key,
        keyid=keyid,
        tag=tag,
        created=int(time.time()) if created is None else created,
        nonce=nonce or new_nonce(),
        content_type=content_type,
        authorization=headers.get("Authorization", ""),
    )
    return Draft(method, url, headers | signature.headers, content)


def get_token(phone: Phone, **kwargs: Any) -> Draft:
    """The phone's call for its tokens."""
    return draft(phone.state.signer, "POST", "auth/get-token/", {"device_id": phone.state.device_id}, **kwargs)


def refresh(phone: Phone, token: str | None = None, attempt: str | None = None, **kwargs: Any) -> Draft:
    """The phone's call for the next tokens; `token` is its own if absent."""
    body = {"refresh": token or phone.state.refresh} | ({"attempt": attempt} if attempt else {})
    return draft(phone.state.signer, "POST", "auth/refresh-token/", body, **kwargs)


def request_of(phone: Phone, method: str, path: str, body: Any = None, **kwargs: Any) -> Draft:
    """Any call of a phone with a session, signed."""
    kwargs.setdefault("token", phone.state.access)
    return draft(phone.state.signer, method, path, body, tag=Tag.REQUEST, **kwargs)


def prepared(phone: Phone, method: str, path: str, json: Any = None) -> Draft:
    """What the client itself would send now, signed."""
    attempt: Attempt = phone.prepare(Call.of_json(method, path, json, is_signed=True))
    return Draft(attempt.method, attempt.url, dict(attempt.headers), attempt.body)


def send(transport: InProcess, given: Draft) -> Answer:
    """The API's own answer; anything else fails the test."""
    return Answer.read(transport.call(given.method, given.url, given.headers, given.body, **given.environ))


def with_token(transport: InProcess, method: str, path: str, token: str, body: Any = None) -> Answer:
    """A call that carries a token and no signature."""
    content = b"" if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}"} | ({"Content-Type": "application/json"} if content else {})
    return send(transport, Draft(method, f"{BASE_URL}/api/v1/{path}", headers, content))


def rows() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the product but those of the limits, which count also what is refused, and of the replay store."""
    models = [model for model in apps.get_app_config("api").get_models() if model not in (RateLimit, ReplayNonce)]
    return {model.__name__: sorted(model._default_manager.values_list(), key=repr) for model in models}


def remembered_nonces() -> int:
    """How many signatures the replay store remembers."""
    if not state.is_configured():
        return ReplayNonce.objects.count()
    with state.guarded() as redis:
        return len(redis.keys("nonce:*"))


def lower_rates(settings: Settings, **rates: int) -> None:
    """Other limits a minute, by scope, from now on: what was counted before is forgotten, for time may stand still."""
    settings.RATES = {**settings.RATES, **{scope: Rate(limit, 60) for scope, limit in rates.items()}}
    RateLimit.objects.all().delete()
    if state.is_configured():
        with state.guarded() as redis:
            for key in redis.scan_iter("limit:*"):
                redis.delete(key)


def assert_refused(answer: Answer, status: int, code: str) -> None:
    """The refusal, with what every refusal of its status carries."""
    assert (answer.status, answer.code) == (status, code), answer.body
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert answer.headers["x-request-id"] == answer.json["request_id"]


def assert_changes_nothing(transport: InProcess, given: Draft, status: int, code: str) -> Answer:
    """Sends what must be refused, and compares every row and every nonce before and after."""
    before = rows(), remembered_nonces()
    answer = send(transport, given)
    assert_refused(answer, status, code)
    assert (rows(), remembered_nonces()) == before
    return answer


def commit(service: Callable[..., object], *args: Any, **kwargs: Any) -> None:
    """Calls a service as a command would, whose transaction is committed."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        service(*args, **kwargs)


@pytest.fixture(autouse=True)
def _commits_take_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test runs in one transaction that is never committed; what waits for a commit is done after each request."""
    call: Callable[..., Any] = InProcess.call

    def call_and_commit(self: InProcess, *args: Any, **kwargs: Any) -> Any:
        with TestCase.captureOnCommitCallbacks(execute=True):
            return call(self, *args, **kwargs)

    monkeypatch.setattr(InProcess, "call", call_and_commit)


# One for all phones: each new one would read the whole folder of static files once more.
_HANDLER = ClientHandler(enforce_csrf_checks=True)


@pytest.fixture
def new_phone(new_phone: MakePhone) -> MakePhone:
    """Makes a phone that was never seen."""

    def make(**kwargs: Any) -> tuple[Phone, InProcess]:
        phone, transport = new_phone(**kwargs)
        transport._browser.handler = _HANDLER
        return phone, transport

    return make


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Time stands still; `clock.shift(seconds)` moves it."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller
