"""Calls as any HTTP client makes them: nothing is signed, nothing is added that a test did not ask for."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client as Browser
from django.test.client import ClientHandler
from pytest_django import Settings

from core.settings.env import Rate
from tests.conftest import Person

Send = Callable[..., HttpResponse]


@pytest.fixture(scope="session")
def _handler() -> ClientHandler:
    """The whole stack, put together once: middleware that looks through the static files takes its time."""
    return ClientHandler(enforce_csrf_checks=True)


@pytest.fixture
def browser(_handler: ClientHandler) -> Browser:
    """A client with a cookie jar, for which CSRF counts; what the server raises comes as its answer."""
    browser = Browser(raise_request_exception=False, headers={"host": "localhost:8000"})
    browser.handler = _handler
    return browser


@pytest.fixture
def send(browser: Browser) -> Send:
    """Sends one request: `body` as it is when it is bytes, else as JSON; `person` lends their access token."""

    def call(
        method: str,
        path: str,
        body: Any = None,
        *,
        person: Person | None = None,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
        **environ: Any,
    ) -> HttpResponse:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        given = dict(headers or {})
        if person is not None:
            given["authorization"] = f"Bearer {person.phone.state.access}"
        url = path if path.startswith("/") else f"/api/v1/{path}"
        answer = browser.generic(method, url, content, content_type if content else "", headers=given, **environ)
        if answer.streaming:
            answer.close()  # a file
        return answer

    return call


@pytest.fixture
def rates(settings: Settings) -> Callable[..., None]:
    """Lowers the rates of single scopes: `rates(burst=(3, 60))`."""

    def lower(**scopes: tuple[int, int]) -> None:
        settings.RATES = {**settings.RATES, **{scope: Rate(*rate) for scope, rate in scopes.items()}}

    return lower
