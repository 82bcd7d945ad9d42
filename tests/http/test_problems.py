"""Whatever is refused, and whatever goes wrong, is a problem document (RFC 9457) that tells nothing of the inside."""

import json
import logging
from collections.abc import Callable

import pytest
from django.test import Client as Browser
from pytest_django import Settings

from api.models import Contact
from tests.apis.auth.raw import over_a_socket
from tests.conftest import Person
from tests.http.answers import MEMBERS, errors_of, problem_of
from tests.http.conftest import Send
from tests.http.failing_urls import INSIDE
from tests.http.routes import Route, api_routes

pytestmark = pytest.mark.django_db

PROVED = [route for route in api_routes() if not route.is_public]
HTML = {"accept": "text/html,application/xhtml+xml"}


@pytest.mark.parametrize(
    "path", ["/api/v1/nope/", "/api/v1/nope", "/api/nope/", "/api/v2/contacts/", "/admin/v1/nope/", "/nope.json"]
)
def test_an_unknown_path_is_a_404(send: Send, path: str) -> None:
    document = problem_of(send("GET", f"{path}?token=canary"), 404, "not_found")
    assert document.keys() == MEMBERS
    assert document["instance"] == path
    assert "canary" not in json.dumps(document)


@pytest.mark.parametrize("path", ["/api/v1/nope/", "/api/nope/", "/admin/nope/"])
def test_a_browser_gets_a_document_too_where_machines_live(send: Send, path: str) -> None:
    problem_of(send("GET", path, headers=HTML), 404, "not_found")


def test_a_browser_gets_a_page_elsewhere(send: Send) -> None:
    answer = send("GET", "/nope/", headers=HTML)
    assert answer.status_code == 404
    assert answer["content-type"].startswith("text/html")
    assert answer["x-request-id"] in answer.content.decode()


@pytest.mark.parametrize("route", PROVED, ids=lambda route: route.pattern)
def test_a_wrong_method_is_a_405_that_names_the_right_ones(send: Send, alice: Person, route: Route) -> None:
    for verb in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} - route.verbs:
        answer = send(verb, route.path(), {} if verb != "TRACE" else None, person=alice)
        problem_of(answer, 405, "method_not_allowed")
        heads = {"HEAD"} if "GET" in route.verbs and "head" in route.view.http_method_names else set()
        assert set(answer["allow"].split(", ")) == route.verbs | heads | {"OPTIONS"}


@pytest.mark.parametrize("path", ["/api/v1/health", "/api/docs/", "/api/redoc/", "/api/schema/"])
def test_a_wrong_method_is_a_405_outside_of_the_api_views_as_well(path: str) -> None:
    browser = Browser(headers={"host": "localhost"})
    for verb in ("PUT", "POST", "DELETE", "BREW"):
        answer = browser.generic(verb, path)
        problem_of(answer, 405, "method_not_allowed")
        assert set(answer["allow"].split(", ")) >= {"GET", "HEAD"}


def test_an_unproved_caller_learns_nothing_about_methods(send: Send) -> None:
    for route in PROVED:
        problem_of(send("BREW", route.path()), 401, "token_missing")


def test_a_body_beyond_a_mebibyte_is_a_413(send: Send, alice: Person) -> None:
    for excess in (0, 1, 4096):
        body = b'{"notes": "' + b"x" * (1024 * 1024 + excess - 13) + b'"}'
        assert len(body) == 1024 * 1024 + excess
        answer = send("POST", "contacts/", body, person=alice)
        if excess:
            problem_of(answer, 413, "payload_too_large")
        else:
            assert errors_of(answer) == {"notes": "max_length"}


def test_a_body_of_another_media_type_is_a_415(send: Send, alice: Person) -> None:
    for content_type in (
        "text/plain",
        "text/json",
        "application/xml",
        "application/jsonp",
        "application/json-patch+json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json, application/json",
        "",
        "*/*",
        "\x7f",
    ):
        for method, path in (("POST", "contacts/"), ("PATCH", "users/me/"), ("POST", "token/pair/")):
            answer = send(method, path, b'{"a":1}', person=alice, content_type=content_type)
            problem_of(answer, 415, "unsupported_media_type")


def test_a_body_that_is_coded_is_a_415(send: Send, alice: Person) -> None:
    """It would be read as what it is not: plain bytes as compressed ones, UTF-8 as UTF-16, or the other way round."""
    for content_type, headers in (
        ("application/json", {"content-encoding": "gzip"}),
        ("application/json", {"content-encoding": "identity, br"}),
        ("application/json; charset=utf-16", {}),
        ("application/json; charset=latin-1", {}),
    ):
        answer = send(
            "POST", "contacts/", b'{"first_name": "Ada"}', person=alice, content_type=content_type, headers=headers
        )
        problem_of(answer, 415, "unsupported_media_type")
    for content_type, headers in (
        ("application/json", {"content-encoding": "identity"}),
        ("Application/JSON; Charset=UTF-8", {}),
        ('application/json; charset="utf-8"', {}),
    ):
        answer = send(
            "POST", "contacts/", b'{"first_name": "Ada"}', person=alice, content_type=content_type, headers=headers
        )
        assert answer.status_code == 201


@pytest.mark.parametrize("path", ["/", "/api/v1/device/register/", "/cms/login/", "/nowhere"])
@pytest.mark.parametrize("parameter", ["a*=nope''x", "charset*=idna''%ff", "charset*=undefined''x"])
def test_a_content_type_that_cannot_be_read_is_a_400(path: str, parameter: str) -> None:
    """RFC 2231 lets a parameter name its own encoding, even one that nobody knows."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost:8000\r\nContent-Length: 2\r\n"
    answer = over_a_socket(f"{head}Content-Type: application/json; {parameter}\r\n\r\n{{}}".encode())
    assert (answer.status, answer.code) == (400, "bad_request")


def test_json_is_json_however_it_is_spelled(send: Send, alice: Person) -> None:
    for content_type in (
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        " application/json ;q=1",
    ):
        answer = send("PATCH", "users/me/", {"about": "x"}, person=alice, content_type=content_type)
        assert answer.status_code == 200


def test_a_call_too_many_is_a_429_that_says_when_to_come_back(
    send: Send, alice: Person, rates: Callable[..., None]
) -> None:
    rates(burst=(1, 60))
    assert send("GET", "users/me/", person=alice).status_code == 200
    answer = send("GET", "users/me/", person=alice)
    problem_of(answer, 429, "throttled")
    assert 59 <= int(answer["retry-after"]) <= 60


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "token_missing"),
        ({"authorization": "Bearer x"}, "token_invalid"),
        ({"authorization": "Basic YTpi"}, "token_invalid"),
        ({"authorization": "Bearer a.b.c"}, "token_invalid"),
        ({"authorization": "Bearer ä.b.c"}, "token_invalid"),
    ],
)
def test_a_401_says_what_would_be_taken(send: Send, headers: dict[str, str], code: str) -> None:
    answer = send("GET", "users/me/", headers=headers)
    problem_of(answer, 401, code)
    assert answer["www-authenticate"].startswith("Bearer")


@pytest.mark.urls("tests.http.failing_urls")
@pytest.mark.parametrize(("path", "headers"), [("/api/v1/failing/", {}), ("/api/v1/failing/", HTML), ("/failing/", {})])
def test_the_unexpected_is_a_500_with_nothing_of_the_inside(
    send: Send, caplog: pytest.LogCaptureFixture, path: str, headers: dict[str, str]
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = send("GET", f"{path}?token=canary", headers=headers)
    assert problem_of(answer, 500, "internal_error").keys() == MEMBERS
    for inside in (INSIDE, "RuntimeError", "Traceback", "failing_urls", "canary", ".py"):
        assert inside not in answer.content.decode()
    # The inside is in the log, where it belongs.
    assert any(record.exc_info and INSIDE in str(record.exc_info[1]) for record in caplog.records)


@pytest.mark.urls("tests.http.failing_urls")
def test_the_unexpected_is_a_bare_page_for_people(send: Send) -> None:
    answer = send("GET", "/failing/", headers=HTML)
    assert answer.status_code == 500
    assert answer["content-type"].startswith("text/html")
    assert INSIDE not in answer.content.decode()
    assert "Traceback" not in answer.content.decode()


@pytest.mark.urls("tests.http.failing_urls")
def test_a_page_whose_database_is_down_is_a_503(send: Send) -> None:
    answer = send("GET", "/without-database/")
    problem_of(answer, 503, "temporarily_unavailable")
    assert int(answer["retry-after"]) > 0
    assert INSIDE not in answer.content.decode()


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "localhost@evil.example",
        "8.8.8.8",
        "[2001:4860:4860::8888]",
        "local host",
        "localhost:80:80",
        "localhost:port",
        "localhost/",
        "ä.example",
        "\x00",
        "x" * 5000,
    ],
)
def test_a_host_that_is_not_ours_is_refused_before_anything_believes_it(send: Send, host: str) -> None:
    for path in ("/", "/api/v1/users/me/", "/api/v1/nope/", "/cms/", "/static/page.css"):
        answer = send("GET", path, headers={"host": host})
        problem_of(answer, 400, "bad_request")
        assert len(answer.content) < 500  # the name is not repeated
        assert "location" not in answer


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8000",
        "localhost.",
        "api.localhost:8000",
        "127.0.0.1:8000",
        "[::1]:8000",
        "10.0.2.2:8000",
        "192.168.178.20",
    ],
)
def test_phones_on_the_same_network_reach_the_embedded_server(send: Send, host: str) -> None:
    assert send("GET", "/", headers={"host": host}).status_code == 200


def test_a_forwarded_host_is_not_looked_at(send: Send) -> None:
    headers = {"host": "localhost", "x-forwarded-host": "evil.example", "x-host": "evil.example"}
    answer = send("GET", "/", headers=headers)
    assert answer.status_code == 200
    assert "evil" not in answer.content.decode()
    problem_of(send("GET", "/", headers={"host": "evil.example", "x-forwarded-host": "localhost"}), 400, "bad_request")


def test_the_api_knows_no_csrf_and_pages_do(send: Send, alice: Person) -> None:
    # The browser enforces CSRF and has no cookie.
    assert send("POST", "contacts/", {"display_name": "Ada"}, person=alice).status_code == 201
    problem_of(send("POST", "contacts/", {"display_name": "Ada"}), 401, "token_missing")
    assert Contact.objects.count() == 1
    problem_of(send("POST", "/cms/login/", {}), 403, "csrf_failed")
    page = send("POST", "/cms/login/", {}, headers=HTML)
    assert (page.status_code, page["content-type"]) == (403, "text/html; charset=utf-8")


def test_errors_name_the_place_and_never_the_value(send: Send, alice: Person) -> None:
    body = {
        "display_name": ["canary"],
        "emails": [
            {"value": "ada@example.com"},
            {"value": "canary"},
            "canary",
            {"value": "b@example.com", "canary": 1},
        ],
        "addresses": [{"country": "canary"}, {}],
        "birth_date": "canary",
        "id": "canary-canary-canary-canary-canary-c",
    }
    answer = send("POST", "contacts/", body, person=alice)
    assert errors_of(answer) == {
        "display_name": "type",
        "emails.1.value": "invalid",
        "emails.2": "invalid",
        "emails.3.canary": "unknown_field",
        "addresses.0.country": "invalid",
        "birth_date": "invalid",
        "id": "invalid",
    }
    assert answer.content.decode().count("canary") == 1  # the name of the member that nobody knows
    answer = send("PATCH", "users/me/", {"preferred_theme": "canary", "time_zone": "canary"}, person=alice)
    assert errors_of(answer) == {"preferred_theme": "invalid_choice", "time_zone": "invalid"}
    assert "canary" not in answer.content.decode()


def test_a_member_may_be_called_anything_and_is_still_only_unknown(send: Send, alice: Person) -> None:
    for name in ("message", "code", "errors", "non_field_errors", "detail", "", "\x00", "ü", "a.b", "0"):
        answer = send("POST", "contacts/", {name: 1, "display_name": "Ada"}, person=alice)
        assert [error["code"] for error in problem_of(answer, 400, "invalid_input")["errors"]] == ["unknown_field"]


def test_members_called_like_an_error_are_two_unknown_members(send: Send, alice: Person) -> None:
    answer = send("POST", "contacts/", {"message": 1, "code": 2}, person=alice)
    assert errors_of(answer) == {"message": "unknown_field", "code": "unknown_field"}
    answer = send("POST", "contacts/", {"emails": [{"message": 1, "code": 2}]}, person=alice)
    assert errors_of(answer) == {"emails.0.message": "unknown_field", "emails.0.code": "unknown_field"}


def test_the_type_may_lead_to_a_page_about_the_code(send: Send, settings: Settings) -> None:
    settings.ERROR_DOCS_URL = "https://docs.example/errors"
    document = json.loads(send("GET", "/api/v1/nope/").content)
    assert document["type"] == "https://docs.example/errors#not_found"


def test_no_refusal_may_be_kept_by_a_cache(send: Send, alice: Person) -> None:
    for answer in (
        send("GET", "/api/v1/nope/"),
        send("GET", "/nope/", headers=HTML),
        send("GET", "/", headers={"host": "evil.example"}),
        send("GET", "users/me/"),
        send("GET", "contacts/nobodys-aaaaaa/", person=alice),
        send("PUT", "contacts/", {}, person=alice),
    ):
        assert answer.status_code >= 400
        assert answer["cache-control"] == "private, no-cache"
