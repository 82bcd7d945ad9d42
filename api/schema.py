"""OpenAPI: what drf-spectacular cannot see in a view — tags, security, list parameters, the problems of every call.

Views describe their operations with `answers` and `lists`; `HandsetSchema` adds what all have in common.
"""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from django.conf import settings
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers

from api.pagination import SEARCH_MAX_CHARS, ListRules
from api.permissions import IsPublic
from api.platform.signing import Tag
from api.views import ApiView

Method = TypeVar("Method", bound=Callable[..., Any])

_ALIASES = ("/api/v1/me/", "/api/v1/token/refresh/")


def answers(
    answer: type[serializers.Serializer[Any]] | None,
    *,
    summary: str,
    takes: type[serializers.Serializer[Any]] | None = None,
    statuses: Sequence[HTTPStatus] = (HTTPStatus.OK,),
) -> Callable[[Method], Method]:
    """Documents an operation that answers one resource (or nothing), and what body it takes."""
    return extend_schema(summary=summary, request=takes, responses={int(status): answer for status in statuses})


class ListMetaSerializer(serializers.Serializer[dict[str, Any]]):
    """Where a list goes on: cursors for `cursor=`, null at an end."""

    next = serializers.CharField(allow_null=True)
    prev = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False, help_text="With `total=true`.")


def lists(item: type[serializers.Serializer[Any]], rules: ListRules, *, summary: str) -> Callable[[Method], Method]:
    """Documents a list: its envelope and the parameters that its rules allow."""
    sortable = sorted([*rules.sorts, *(f"-{name}" for name in rules.sorts)])
    parameters = [
        _parameter("cursor", str, "Opaque; from `meta.next` or `meta.prev` of the same query."),
        _parameter("limit", int, f"1–{settings.PAGE_LIMIT_MAXIMUM}, {settings.PAGE_LIMIT_DEFAULT} if absent."),
        _parameter("sort", str, f"Comma-separated of {', '.join(sortable)}; `{rules.default_sort}` if absent."),
        _parameter("total", bool, "`true` adds `meta.total`."),
        *(
            _parameter(f"filter[{name}]", str, "Several values: any of them, comma-separated.")
            for name in rules.filters
        ),
    ]
    if rules.has_search:
        parameters.append(_parameter("q", str, f"Words, by prefix; up to {SEARCH_MAX_CHARS} characters."))
    name = f"{item.__name__.removesuffix('Serializer')}List"
    envelope = inline_serializer(name, {"data": item(many=True), "meta": ListMetaSerializer()})
    return extend_schema(summary=summary, parameters=parameters, responses={200: envelope})


def _parameter(name: str, kind: type, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=description)


class HandsetSchema(AutoSchema):
    """Names the domain as the tag, the operation by what it does, and what proves the caller."""

    def get_operation_id(self) -> str:
        operation_id: str = super().get_operation_id().strip(".").replace(".", "_")
        is_list = self.method == "GET" and getattr(self.view, "is_list", False)
        return operation_id.replace("_retrieve", "_list") if is_list else operation_id

    def get_tags(self) -> list[str]:
        return [type(self.view).__module__.split(".")[2]]

    def get_auth(self) -> list[dict[str, list[str]]]:
        view = self.view
        assert isinstance(view, ApiView)
        if IsPublic not in view.permission_classes:
            return [{"deviceToken": []}]
        if not view.signature_is_required:
            return [{}]
        return [{"appSignature" if view.signature_tag is Tag.REGISTER else "deviceSignature": []}]


def only_the_api(endpoints: list[tuple[Any, ...]], **_: Any) -> list[tuple[Any, ...]]:
    """A hook of drf-spectacular: drops second addresses of the same resource."""
    return [endpoint for endpoint in endpoints if endpoint[0] not in _ALIASES]


_TITLES = {
    400: "The request is not valid",
    401: "A proof is missing or not good",
    403: "Known, but not allowed",
    404: "Not there, or not yours",
    405: "The resource does not know the method",
    409: "In conflict with the present state",
    413: "The body is too large",
    415: "The body's media type is not taken",
    429: "Too many requests; wait for Retry-After",
    500: "The unexpected; recorded under the request id",
    503: "A store that is needed does not answer; try again after Retry-After",
}

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457.",
    "required": ["type", "title", "status", "detail", "code", "instance", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable; switch on it."},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "With invalid input.",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {name: {"type": "string"} for name in ("field", "code", "message")},
            },
        },
        "server_time": {"type": "integer", "description": "With clock_skew and replay_cache_reset."},
        "store_url": {"type": "string", "nullable": True, "description": "With app_build_blocked."},
    },
}

_SECURITY_SCHEMES = {
    "deviceToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "deviceSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "Signature",
        "description": "Profile devauth-v1, tag devauth-v1-token, by the device's key. See docs/device-authentication.md.",
    },
    "appSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "Signature",
        "description": "Profile devauth-v1, tag devauth-v1-register, by the app key.",
    },
}


def add_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: the problem responses that an operation can answer, and the security schemes."""
    components = result.setdefault("components", {})
    components["securitySchemes"] = _SECURITY_SCHEMES
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    components["responses"] = {f"Problem{status}": _problem(title) for status, title in _TITLES.items()}
    for path, operations in result["paths"].items():
        for operation in operations.values():
            if not isinstance(operation, dict):
                continue
            for status in _problem_statuses(path, operation):
                reference = {"$ref": f"#/components/responses/Problem{status}"}
                operation["responses"].setdefault(str(status), reference)
    return result


def _problem(title: str) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": title, "content": content}


def _problem_statuses(path: str, operation: dict[str, Any]) -> list[int]:
    statuses = {400, 401, 403, 405, 429, 500, 503}
    if "requestBody" in operation:
        statuses |= {409, 413, 415}
    if "{" in path:
        statuses |= {404, 409}
    return sorted(statuses)
