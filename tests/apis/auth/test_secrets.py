"""No secret is ever in a log, a refusal, or the database: one story is told, then all of them are searched."""

import base64
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as configured
from django.db import connection, transaction
from handset_client import Attempt, P256Key, Response
from handset_client.keys import unb64url
from handset_client.outcomes import accept
from pytest_django import Settings

from api.apis.auth import services as auth
from api.apis.onboarding import services as onboarding
from api.models import AppKeyStatus
from api.platform import callers
from core import logs
from tests.apis.auth.wire import MakePhone, draft, get_token, refresh, request_of, send, with_token
from tests.conftest import AppKeyOnPhone
from tests.phones import InProcess, Phone

pytestmark = pytest.mark.django_db

FIRST_PASSWORD = "p4ssw0rd-of-the-first-person"
WRONG_PASSWORD = "p4ssw0rd-that-nobody-has"


class Told:
    """The secrets of a story, and where they might have ended up."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.log = io.StringIO()
        self.records: list[logging.LogRecord] = []
        self.refusals: list[bytes] = []

    def keep(self, name: str, secret: str | None) -> None:
        assert secret
        self.secrets[f"{name} {len(self.secrets)}"] = secret

    def keep_state(self, phone: Phone) -> None:
        state = phone.state
        self.keep("enrolment key", state.enrol_key)
        self.keep("access token", state.access)
        self.keep("refresh token", state.refresh)
        if state.secret:
            self.keep("device secret", state.secret)
        if state.private_key:
            self.keep("private key", state.private_key.split("\n")[1])

    def spellings(self) -> Iterator[tuple[str, bytes]]:
        for name, secret in self.secrets.items():
            yield name, secret.encode()
            # The part of a token that makes it one, and the bytes of a key however they are written.
            yield f"the end of {name}", secret.rpartition(".")[2].encode()
            try:
                raw = unb64url(secret)
            except ValueError:
                continue
            for spelling in (raw, raw.hex().encode(), base64.b64encode(raw), repr(raw)[2:-1].encode()):
                yield f"the bytes of {name}", spelling

    def assert_absent_from(self, place: str, content: bytes) -> None:
        found = [name for name, spelling in self.spellings() if len(spelling) >= 12 and spelling in content]
        assert found == [], f"in {place}: {found}"


@pytest.fixture(params=["json", "console"])
def told(request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """Everything that is logged, at the most talkative level, in the form that operators see."""
    settings.LOG_FORMAT, settings.LOG_LEVEL = request.param, "DEBUG"
    told = Told()

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.records.append(record)

    keep, root = Keep(), logging.getLogger()
    logs.configure()
    handler = next(handler for handler in root.handlers if getattr(handler, "is_handset", False))
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(told.log)
    root.addHandler(keep)
    call = InProcess.call

    def call_and_keep(self: InProcess, *args: Any, **kwargs: Any) -> Response:
        response = call(self, *args, **kwargs)
        if response.status >= 400:
            told.refusals.append(response.body + repr(dict(response.headers)).encode())
        return response

    monkeypatch.setattr(InProcess, "call", call_and_keep)
    yield told
    root.removeHandler(keep)
    settings.LOG_FORMAT, settings.LOG_LEVEL = "console", "INFO"
    logs.configure()


def everything_stored() -> bytes:
    """Every cell of every table."""
    cells = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            for row in cursor.fetchall():
                cells += [bytes(cell) if isinstance(cell, bytes | memoryview) else str(cell).encode() for cell in row]
    return b"\0".join(cells)


def live(told: Told, phone: Phone, transport: InProcess, email: str) -> None:
    """A whole life, with everything going wrong that can."""
    accept(phone.get_token())
    told.keep_state(phone)
    accept(phone.sign_up(email, FIRST_PASSWORD, first_name="Ada"))
    told.keep_state(phone)
    transport.lose_next = 1
    accept(phone.refresh())
    told.keep_state(phone)
    phone.rotate_key()
    accept(phone.get_token())
    told.keep_state(phone)

    state = phone.state
    token, secret = state.access or "", state.secret or state.enrol_key
    misplaced = {"password": WRONG_PASSWORD, "email": email, "note": secret, "refresh": state.refresh}
    for path in ("auth/register/", "token/pair/", "token/verify/", "auth/logout/"):
        with_token(transport, "POST", path, token, misplaced)
    with_token(transport, "POST", "token/pair/", token, {"email": email, "password": WRONG_PASSWORD})
    with_token(transport, "POST", "token/pair/", token, {"email": secret, "password": {"a": WRONG_PASSWORD}})
    with_token(transport, "POST", "token/verify/", token, {"token": state.refresh})
    with_token(transport, "GET", f"auth/check/?token={token}&secret={secret}", token)
    with_token(transport, "GET", f"no/such/{secret}/{state.refresh}/", token)
    told.refusals.pop()  # which names the path to whoever asked for it
    with_token(transport, "GET", "auth/check/", f"{token}x")
    with_token(transport, "PATCH", "users/me/", token, {"preferred_language": secret, "phone_number": WRONG_PASSWORD})
    send(transport, get_token(phone).edited("Signature-Input", 'keyid="', f'keyid="{secret}'))
    send(transport, get_token(phone).with_headers({"Content-Type": secret, "X-Request-Id": "1"}))
    send(transport, refresh(phone, f"{state.refresh}x"))
    send(transport, draft(state.signer, "POST", "auth/refresh-token/", f'{{"refresh":"{state.refresh}"'.encode()))
    send(transport, draft(state.signer, "POST", "auth/get-token/", {"device_id": secret, "platform": secret}))
    send(transport, request_of(phone, "GET", "auth/check/").with_headers({"Host": secret}))
    # A reuse, and the end.
    old = state.refresh
    accept(phone.refresh())
    told.keep_state(phone)
    send(transport, refresh(phone, old))
    phone.get_token()
    told.keep_state(phone)
    phone.revoke_device()
    send(transport, get_token(phone))


def fail_once(told: Told, phone: Phone, transport: InProcess) -> None:
    """The unexpected, with every secret in the frames of the traceback."""

    def fail(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("SELECT", "INSERT", "UPDATE")):
            raise RuntimeError("the unexpected")
        return execute(sql, params, many, context)

    before = len(told.refusals)
    body = {"email": "grace@example.com", "password": FIRST_PASSWORD}
    with transaction.atomic():
        with connection.execute_wrapper(fail):
            send(transport, refresh(phone))
            with_token(transport, "POST", "auth/register/", phone.state.access or "", body)
        transaction.set_rollback(True)
    assert len(told.refusals) == before + 2
    assert b"internal_error" in told.refusals[-1]


@pytest.mark.parametrize("hardware_key", [False, True], ids=["hmac", "p256"])
def test_no_secret_is_told(told: Told, new_phone: MakePhone, app_key: AppKeyOnPhone, hardware_key: bool) -> None:
    told.keep("app key", app_key.secret)
    told.keep("password", FIRST_PASSWORD)
    told.keep("wrong password", WRONG_PASSWORD)
    phone, transport = new_phone(hardware_key=hardware_key)
    live(told, phone, transport, "ada@example.com")
    other, other_transport = new_phone(hardware_key=hardware_key)
    accept(other.get_token())
    told.keep_state(other)
    fail_once(told, other, other_transport)
    onboarding.set_app_key_status(callers.command(), key_id=app_key.row.key_id, status=AppKeyStatus.BLOCKED)
    blocked, _ = new_phone(hardware_key=hardware_key)
    told.keep("enrolment key", blocked.state.enrol_key)
    with pytest.raises(Exception, match="app_build_blocked"):
        blocked.register_device()

    told.assert_absent_from("the log", told.log.getvalue().encode())
    said = [repr((record.msg, record.args, record.exc_text)) for record in told.records]
    told.assert_absent_from("the log's records", "\n".join(said).encode())
    for refusal in told.refusals:
        told.assert_absent_from("a refusal", refusal)
    told.assert_absent_from("the database", everything_stored())
    assert len(told.refusals) > 15
    assert "auth/register/" in told.log.getvalue()


def test_server_keys_are_nowhere_either(told: Told, new_phone: MakePhone) -> None:
    told.keep("secret key", configured.SECRET_KEY)
    for ring in (configured.DEVICE_MASTER_KEYS, configured.FIELD_KEYS):
        told.keep("ring", ring.partition(":")[2])
    told.keep("signing key", configured.JWT_SIGNING_KEYS.split("\n")[1])
    phone, transport = new_phone()
    accept(phone.get_token())
    fail_once(told, phone, transport)
    told.assert_absent_from("the log", told.log.getvalue().encode())
    told.assert_absent_from("the database", everything_stored())
    for refusal in told.refusals:
        told.assert_absent_from("a refusal", refusal)


def test_search_would_find_them(told: Told) -> None:
    """A search that finds nothing proves something only if it can find."""
    told.keep("secret", "bXktc2VjcmV0LW15LXNlY3JldA")
    for content in (
        b"x bXktc2VjcmV0LW15LXNlY3JldA x",
        b"my-secret-my-secret",
        b"6d792d7365637265742d6d792d736563726574",
    ):
        with pytest.raises(AssertionError, match="in a place"):
            told.assert_absent_from("a place", content)
    logging.getLogger("anything").debug("a line")
    assert "a line" in told.log.getvalue()


def test_what_a_phone_shows_of_itself_hides_its_keys(new_phone: MakePhone) -> None:
    """An attempt or a state in a crash report is no key."""
    phone, _ = new_phone(hardware_key=True)
    accept(phone.get_token())
    attempt = Attempt("POST", "http://x", {"Authorization": f"Bearer {phone.state.access}"}, b"secret body")
    shown = f"{phone.state!r} {attempt!r} {P256Key.generate()!r}"
    for secret in (phone.state.access, phone.state.refresh, phone.state.enrol_key, "secret body", "PRIVATE KEY"):
        assert str(secret) not in shown


def test_sweeping_and_publishing_carry_ids_only(new_phone: MakePhone) -> None:
    phone, _ = new_phone()
    accept(phone.sign_up("ada@example.com", FIRST_PASSWORD))
    with connection.cursor() as cursor:
        cursor.execute("SELECT arguments FROM outbox_message")
        carried = json.dumps([row[0] for row in cursor.fetchall()], default=str)
    for secret in (FIRST_PASSWORD, phone.state.access, phone.state.refresh):
        assert str(secret) not in carried
    assert auth.forget_old_failures() == 0
