"""The OpenAPI document: complete to the last error, with examples that fit. `tests.documented` holds answers to it."""

import importlib
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.conf import settings
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from rest_framework.serializers import Serializer

from api import fields
from api.schema.refusals import codes
from tests.conftest import Person
from tests.documented import document, resolved
from tests.phones import Phone

PROBLEM = "application/problem+json"
# Codes that no operation of the document answers: what they are for.
ELSEWHERE = {
    "csrf_failed": "pages",
    "headers_too_large": "what is no request yet",
    "uri_too_long": "what is no request yet",
    "file_link_expired": "files",
    "upload_differs": "files",
    "message_not_failed": "pages",
    "too_many_filters": "pages",
    "nothing_to_send": "pages",
    "staff_protected": "pages",
    "nothing_chosen": "pages",
    "too_many_at_once": "pages",
    "app_key_taken": "pages",
    "factor_exists": "pages",
    "last_factor": "pages",
    "wrong_code": "pages",
    "passkey_refused": "pages",
    "not_viewable": "pages",
    "role_changed": "pages",
    "grant_beyond_own": "pages",
    "method_not_allowed": "methods that no operation has",
}


class Operation(NamedTuple):
    path: str
    verb: str
    facts: dict[str, Any]


def operations() -> list[Operation]:
    return [
        Operation(path, verb, facts) for path, verbs in document()["paths"].items() for verb, facts in verbs.items()
    ]


every = pytest.mark.parametrize("operation", operations(), ids=lambda o: f"{o.verb} {o.path}")


def contents(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body that goes to the server or comes back, but for files: where, and what is said of it."""
    sent = operation.facts.get("requestBody", {}).get("content", {})
    if "application/json" in sent:
        yield "request", sent["application/json"]
    for status, answer in operation.facts["responses"].items():
        for content in resolved(answer).get("content", {}).values():
            yield status, content


def refusals(operation: Operation) -> set[tuple[int, str]]:
    return {
        (int(status), code)
        for status, answer in operation.facts["responses"].items()
        for code in resolved(answer).get("content", {}).get(PROBLEM, {}).get("examples", {})
    }


@every
def test_every_body_has_an_example_that_fits(operation: Operation) -> None:
    for where, content in contents(operation):
        examples = content["examples"]
        assert examples, where
        whole = {**content["schema"], "components": document()["components"]}
        for name, example in examples.items():
            value = resolved(example)["value"]
            errors = list(OAS31Validator(whole, format_checker=oas31_format_checker).iter_errors(value))
            assert errors == [], (where, name, [error.message for error in errors])


@every
def test_every_problem_is_one_that_is_raised_with_that_status(operation: Operation) -> None:
    known = {(int(problem.status), problem.code) for problem in codes()}
    found = refusals(operation)
    assert found
    assert found <= known


@every
def test_every_answer_says_its_headers(operation: Operation) -> None:
    for status, answer in operation.facts["responses"].items():
        names = set(resolved(answer)["headers"])
        assert "X-Request-ID" in names
        assert ("Retry-After" in names) == (status in {"409", "429", "503"})
        assert ("WWW-Authenticate" in names) == (status == "401")
        assert status == "500" or names >= {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}


@every
def test_every_parameter_is_described_and_bounded(operation: Operation) -> None:
    for parameter in map(resolved, operation.facts["parameters"]):
        assert parameter["description"], parameter["name"]
        if parameter["in"] == "header":
            continue  # most of them are passed over rather than refused
        schema = parameter["schema"]
        if schema["type"] == "array":
            schema = schema["items"]
        bounds = {"string": {"maxLength", "pattern", "enum"}, "integer": {"maximum"}, "boolean": {"type"}}
        assert schema.keys() & bounds[schema["type"]], parameter["name"]


def test_every_code_stands_somewhere() -> None:
    documented = {code for operation in operations() for _, code in refusals(operation)}
    assert documented.isdisjoint(ELSEWHERE)
    assert documented | ELSEWHERE.keys() == {problem.code for problem in codes()}


def test_every_tag_says_what_the_domain_is_about() -> None:
    told = {tag["name"]: tag["description"] for tag in document()["tags"]}
    assert set(told) == {tag for operation in operations() for tag in operation.facts["tags"]}
    for domain, description in told.items():
        assert description == importlib.import_module(f"api.apis.{domain}").__doc__.strip().split("\n\n")[0]


def test_what_refuses_unknown_members_says_so() -> None:
    schemas = document()["components"]["schemas"]
    strict = {
        f"{found.__name__.removesuffix('Serializer').removesuffix('Request')}Request"
        for found in _subclasses(fields.StrictSerializer)
        if found.__module__.startswith("api.")
    }
    documented = strict & schemas.keys()
    assert len(documented) >= 10
    for name in documented:
        assert schemas[name]["additionalProperties"] is False
    for operation in operations():
        if "requestBody" in operation.facts:
            for content in operation.facts["requestBody"]["content"].values():
                schema = resolved(content["schema"])
                assert schema["type"] == "array" or schema["additionalProperties"] is False


def _subclasses(parent: type[Serializer]) -> Iterator[type[Serializer]]:
    for child in parent.__subclasses__():
        yield child
        yield from _subclasses(child)


def test_a_page_has_from_one_to_a_hundred_entries() -> None:
    lists = [operation for operation in operations() if operation.facts["operationId"].endswith("_list")]
    # Files hold all of a list, and have no pages.
    pages = [operation for operation in lists if "application/json" in operation.facts["responses"]["200"]["content"]]
    assert pages
    for operation in pages:
        limit = next(given for given in operation.facts["parameters"] if given.get("name") == "limit")
        assert limit["schema"] == {
            "type": "integer", "minimum": 1, "maximum": settings.PAGE_LIMIT_MAXIMUM, "default": 25,
        }  # fmt: skip


def _request(path: str, verb: str) -> Any:
    facts = document()["paths"][f"/api/v1/{path}"][verb]
    return json.loads(json.dumps(facts["requestBody"]["content"]["application/json"]["examples"]["Example"]["value"]))


@pytest.mark.django_db
def test_the_examples_are_taken(phone: Phone, alice: Person) -> None:
    assert phone.request("POST", "auth/register/", _request("auth/register/", "post")).status == 201
    assert phone.request("POST", "token/pair/", _request("token/pair/", "post")).status == 200
    assert alice.post("contacts/", _request("contacts/", "post")).status == 201
    slug = _request("contacts/", "post")["id"]
    assert alice.put(f"contacts/{slug}/", _request("contacts/{slug}/", "put")).status == 200
    assert alice.patch(f"contacts/{slug}/", _request("contacts/{slug}/", "patch")).status == 200
    assert alice.patch("users/me/", _request("users/me/", "patch")).status == 200
