"""The headers that keep answers where they belong: out of frames, out of caches, out of other people's guesses."""

import json

import pytest
from django.conf import settings

from tests.conftest import PASSWORD, Person
from tests.http.conftest import Send
from tests.http.routes import api_routes

pytestmark = pytest.mark.django_db

EVERYWHERE = [
    "/",
    "/health/",
    "/health/ready/",
    "/api/v1/health",
    "/.well-known/jwks.json",
    "/api/v1/users/me/",
    "/api/v1/nope/",
    "/nope/",
    "/cms/login/",
    "/api/docs/",
    "/api/redoc/",
    "/api/schema/",
    "/static/page.css",
]


@pytest.mark.parametrize("path", EVERYWHERE)
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_every_answer_is_guarded(send: Send, path: str, accept: str) -> None:
    answer = send("GET", path, headers={"accept": accept})
    assert answer["x-content-type-options"] == "nosniff"
    assert answer["referrer-policy"] == "same-origin"
    assert answer["cross-origin-opener-policy"] == "same-origin"
    policy = dict(directive.split(" ", 1) for directive in answer["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert "unsafe-eval" not in answer["content-security-policy"]
    if path not in {"/static/page.css"}:  # a style sheet has no frame
        assert answer["x-frame-options"] == "DENY"
    assert "server" not in answer
    assert "x-powered-by" not in answer


def test_only_the_documentation_may_write_style_attributes(send: Send) -> None:
    for path in EVERYWHERE:
        is_documentation = path in {"/api/docs/", "/api/redoc/"}
        assert ("unsafe-inline" in send("GET", path)["content-security-policy"]) == is_documentation
    script = settings.SECURE_CSP["script-src"]
    assert script == ["'self'"]


def test_what_a_person_reads_stays_with_them(send: Send, alice: Person) -> None:
    for method, path, body in (
        ("GET", "users/me/", None),
        ("GET", "/api/v1/contacts/", None),
        ("GET", "orgs/", None),
        ("PATCH", "users/me/", {}),
        ("GET", "contacts/nobodys-aaaaaa/", None),
        ("GET", "auth/check/", None),
        ("POST", "contacts/", {}),
    ):
        answer = send(method, path, body, person=alice)
        assert answer["cache-control"] == "private, no-cache"
        assert "authorization" in answer["vary"].lower()
    anonymous = send("GET", "users/me/")
    assert anonymous["cache-control"] == "private, no-cache"
    assert "authorization" in anonymous["vary"].lower()


def test_answers_that_carry_tokens_are_stored_nowhere(alice: Person) -> None:
    secrets = [
        alice.phone.request("POST", "token/pair/", {"email": alice.email, "password": PASSWORD}),
        alice.phone.get_token(),
        alice.phone.refresh(),
        alice.phone.request("POST", "device/rotate/"),
        alice.phone.request("POST", "token/verify/", {"token": alice.phone.state.access}),
    ]
    for answer in secrets:
        assert answer.status == 200, answer.body
        assert answer.headers["cache-control"] == "no-store"
        assert "content-encoding" not in answer.headers


def test_refusals_where_tokens_are_got_are_stored_nowhere_either(alice: Person) -> None:
    for path, body in (("token/pair/", {}), ("auth/register/", {}), ("auth/get-token/", {}), ("device/register/", {})):
        answer = alice.phone.request("POST", path, body)
        assert answer.status >= 400
        assert answer.headers["cache-control"] == "no-store"


def test_public_keys_may_be_kept_for_a_while(send: Send) -> None:
    answer = send("GET", "/.well-known/jwks.json")
    assert answer["cache-control"] == "public, max-age=300"
    assert "d" not in json.loads(answer.content)["keys"][0]


def test_the_api_sets_no_cookies(send: Send, alice: Person) -> None:
    for path in ("users/me/", "contacts/", "orgs/"):
        answer = send("GET", path, person=alice, headers={"cookie": "sessionid=x; csrftoken=y"})
        assert answer.status_code == 200
        assert not answer.cookies


def test_a_cookie_proves_nobody_to_the_api(send: Send, alice: Person) -> None:
    for cookie in (
        f"access={alice.phone.state.access}",
        f"Authorization=Bearer {alice.phone.state.access}",
        "sessionid=x",
    ):
        assert send("GET", "users/me/", headers={"cookie": cookie}).status_code == 401


def test_json_says_that_it_is_json_whatever_is_asked_for(send: Send, alice: Person) -> None:
    for accept in ("text/html", "application/xml", "image/webp", "", "*/*;q=0", "\x00", "x" * 1000):
        answer = send("GET", "users/me/", person=alice, headers={"accept": accept})
        assert (answer.status_code, answer["content-type"]) == (200, "application/json")


def test_options_tells_the_methods_by_its_header_only(alice: Person) -> None:
    for route in api_routes():
        if route.is_public:
            continue
        answer = alice.phone.request("OPTIONS", route.path())
        assert (answer.status, answer.body) == (204, b""), route.pattern
        assert route.verbs <= set(answer.headers["allow"].split(", "))


def test_what_is_asked_by_head_is_checked_like_what_is_got(send: Send, alice: Person) -> None:
    for query, status in (("", 200), ("?colour=green", 400)):
        got, asked = (send(method, f"users/me/{query}", person=alice) for method in ("GET", "HEAD"))
        assert got.status_code == asked.status_code == status
        assert got["allow"] == asked["allow"] == "GET, PATCH, HEAD, OPTIONS"
