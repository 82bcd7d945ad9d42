"""Default deny: an address answers nobody it does not know, unless it stands on the one public list."""

import json

import pytest
from django.core.checks import run_checks
from django.test import Client as Browser

from api.aliases import ALIASES
from api.checks import PUBLIC_ROUTES, every_view_is_proved, routes
from api.permissions import IsDevice, IsPublic
from tests.conftest import Person
from tests.http.answers import problem_of
from tests.http.routes import Route, api_routes
from tests.phones import Phone

# The addresses that anybody may call, and what keeps each of them harmless.
EXPECTED = {
    "": "names and addresses only",
    "health/": "up or not",
    "health/ready/": "up or not",
    "metrics": "numbers, to METRICS_TOKEN",
    "api/v1/health": "up or not",
    "files/uploads/<path:name>": "its address is signed, for one file",
    "files/<path:name>": "its address is signed",
    ".well-known/jwks.json": "public keys",
    "magic-verify/": "behind a mailed link",
    "confirm-email/": "behind a mailed link",
    "change-email/": "behind a mailed link",
    "reset-password/": "behind a mailed link",
    "not-me/": "behind a mailed link",
    "invitation/": "behind a mailed link",
    "export/": "behind a mailed link",
    "shared-image/": "behind a shared link",
    "api/v1/shared/images/resolve/": "proved by the token of a shared link",
    "api/v1/device/challenge/": "signed by an app key",
    "api/v1/device/register/": "signed by an app key",
    "api/v1/device/rotate/": "signed by the device",
    "api/v1/device/revoke/": "signed by the device",
    "api/v1/device/verify-signature/": "never in production",
    "api/v1/auth/get-token/": "signed by the device",
    "api/v1/auth/refresh-token/": "signed by the device",
    "api/v1/token/refresh/": "signed by the device",
    "api/auth/jwt/refresh/": "signed by the device",
    "api/access/auth/refresh/": "signed by the device",
}
SIGNED = {route for route, reason in EXPECTED.items() if reason.startswith("signed")}
PROVED = [route for route in api_routes() if not route.is_public]


def test_the_list_is_the_one_that_was_ruled() -> None:
    assert set(PUBLIC_ROUTES) == set(EXPECTED)


def test_every_public_address_is_there() -> None:
    assert set(PUBLIC_ROUTES) <= {route for route, _ in routes()}


def test_the_check_finds_nothing() -> None:
    assert not list(every_view_is_proved(None))
    assert not [message for message in run_checks() if message.id == "api.E001"]


def test_a_view_is_public_by_its_permission_and_by_the_list_alike() -> None:
    for route in api_routes():
        assert route.is_public == (route.pattern in PUBLIC_ROUTES), route.pattern
        permissions = route.view.permission_classes
        assert len(permissions) == 1
        assert permissions[0] is IsPublic or issubclass(permissions[0], IsDevice)


def test_what_is_signed_says_so_and_takes_no_token() -> None:
    for route in api_routes():
        if route.pattern in SIGNED:
            assert route.view.signature_is_required
            assert not route.view.takes_token
            assert route.view.verifies_signature
        elif not route.is_public:
            assert route.view.takes_token
            assert route.view.verifies_signature


@pytest.mark.django_db
def test_nobody_gets_anything_but_401_and_405_from_an_address_that_is_proved() -> None:
    browser = Browser(headers={"host": "localhost"})
    for route in PROVED:
        for verb in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            answer = browser.generic(verb, route.path(), b"{}", "application/json")
            assert answer.status_code == 401, (verb, route.pattern)
            if verb != "HEAD":
                assert problem_of(answer, 401, "token_missing")["instance"] == route.path()


@pytest.mark.django_db
def test_nobody_gets_past_a_signature_that_is_missing() -> None:
    browser = Browser(headers={"host": "localhost"})
    for pattern in SIGNED:
        for body in (b"", b"{}"):
            answer = browser.post(f"/{pattern}", body, "application/json")
            problem_of(answer, 401, "signature_missing")


@pytest.mark.django_db
@pytest.mark.parametrize("route", PROVED, ids=lambda route: route.pattern)
def test_a_device_without_a_person_meets_a_person_s_address_with_403(phone: Phone, route: Route) -> None:
    """Or is served, where a device is enough: what it may call is known one by one."""
    for_devices = {
        "api/v1/auth/check/",
        "api/v1/device/attest/",
        "api/v1/auth/register/",
        "api/v1/auth/guest/",
        "api/v1/auth/magic/request/",
        "api/v1/auth/magic/verify/",
        "api/v1/auth/social/<str:provider>/",
        "api/v1/auth/social/<str:provider>/nonce/",
        "api/v1/auth/password-reset/request/",
        "api/v1/auth/password-reset/confirm/",
        "api/v1/auth/email/confirm/",
        "api/v1/auth/email/verify/",
        "api/v1/auth/logout/",
        "api/v1/auth/logout-all/",
        "api/v1/token/verify/",
        "api/v1/token/pair/",
        "api/v1/users/check_username/",
        "api/v1/pre-register/",
    }
    for_devices |= {alias for alias, canonical in ALIASES.items() if canonical in for_devices}
    for verb in sorted(route.verbs):
        is_empty = verb in {"GET", "DELETE"} or not route.view.takes_body
        answer = phone.request(verb, route.path(), None if is_empty else {})
        if route.pattern in for_devices:
            assert answer.status in {200, 201, 204, 400, 404}
        else:
            problem_of(answer, 403, "sign_in_required")


@pytest.mark.django_db
def test_tokens_elsewhere_than_in_their_header_are_not_looked_for(alice: Person) -> None:
    alice.get("me/")
    access = alice.phone.state.access
    browser = Browser(headers={"host": "localhost", "cookie": f"access={access}; token={access}"})
    for name in ("access_token", "token", "access", "authorization", "jwt"):
        assert browser.get(f"/api/v1/users/me/?{name}={access}").status_code == 401
    for header in ("x-authorization", "x-access-token", "proxy-authorization", "token"):
        assert browser.get("/api/v1/users/me/", headers={header: f"Bearer {access}"}).status_code == 401
    body = json.dumps({"access_token": access})
    assert browser.post("/api/v1/contacts/", body, "application/json").status_code == 401
    assert browser.get("/api/v1/users/me/", headers={"authorization": f"Bearer {access}"}).status_code == 200
    for spelled in (
        access,
        f"bearer  {access}",
        f"Bearer {access} ",
        f"Token {access}",
        f"Bearer {access},",
        f"Bearer: {access}",
    ):
        assert browser.get("/api/v1/users/me/", headers={"authorization": spelled}).status_code == 401
