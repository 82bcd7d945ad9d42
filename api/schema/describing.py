"""What a view says of its operations."""

import functools
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers

from api.exceptions import ApiError, InvalidInput
from api.pagination import PARAMETER_MAX_CHARS, SEARCH_MAX_CHARS, InvalidCursor, ListRules

Method = TypeVar("Method", bound=Callable[..., Any])
Errors = Sequence[type[ApiError]]
NO_CONTROLS = r"[^\u0000-\u001f\u007f-\u009f]"  # a character of one line, for a regular expression (ECMA-262)
_TEXT = {"type": "string", "maxLength": PARAMETER_MAX_CHARS, "pattern": f"^{NO_CONTROLS}*$"}


def answers(
    answer: type[serializers.Serializer[Any]] | None,
    *,
    summary: str,
    takes: type[serializers.BaseSerializer[Any]] | None = None,
    asks: type[serializers.Serializer[Any]] | None = None,
    statuses: Sequence[HTTPStatus] = (HTTPStatus.OK,),
    errors: Errors = (),
    is_many: bool = False,
) -> Callable[[Method], Method]:
    """Documents an operation that answers one resource (or nothing), or a list of it all at once (`is_many`), what body it
    takes, and what its query asks.

    `errors` are those of its own rules; what any such call can meet is known from the view. Examples stand on the
    serializers, as `example`.
    """
    codes = [str(int(status)) for status in statuses]
    shown = getattr(answer, "example", None)
    examples = [
        *_example(getattr(takes, "example", None), request_only=True),
        *_example(_page_of(shown) if is_many else shown, response_only=True, status_codes=codes),
    ]
    responses = {int(status): _envelope_of(answer) if answer is not None and is_many else answer for status in statuses}
    return _described(
        errors,
        None if asks else answer,  # what a question is answered is no resource
        summary=summary,
        parameters=[asks] if asks else [],
        request=takes,
        responses=responses,
        examples=examples,
    )


def _page_of(item: Any) -> dict[str, Any]:
    return {"data": [item], "meta": {"next": None, "prev": None}}


def _example(value: Any, **only: Any) -> list[OpenApiExample]:
    return [OpenApiExample("example", value=value, **only)] if value is not None else []


class ListMetaSerializer(serializers.Serializer[dict[str, Any]]):
    """Where a list goes on: cursors for `cursor=`, null at an end."""

    next = serializers.CharField(allow_null=True)
    prev = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False, help_text="With `total=true`.")


def streams(
    rules: ListRules, media_type: str, *, example: str, summary: str, errors: Errors = ()
) -> Callable[[Method], Method]:
    """Documents a file of all that a list holds."""
    refused: Errors = (InvalidInput, *errors)
    file = {(200, media_type): {"type": "string"}}
    shown = OpenApiExample("example", value=example, response_only=True, media_type=media_type)
    return _described(refused, None, summary=summary, parameters=_parameters(rules), responses=file, examples=[shown])


def lists(
    item: type[serializers.Serializer[Any]], rules: ListRules, *, summary: str, errors: Errors = ()
) -> Callable[[Method], Method]:
    """Documents a list: its envelope and the parameters that its rules allow."""
    page = _page_of(getattr(item, "example", {}))
    return _described(
        (InvalidCursor, InvalidInput, *errors),
        item,
        summary=summary,
        parameters=_parameters(rules),
        responses={200: _envelope_of(item)},
        examples=[OpenApiExample("example", value=page, response_only=True)],
    )


def _parameters(rules: ListRules) -> list[OpenApiParameter]:
    sortable = [*rules.sorts, *(f"-{name}" for name in rules.sorts)]
    parameters = [
        _parameter(
            "sort",
            f"Any of {', '.join(rules.sorts)}; with `-` in front from the end. `{rules.default_sort}` if absent.",
            _several({"type": "string", "enum": sortable}),
        ),
        *(_parameter(f"filter[{name}]", "Any of these values.", _several(_TEXT)) for name in rules.filters),
    ]
    if rules.is_paged:
        parameters += [
            _parameter("cursor", "Opaque; from `meta.next` or `meta.prev` of the same query.", _TEXT),
            _parameter(
                "limit",
                "How many entries a page has at most.",
                {"type": "integer", "minimum": 1, "maximum": settings.PAGE_LIMIT_MAXIMUM},
                default=settings.PAGE_LIMIT_DEFAULT,
            ),
            _parameter("total", "`true` adds `meta.total`.", {"type": "boolean"}, default=False),
        ]
    if rules.has_search:
        parameters.append(_parameter("q", "Words, by prefix.", {**_TEXT, "maxLength": SEARCH_MAX_CHARS}))
    return parameters


@functools.cache  # two lists of the same have the same envelope
def _envelope_of(item: type[serializers.Serializer[Any]]) -> Any:
    name = f"{item.__name__.removesuffix('Serializer')}List"
    return inline_serializer(name, {"data": item(many=True), "meta": ListMetaSerializer()})


def members_parameter(representation: type[serializers.Serializer[Any]]) -> OpenApiParameter:
    """`fields`: which members of a representation come."""
    members = list(representation().fields)
    about = "The members that come; all if absent. Only these are there then, whatever the schema requires."
    return _parameter("fields", about, _several({"type": "string", "enum": members}))


def _several(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": dict(item)}


def _parameter(name: str, description: str, schema: Mapping[str, Any], *, default: Any = None) -> OpenApiParameter:
    """A parameter of the query; the entries of an array stand between commas."""
    is_list = schema["type"] == "array"
    style: dict[str, Any] = {"style": "form", "explode": False} if is_list else {}
    return OpenApiParameter(
        name, dict(schema), OpenApiParameter.QUERY, description=description, default=default, **style
    )


def _described(
    errors: Errors, represents: type[serializers.Serializer[Any]] | None, **facts: Any
) -> Callable[[Method], Method]:
    def describe(method: Method) -> Method:
        described: Any = extend_schema(**facts)(method)
        described.errors = tuple(errors)  # read by HandsetSchema
        described.takes_body = facts.get("request") is not None  # read by it: OpenAPI shows no body of a DELETE
        described.represents = represents  # read by it and ApiView: what `fields=` chooses from
        return described  # type: ignore[no-any-return]  # the method itself

    return describe
