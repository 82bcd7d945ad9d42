"""DEVICE_SIGNATURE_POLICY: which calls beyond the token endpoints have to be signed."""

import pytest
from handset_client import Answer
from handset_client.outcomes import accept
from pytest_django import Settings

from api.apis.users.views import MeView
from tests.apis.auth.wire import (
    MakePhone,
    assert_refused,
    get_token,
    request_of,
    rows,
    send,
    with_token,
)
from tests.conftest import PASSWORD, Person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

READ = "GET", "users/me/", None
WRITE = "PATCH", "users/me/", {"first_name": "Ada"}
Call = tuple[str, str, object]


def unsigned(person: Person, call: Call) -> Answer:
    method, path, body = call
    return with_token(person.transport, method, path, person.phone.state.access or "", body)


def signed(person: Person, call: Call) -> Answer:
    method, path, body = call
    return send(person.transport, request_of(person.phone, method, path, body))


@pytest.mark.parametrize(
    ("policy", "is_sensitive", "read_is_let_in", "write_is_let_in"),
    [
        ("tokens", False, True, True),
        ("tokens", True, True, True),
        ("sensitive", False, True, True),
        ("sensitive", True, True, False),
        ("unsafe", False, True, False),
        ("unsafe", True, True, False),
        ("all", False, False, False),
        ("all", True, False, False),
    ],
)
def test_unsigned_call_is_let_in_by_policy(
    alice: Person,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    policy: str,
    is_sensitive: bool,
    read_is_let_in: bool,
    write_is_let_in: bool,
) -> None:
    monkeypatch.setattr(MeView, "is_sensitive", is_sensitive)
    settings.DEVICE_SIGNATURE_POLICY = policy
    for call, is_let_in in ((READ, read_is_let_in), (WRITE, write_is_let_in)):
        if is_let_in:
            accept(unsigned(alice, call))
        else:
            before = rows()["User"]
            answer = unsigned(alice, call)
            assert_refused(answer, 403, "signature_required")
            assert "www-authenticate" not in answer.headers
            assert rows()["User"] == before
        accept(signed(alice, call))


@pytest.mark.parametrize("policy", ["tokens", "sensitive", "unsafe", "all"])
def test_bad_signature_is_a_401_under_every_policy(alice: Person, settings: Settings, policy: str) -> None:
    settings.DEVICE_SIGNATURE_POLICY = policy
    for method, path, body in (READ, WRITE):
        given = request_of(alice.phone, method, path, body)
        assert_refused(send(alice.transport, given.with_value(bytes(32))), 401, "signature_invalid")


def test_phone_signs_when_it_is_asked_to(alice: Person, settings: Settings) -> None:
    settings.DEVICE_SIGNATURE_POLICY = "all"
    assert accept(alice.get("users/me/")).json["email"] == alice.email
    accept(alice.patch("users/me/", {"first_name": "Ada"}))


def test_signature_of_another_device_is_none(alice: Person, bob: Person, settings: Settings) -> None:
    settings.DEVICE_SIGNATURE_POLICY = "all"
    given = request_of(bob.phone, "GET", "users/me/", token=alice.phone.state.access)
    assert_refused(send(bob.transport, given), 401, "token_invalid")


def test_signing_up_and_out_are_writes(new_phone: MakePhone, settings: Settings) -> None:
    settings.DEVICE_SIGNATURE_POLICY = "unsafe"
    phone, transport = new_phone()
    phone.get_token()
    body = {"email": "ada@example.com", "password": PASSWORD}
    for path, content in (("auth/register/", body), ("token/pair/", body), ("auth/logout/", None)):
        answer = with_token(transport, "POST", path, phone.state.access or "", content)
        assert_refused(answer, 403, "signature_required")
    accept(phone.sign_up("ada@example.com", PASSWORD))
    phone.sign_out()


@pytest.mark.parametrize("policy", ["tokens", "sensitive", "unsafe", "all"])
def test_token_endpoints_are_signed_under_every_policy(alice: Person, settings: Settings, policy: str) -> None:
    settings.DEVICE_SIGNATURE_POLICY = policy
    accept(send(alice.transport, get_token(alice.phone)))
    bare = get_token(alice.phone).with_headers({"Signature": None, "Signature-Input": None})
    assert_refused(send(alice.transport, bare), 401, "signature_missing")


def test_who_is_missing_comes_before_what_is_missing(alice: Person, settings: Settings) -> None:
    settings.DEVICE_SIGNATURE_POLICY = "all"
    given = request_of(alice.phone, "GET", "users/me/", token="")
    bare = given.with_headers({"Signature": None, "Signature-Input": None, "Content-Digest": None})
    assert_refused(send(alice.transport, bare), 401, "token_missing")
    assert_refused(send(alice.transport, given), 401, "token_missing")
