"""The documentation: there where the settings mount it, valid, and complete as far as the URL table goes."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.urls import resolve
from openapi_spec_validator import validate

from api.apis.contacts.views.contacts import CONTACTS
from api.apis.orgs.views.organizations import ORGANIZATIONS
from api.checks import PUBLIC_ROUTES
from api.pagination import ListRules
from api.urls import DOMAINS
from tests.http.answers import problem_of
from tests.http.conftest import Send
from tests.http.routes import api_routes

pytestmark = pytest.mark.django_db

# Second addresses of what is documented under its first.
ALIASES = {"api/v1/me/", "api/v1/token/refresh/"}
VERBS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    from drf_spectacular.generators import SchemaGenerator

    return json.loads(json.dumps(SchemaGenerator().get_schema(public=True), default=str))  # type: ignore[no-any-return]


def operations(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, verb, operation)
        for path, verbs in schema["paths"].items()
        for verb, operation in verbs.items()
        if verb in VERBS
    ]


def test_the_schema_is_valid(schema: dict[str, Any]) -> None:
    validate(schema)
    assert schema["openapi"].startswith("3.1")
    assert schema["info"]["version"] == settings.VERSION


def test_every_operation_says_what_it_does_and_who_may(schema: dict[str, Any]) -> None:
    domains = {domain for _, domain in DOMAINS}
    identifiers = [operation["operationId"] for _, _, operation in operations(schema)]
    assert len(identifiers) == len(set(identifiers))
    for path, verb, operation in operations(schema):
        where = f"{verb} {path}"
        assert operation["summary"], where
        assert len(operation["tags"]) == 1, where
        assert set(operation["tags"]) <= domains, where
        is_anonymous = operation["security"] == [{}]
        assert not is_anonymous or path.removeprefix("/") in PUBLIC_ROUTES, where
        for scheme in operation["security"]:
            assert set(scheme) <= set(schema["components"]["securitySchemes"]), where


def test_every_operation_lists_its_refusals_as_problem_documents(schema: dict[str, Any]) -> None:
    for path, verb, operation in operations(schema):
        where = f"{verb} {path}"
        answers = operation["responses"]
        assert any(status.startswith("2") for status in answers), where
        assert set(answers) >= {"400", "401", "429", "500", "503"}, where
        if "requestBody" in operation:
            assert set(answers) >= {"413", "415"}, where
        if "{" in path:
            assert "404" in answers, where
        for status, answer in answers.items():
            if status >= "400":
                found = (
                    schema["components"]["responses"][answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
                )
                assert set(found["content"]) == {"application/problem+json"}, where


def test_every_documented_path_is_there(schema: dict[str, Any]) -> None:
    known = {f"/{route.pattern}": route for route in api_routes()}
    for path, verb, _ in operations(schema):
        pattern = next(p for p in known if re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", p) == path)
        assert verb.upper() in known[pattern].verbs
        assert resolve(known[pattern].path())


def test_every_route_is_documented_with_all_its_methods(schema: dict[str, Any]) -> None:
    documented = {(path, verb.upper()) for path, verb, _ in operations(schema)}
    for route in api_routes():
        if route.pattern not in ALIASES:
            path = "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route.pattern)
            assert {(path, verb) for verb in route.verbs} <= documented


@pytest.mark.parametrize(("path", "rules"), [("/api/v1/contacts/", CONTACTS), ("/api/v1/orgs/", ORGANIZATIONS)])
def test_a_list_documents_what_it_allows(schema: dict[str, Any], path: str, rules: ListRules) -> None:
    parameters = {given["name"]: given for given in schema["paths"][path]["get"]["parameters"] if "name" in given}
    expected = {"cursor", "limit", "sort", "total", "fields", *(f"filter[{name}]" for name in rules.filters)}
    assert set(parameters) == expected | ({"q"} if rules.has_search else set())
    for name in rules.sorts:
        assert name in parameters["sort"]["description"]


def test_every_text_that_is_taken_has_a_limit(schema: dict[str, Any]) -> None:
    def without_limit(name: str, part: dict[str, Any]) -> list[str]:
        kind = part.get("type")
        if kind == "object" or "properties" in part:
            return [f for n, p in part.get("properties", {}).items() for f in without_limit(f"{name}.{n}", p)]
        if kind == "array":
            own = [] if "maxItems" in part else [name]
            return own + without_limit(f"{name}[]", part["items"])
        if kind == "string" and not part.keys() & {"maxLength", "enum", "format", "pattern"}:
            return [name]
        return []

    schemas = schema["components"]["schemas"]
    requests = {
        operation["operationId"]: schemas.get(body.get("$ref", "").rpartition("/")[2], body)
        for _, _, operation in operations(schema)
        if "requestBody" in operation
        for body in (content["schema"] for content in operation["requestBody"]["content"].values())
    }
    assert requests
    assert [found for name, body in requests.items() for found in without_limit(name, body)] == []


def test_the_schema_is_served_to_anybody(send: Send) -> None:
    answer = send("GET", "/api/schema/")
    assert answer.status_code == 200
    assert "json" in answer["content-type"]
    document = json.loads(answer.content)
    assert document["paths"].keys() >= {"/api/v1/contacts/"}
    assert not {path for path in document["paths"] if not path.startswith(("/api/v1/", "/.well-known/"))}


def test_the_schema_is_made_once(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a second of the processor, and anybody may ask for it as often as they like."""
    first = send("GET", "/api/schema/").content
    monkeypatch.delattr("drf_spectacular.generators.SchemaGenerator.get_schema")
    assert send("GET", "/api/schema/").content == first
    problem_of(send("POST", "/api/schema/"), 405, "method_not_allowed")


@pytest.mark.parametrize("page", ["/api/docs/", "/api/redoc/"])
def test_the_pages_come_from_our_own_files(send: Send, page: str) -> None:
    answer = send("GET", page)
    assert answer.status_code == 200
    html = answer.content.decode()
    sources = re.findall(r"(?:src|href)=\"([^\"]+)\"", html)
    assert sources
    for source in sources:
        assert source.startswith("/static/"), source
        assert finders.find(source.removeprefix("/static/")), source
    assert "/api/schema/" in html
    # What the policy would not run is not written.
    assert not re.search(r"<script>|<script [^>]*>[^<]|\son\w+=|<style", html)


def mounted(**environment: str) -> list[str]:
    """The documentation's addresses in a process that was started with these variables."""
    program = (
        "import django; django.setup()\n"
        "from api.checks import routes\n"
        "print(*(route for route, _ in routes() if route.endswith(('schema/', 'docs/', 'redoc/'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=settings.BASE_DIR,
    )
    return done.stdout.split()


def test_the_settings_say_where_it_is_mounted() -> None:
    assert mounted(API_DOCS_ENABLED="true", API_DOCS_PATH="/reference-7c1f") == [
        "reference-7c1f/schema/",
        "reference-7c1f/docs/",
        "reference-7c1f/redoc/",
    ]


def test_a_deployment_has_none_unless_it_says_so() -> None:
    secrets = ("SECRET_KEY", "DEVICE_MASTER_KEYS", "FIELD_KEYS", "JWT_SIGNING_KEYS")
    hardened = {name: getattr(settings, name) for name in secrets}
    hardened |= {"DJANGO_ENV": "production", "DJANGO_SETTINGS_MODULE": "core.settings", "API_DOCS_ENABLED": ""}
    assert mounted(**hardened) == []


def test_nothing_else_under_the_prefix_is_there(send: Send) -> None:
    for path in ("/api/", "/api/schema/x/", "/api/docs/../schema/", "/api/swagger/"):
        problem_of(send("GET", path), 404, "not_found")
