"""Web apps of other origins: none by default; those that are named may call the API, and read what they need."""

from collections.abc import Callable

import pytest
from django.http import HttpResponse
from pytest_django import Settings

from api.models import Contact
from tests.conftest import Person
from tests.http.answers import problem_of
from tests.http.conftest import Send

pytestmark = pytest.mark.django_db

APP = "https://app.example"
REQUEST_HEADERS = [
    "authorization",
    "content-type",
    "content-digest",
    "signature",
    "signature-input",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "x-app-version",
    "x-app-platform",
    "x-app-build",
    "x-request-id",
]
ANSWER_HEADERS = {
    "etag",
    "retry-after",
    "ratelimit",
    "ratelimit-policy",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-request-id",
    "idempotency-replayed",
    "location",
}


@pytest.fixture
def allowed(settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = [APP]


def preflight(send: Send, path: str, origin: str = APP, method: str = "POST", **headers: str) -> HttpResponse:
    asked = {"origin": origin, "access-control-request-method": method, **headers}
    return send("OPTIONS", path, headers=asked)


def cors(answer: HttpResponse) -> list[str]:
    return [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_nobody_is_let_in_by_default(send: Send, alice: Person) -> None:
    for origin in (APP, "null", "http://localhost:8000", "http://localhost"):
        assert not cors(preflight(send, "contacts/", origin))
        assert not cors(send("GET", "/api/v1/contacts/", person=alice, headers={"origin": origin}))


@pytest.mark.usefixtures("allowed")
def test_a_named_origin_gets_its_preflight_without_proof_or_count(send: Send, rates: Callable[..., None]) -> None:
    rates(burst=(1, 3600), sustained=(1, 3600), data_modification=(1, 3600))
    for path in (
        "contacts/",
        "contacts/nobodys-aaaaaa/",
        "users/me/",
        "auth/get-token/",
        "device/register/",
        "contacts",
    ):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            answer = preflight(
                send, path, method=method, **{"access-control-request-headers": ",".join(REQUEST_HEADERS)}
            )
            assert answer.status_code == 200
            assert answer["access-control-allow-origin"] == APP
            assert method in answer["access-control-allow-methods"].split(", ")
            assert set(answer["access-control-allow-headers"].split(", ")) >= set(REQUEST_HEADERS)
            assert int(answer["access-control-max-age"]) > 0
            assert "x-ratelimit-limit" not in answer


@pytest.mark.usefixtures("allowed")
def test_a_named_origin_may_read_what_it_needs(send: Send, alice: Person, rates: Callable[..., None]) -> None:
    rates(content_listing=(1, 3600))
    for path, status in (
        ("/api/v1/contacts/", 200),
        ("/api/v1/contacts/", 429),
        ("/api/v1/contacts/nobodys-aaaaaa/", 404),
        ("/api/v1/nope/", 404),
        ("/api/v1/health", 200),
    ):
        answer = send("GET", path, person=alice, headers={"origin": APP})
        assert answer.status_code == status
        assert answer["access-control-allow-origin"] == APP
        assert {name.lower() for name in answer["access-control-expose-headers"].split(", ")} == ANSWER_HEADERS
        assert "origin" in answer["vary"].lower()
    refused = send("GET", "/api/v1/contacts/", headers={"origin": APP})
    problem_of(refused, 401, "token_missing")
    assert refused["access-control-allow-origin"] == APP


@pytest.mark.usefixtures("allowed")
def test_cookies_are_never_part_of_it(send: Send, alice: Person) -> None:
    for answer in (preflight(send, "contacts/"), send("GET", "users/me/", person=alice, headers={"origin": APP})):
        assert "access-control-allow-credentials" not in answer


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://app.example.evil.example",
        "http://app.example",
        "https://app.example:8443",
        "https://evil.example",
        "https://APP.example/",
        "*",
        "https://xapp.example",
        "app.example",
        "",
    ],
)
def test_any_other_origin_gets_nothing(send: Send, alice: Person, origin: str) -> None:
    assert "access-control-allow-origin" not in preflight(send, "contacts/", origin)
    assert "access-control-allow-origin" not in send("GET", "users/me/", person=alice, headers={"origin": origin})


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("path", ["/", "/cms/", "/cms/login/", "/django-admin/", "/health/", "/.well-known/jwks.json"])
def test_pages_are_for_their_own_origin(send: Send, path: str) -> None:
    assert not cors(preflight(send, path))
    assert not cors(send("GET", path, headers={"origin": APP}))


@pytest.mark.usefixtures("allowed")
def test_a_preflight_changes_nothing(send: Send) -> None:
    asked = {"origin": APP, "access-control-request-method": "POST", "content-type": "application/json"}
    assert send("OPTIONS", "contacts/", {"display_name": "Ada"}, headers=asked).status_code == 200
    assert not Contact.objects.exists()
