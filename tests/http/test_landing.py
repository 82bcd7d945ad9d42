"""`/` says what this is and where to go: as JSON for programs, as a small page for people."""

import json

import pytest
from pytest_django import Settings

from tests.http.answers import queries
from tests.http.conftest import Send

pytestmark = pytest.mark.django_db

HTML = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize("headers", [{}, {"accept": "application/json"}, {"accept": "*/*"}, {"accept": ""}])
def test_a_program_gets_json(send: Send, settings: Settings, headers: dict[str, str]) -> None:
    answer = send("GET", "/", headers=headers)
    assert (answer.status_code, answer["content-type"]) == (200, "application/json")
    assert json.loads(answer.content) == {
        "name": "Handset",
        "version": settings.VERSION,
        "status": "ok",
        "health": "/health/",
        "docs": "/api/docs/",
        "cms": "/cms/",
        "admin": "/django-admin/",
    }


def test_a_browser_gets_a_page_with_the_same_addresses(send: Send) -> None:
    answer = send("GET", "/", headers=HTML)
    assert (answer.status_code, answer["content-type"]) == (200, "text/html; charset=utf-8")
    page = answer.content.decode()
    for address in ("/health/", "/api/docs/", "/cms/", "/django-admin/"):
        assert f'href="{address}"' in page


def test_every_address_that_is_named_is_there(send: Send) -> None:
    for name, address in json.loads(send("GET", "/").content).items():
        if str(address).startswith("/"):
            assert send("GET", address, headers=HTML).status_code in {200, 302}, name


@pytest.mark.parametrize(
    ("changed", "left"),
    [
        ({"CMS_PATH": "office-7c1f/"}, {"health", "docs", "admin"}),
        ({"ADMIN_PATH": "break-glass-7c1f/"}, {"health", "docs", "cms"}),
        ({"API_DOCS_PATH": "reference-7c1f/"}, {"health", "cms", "admin"}),
        ({"API_DOCS_ENABLED": False}, {"health", "cms", "admin"}),
    ],
)
def test_what_was_moved_is_not_named(
    send: Send, settings: Settings, changed: dict[str, object], left: set[str]
) -> None:
    for name, value in changed.items():
        setattr(settings, name, value)
    for headers in ({}, HTML):
        assert "7c1f" not in send("GET", "/", headers=headers).content.decode()
    named = {name for name, value in json.loads(send("GET", "/").content).items() if str(value).startswith("/")}
    assert named == left


def test_a_head_has_no_body(send: Send) -> None:
    answer = send("HEAD", "/")
    assert (answer.status_code, answer.content) == (200, b"")


def test_it_asks_no_store(send: Send) -> None:
    with queries() as asked:
        send("GET", "/", headers={"cookie": "sessionid=made-up"})
        send("GET", "/", headers={**HTML, "cookie": "sessionid=made-up"})
    assert asked == []
