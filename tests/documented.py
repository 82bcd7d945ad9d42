"""Holds every answer that a test gets from the API against the OpenAPI document: status, code, headers, body.

The suite's settings put `Documented` in front of everything, so that raw calls are seen like those of phones; a test
fails in which an answer was not as it is documented.
"""

import functools
import gzip
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from openapi_schema_validator import OAS31Validator, oas31_format_checker

from api.schema.hooks import ALIASES

# What was not as documented, since the test at hand began.
complaints: list[str] = []

# Headers that mean something to clients, beside those that the document declares somewhere.
_TELLING_HEADERS = {"Location", "Content-Location", "Link"}


class Documented:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        operation = _operation(request)
        if operation is not None:
            called = f"{request.method} {request.path} answered {response.status_code}"
            is_part = "fields=" in request.META["QUERY_STRING"]
            complaints.extend(f"{called}: {one}" for one in _complaints(operation, response, is_part=is_part))
        return response


@functools.cache
def document() -> dict[str, Any]:
    """The document of the code as it is. Answers may have no members but those it names."""
    from drf_spectacular.generators import SchemaGenerator

    found: dict[str, Any] = json.loads(json.dumps(SchemaGenerator().get_schema(public=True), default=str))
    for schema in found["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return found


def _operation(request: HttpRequest) -> dict[str, Any] | None:
    """What is documented of the call; None for a page, an address that is not there, or a method that nothing has."""
    if request.resolver_match is None or "text/html" in request.headers.get("Accept", ""):
        return None
    path = "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", request.resolver_match.route)
    operations = document()["paths"].get(ALIASES.get(path, path), {})
    found: dict[str, Any] | None = operations.get((request.method or "").lower())
    return found


def _complaints(operation: dict[str, Any], response: HttpResponse, *, is_part: bool) -> Iterator[str]:
    answer = operation["responses"].get(str(response.status_code))
    if answer is None:
        yield f"the status is not documented: {response.content[:300]!r}"
        return
    answer = resolved(answer)
    declared = {name: resolved(header) for name, header in answer.get("headers", {}).items()}
    for name, header in declared.items():
        if header.get("required") and name not in response.headers:
            yield f"the header {name} is missing"
    for name in _TELLING_HEADERS | document()["components"]["headers"].keys():
        if name in response.headers and name not in declared:
            yield f"the header {name} is not documented"
    yield from _complaints_about_body(answer.get("content", {}), response, is_part=is_part)


def _complaints_about_body(content: dict[str, Any], response: HttpResponse, *, is_part: bool) -> Iterator[str]:
    if not content:
        if response.content:
            yield f"a body is not documented: {response.content[:300]!r}"
        return
    media_type = response.headers.get("Content-Type", "")
    if response.streaming:
        media_type = media_type.partition(";")[0]
    if media_type not in content:
        yield f"the media type {media_type} is not documented"
        return
    validator = _validator(json.dumps(content[media_type]["schema"]), is_part=is_part)
    is_zipped = response.headers.get("Content-Encoding") == "gzip"
    if response.streaming:
        return
    body = gzip.decompress(response.content) if is_zipped else response.content
    for error in validator.iter_errors(json.loads(body)):
        yield f"{error.json_path}: {error.message}"


@functools.cache
def _validator(schema: str, *, is_part: bool) -> Any:
    components = document()["components"]
    if not is_part:
        # Nobody asked for a part, so the whole has to come.
        parts = {name: False for name in components["schemas"] if name.endswith("Part")}
        components = {**components, "schemas": components["schemas"] | parts}
    whole = {**json.loads(schema), "components": components}
    return OAS31Validator(whole, format_checker=oas31_format_checker)


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """A part of the document, or what it refers to."""
    found = part
    if "$ref" in part:
        found = document()
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
    return found
