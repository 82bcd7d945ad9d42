"""Many contacts in one body."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api import fields
from api.apis.contacts.serializers.contacts import (
    ContactCreateSerializer,
    ContactSerializer,
    primaries_in,
    values_in,
)
from api.apis.contacts.services import CHANGES_AT_ONCE, Change


class BulkItemSerializer(fields.StrictSerializer):
    """One change: `create` with `contact`; `update` or `delete` of the one called `slug` (or its id), with the `version` that
    it has to have, if any.
    """

    op = serializers.ChoiceField(choices=["create", "update", "delete"])
    slug = fields.TextField(max_length=100, required=False)
    version = fields.IntegerField(min_value=1, max_value=2**31 - 1, required=False)
    contact = ContactCreateSerializer(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        is_new = attrs["op"] == "create"
        wanted = {"create": {"contact"}, "update": {"slug", "contact"}, "delete": {"slug"}}[attrs["op"]]
        missing = {name: _error("This change needs it.", "required") for name in wanted - attrs.keys()}
        taken = wanted | {"op"} | (set() if is_new else {"version"})
        foreign = {name: _error("This change does not take it.", "unknown_field") for name in attrs.keys() - taken}
        set_once = {"id", "organization"} & attrs.get("contact", {}).keys()
        if not is_new and set_once:
            foreign["contact"] = {name: _error("It stays as it is.", "unknown_field") for name in set_once}
        if missing or foreign:
            raise serializers.ValidationError(missing | foreign)
        return attrs

    def change(self) -> Change:
        """As the service takes it."""
        asked, contact = self.validated_data, self.validated_data.get("contact", {})
        return Change(
            op=asked["op"],
            name=asked.get("slug", ""),
            values=values_in(contact),
            primaries=primaries_in(contact),
            organization=contact.get("organization"),
            contact_id=contact.get("id"),
            expected=[asked["version"]] if "version" in asked else None,
        )


def _error(message: str, code: str) -> Any:
    return [serializers.ErrorDetail(message, code)]


@extend_schema_field(BulkItemSerializer)
class _Item(serializers.DictField):
    """Looked at one by one: what is wrong with one is no other's matter."""


class BulkSerializer(fields.StrictSerializer):
    """Changes, carried out in their order."""

    example = {
        "items": [
            {"op": "create", "contact": ContactCreateSerializer.example},
            {"op": "update", "slug": "ada-lovelace-k3x7qz", "version": 3, "contact": {"title": "Countess"}},
            {"op": "delete", "slug": "charles-babbage-m5w2ta"},
        ]
    }

    items = fields.ListField(child=_Item(), min_length=1, max_length=CHANGES_AT_ONCE)


class BulkResultSerializer(serializers.Serializer[dict[str, Any]]):
    """What became of one change: the status that it would have had on its own, the contact, or the problem."""

    status = serializers.IntegerField()
    contact = ContactSerializer(allow_null=True)
    problem = serializers.DictField(allow_null=True, help_text="As `application/problem+json` would have it.")


class BulkResultsSerializer(serializers.Serializer[Mapping[str, Any]]):
    """What became of each change, in their order."""

    example = {
        "data": [
            {"status": 201, "contact": ContactSerializer.example, "problem": None},
            {
                "status": 412,
                "contact": None,
                "problem": {"code": "version_conflict", "status": 412, "title": "It was changed meanwhile"},
            },
            {"status": 204, "contact": None, "problem": None},
        ]
    }

    # `data` is a property of every serializer, whose metaclass takes the member off the class.
    data = BulkResultSerializer(many=True)  # type: ignore[assignment]
