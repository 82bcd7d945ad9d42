"""Tags on the wire."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from api import fields
from api.apis.tags import services

_COLOR = r"\A#[0-9a-fA-F]{6}\Z"


class TagCreateSerializer(fields.StrictSerializer):
    """A new tag. With a `uid` of its own (a UUID) a client may repeat the creation."""

    example = {"name": "Customer", "color": "#2f6f4f"}

    uid = fields.UUIDField(required=False)
    name = fields.TextField(max_length=services.NAME_MAX_CHARS)
    color = serializers.RegexField(_COLOR, required=False, allow_null=True)


class TagUpdateSerializer(fields.StrictSerializer):
    """What changes: null clears the color, absence leaves alone. A new name comes with a new slug."""

    example = {"name": "Client"}

    name = fields.TextField(max_length=services.NAME_MAX_CHARS, required=False)
    color = serializers.RegexField(_COLOR, required=False, allow_null=True)


class TagSerializer(serializers.Serializer[dict[str, Any]]):
    """A tag."""

    example = {
        "id": 17,
        "uid": "019aa6c4-11a0-7b52-8d3f-2e9c7a410b65",
        "name": "Customer",
        "slug": "customer",
        "color": "#2f6f4f",
        "version": 1,
        "created_at": "2026-11-21T09:41:00.000000Z",
        "updated_at": "2026-11-21T09:41:00.000000Z",
    }

    id = serializers.IntegerField()
    uid = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    color = serializers.CharField(allow_null=True)
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


@extend_schema_serializer(many=False)
class TagNamesSerializer(serializers.ListSerializer[list[str]]):
    """Names of tags; those that are missing are made."""

    example = ["Customer", "C++"]

    child = fields.TextField(max_length=services.NAME_MAX_CHARS)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_length=1, max_length=services.NAMES_AT_ONCE, **kwargs)


def represent_tag(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `selectors.COLUMNS` in the shape of TagSerializer."""
    return {name: row[name] for name in TagSerializer.example} | {"color": row["color"] or None}
