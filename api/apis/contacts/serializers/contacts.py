"""Contacts on the wire."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api import fields
from api.apis.contacts import services
from api.platform import avatars
from api.requests import ApiRequest


# `label` is a member of ours below; the metaclass of serializers takes it off the class, whose own label it hides.
class EmailEntrySerializer(fields.StrictSerializer):
    """An e-mail address of a contact."""

    label = fields.TextField(max_length=50, required=False, allow_blank=True, default="")  # type: ignore[assignment]
    value = fields.EmailField()
    is_primary = fields.BooleanField(required=False, default=False)


class PhoneEntrySerializer(fields.StrictSerializer):
    """A phone number of a contact."""

    label = fields.TextField(max_length=50, required=False, allow_blank=True, default="")  # type: ignore[assignment]
    value = fields.PhoneNumberField()
    is_primary = fields.BooleanField(required=False, default=False)


class AddressSerializer(fields.StrictSerializer):
    """A postal address of a contact."""

    label = fields.TextField(max_length=50, required=False, allow_blank=True, default="")  # type: ignore[assignment]
    street = fields.TextField(max_length=200, required=False, allow_blank=True, is_multiline=True)
    postal_code = fields.TextField(max_length=20, required=False, allow_blank=True)
    city = fields.TextField(max_length=100, required=False, allow_blank=True)
    region = fields.TextField(max_length=100, required=False, allow_blank=True)
    country = serializers.RegexField(r"\A[A-Z]{2}\Z", required=False, help_text="ISO 3166-1 alpha-2.")


@extend_schema_field(
    {"type": "object", "description": "Anything; 8 KiB of JSON at most.", "additionalProperties": True}
)
class CustomFields(serializers.JSONField):
    """A JSON object of at most 8 KiB; the app's own business."""

    default_error_messages = {
        "type": "Send an object.",
        "size": "The object is larger than 8 KiB.",
        "control": "NUL characters are not taken.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("type")
        try:
            text = orjson.dumps(data)
        except orjson.JSONEncodeError:
            self.fail("invalid")  # integers beyond 64 bits
        if len(text) > services.CUSTOM_FIELDS_MAX_BYTES:
            self.fail("size")
        if b"\\u0000" in text:
            self.fail("control")
        return data


def _entries(entry: fields.StrictSerializer) -> fields.ListField:
    return fields.ListField(child=entry, required=False, allow_null=True, max_length=services.ENTRIES_MAX)


class ContactInput(fields.StrictSerializer):
    """What a client may set. `email` and `phone` set the primary entry of their lists."""

    display_name = fields.ClearableTextField(max_length=200)
    first_name = fields.ClearableTextField(max_length=100)
    last_name = fields.ClearableTextField(max_length=100)
    company = fields.ClearableTextField(max_length=200)
    title = fields.ClearableTextField(max_length=200)
    emails = _entries(EmailEntrySerializer())
    phone_numbers = _entries(PhoneEntrySerializer())
    email = fields.EmailField(required=False, allow_null=True, write_only=True)
    phone = fields.PhoneNumberField(required=False, allow_null=True, write_only=True)
    addresses = _entries(AddressSerializer())
    birth_date = fields.BirthDateField(required=False, allow_null=True)
    location = fields.ClearableTextField(max_length=200)
    website = fields.ClearableTextField(max_length=500)
    notes = fields.ClearableTextField(max_length=services.NOTES_MAX_CHARS, is_multiline=True)
    custom_fields = CustomFields(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs |= {name: services.BLANK[name] for name in attrs if attrs[name] is None and name in services.BLANK}
        for short, entries in (("email", "emails"), ("phone", "phone_numbers")):
            if entries in attrs:
                attrs[entries] = _with_one_primary(attrs[entries], entries)
            if short in attrs and entries in attrs:
                error = {short: [f"Send {short} or {entries}, not both."]}
                raise serializers.ValidationError(error, code="ambiguous")
        return attrs

    def values(self) -> dict[str, Any]:
        """The columns to set."""
        return values_in(self.validated_data)

    def primaries(self) -> dict[str, str]:
        """The short forms: the list that each belongs to, and the value of its primary entry, empty to clear it."""
        return primaries_in(self.validated_data)


def values_in(validated: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in validated.items() if name in services.BLANK}


def primaries_in(validated: Mapping[str, Any]) -> dict[str, str]:
    lists = {"email": "emails", "phone": "phone_numbers"}
    return {lists[short]: validated[short] or "" for short in lists if short in validated}


def _with_one_primary(entries: list[dict[str, Any]], field: str) -> list[dict[str, Any]]:
    """The entries, the first being primary where none says so."""
    entries = [dict(entry) for entry in entries]
    if sum(entry["is_primary"] for entry in entries) > 1:
        raise serializers.ValidationError({field: ["Only one entry is primary."]}, code="ambiguous")
    if entries and not any(entry["is_primary"] for entry in entries):
        entries[0]["is_primary"] = True
    return entries


_EXAMPLE: dict[str, Any] = {
    "first_name": "Grace",
    "last_name": "Hopper",
    "company": "Navy",
    "emails": [{"label": "work", "value": "grace@example.com", "is_primary": True}],
    "addresses": [{"label": "", "street": "1 Example Street", "city": "Arlington", "country": "US"}],
    "birth_date": "1906-12-09",
    "notes": "Wrote the first compiler.\nLikes clocks.",
    "custom_fields": {"favourite": True},
}


class ContactCreateSerializer(ContactInput):
    """A new contact. With an `id` of its own (a UUID) a client may repeat the creation."""

    example = {"id": "019aa6b7-52d0-7e64-b1c8-0d9f3a7e2c45", **_EXAMPLE}

    id = fields.UUIDField(required=False)
    organization = fields.TextField(max_length=100, required=False, help_text="Slug or UUID; your own if absent.")


class ContactReplaceSerializer(ContactInput):
    """A whole contact: what is left out is cleared."""

    example = _EXAMPLE


class ContactUpdateSerializer(ContactInput):
    """What changes: null clears, absence leaves alone."""

    example = {"title": "Rear Admiral", "phone": "+12025550143", "website": None}


class ContactAvatarUploadSerializer(fields.StrictSerializer):
    """A picture of a kind that avatars of people take; its middle square is taken."""

    file = fields.UploadField()


class ContactTagSerializer(serializers.Serializer[dict[str, Any]]):
    """A tag on a contact."""

    id = serializers.IntegerField()
    slug = serializers.CharField()
    name = serializers.CharField()
    color = serializers.CharField(allow_null=True)


class ContactSerializer(serializers.Serializer[dict[str, Any]]):
    """A contact. The short forms `email` and `phone` are the primary entries' values."""

    example = {
        "id": "019aa6b7-52d0-7e64-b1c8-0d9f3a7e2c45",
        "slug": "grace-hopper-k3x7qz",
        "organization": "ada-q7m2ks",
        "display_name": "Grace Hopper",
        "first_name": "Grace",
        "last_name": "Hopper",
        "company": "Navy",
        "title": "",
        "email": "grace@example.com",
        "emails": _EXAMPLE["emails"],
        "phone": None,
        "phone_numbers": [],
        "addresses": _EXAMPLE["addresses"],
        "birth_date": "1906-12-09",
        "location": "",
        "website": "",
        "notes": "Wrote the first compiler.\nLikes clocks.",
        "custom_fields": {"favourite": True},
        "avatar": fields.AvatarSerializer.example,
        "tags": [{"id": 17, "slug": "customer", "name": "Customer", "color": "#2f6f4f"}],
        "creator": "ada",
        "version": 1,
        "created_at": "2026-11-21T09:32:00.000000Z",
        "updated_at": "2026-11-21T09:32:00.000000Z",
        "deleted_at": None,
    }

    id = serializers.UUIDField()
    slug = serializers.CharField()
    organization = serializers.CharField(help_text="Slug.")
    display_name = serializers.CharField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    company = serializers.CharField()
    title = serializers.CharField()
    email = serializers.CharField(allow_null=True)
    emails = EmailEntrySerializer(many=True)
    phone = serializers.CharField(allow_null=True)
    phone_numbers = PhoneEntrySerializer(many=True)
    addresses = AddressSerializer(many=True)
    birth_date = serializers.DateField(allow_null=True)
    location = serializers.CharField()
    website = serializers.CharField()
    notes = serializers.CharField()
    custom_fields = serializers.DictField()
    avatar = fields.AvatarSerializer(allow_null=True)
    tags = ContactTagSerializer(many=True)
    creator = serializers.CharField(allow_null=True, help_text="Username.")
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    deleted_at = serializers.DateTimeField(allow_null=True)


def represent_avatar(request: ApiRequest, name: str) -> dict[str, str] | None:
    """The addresses of a contact's avatar, complete with the server's own."""
    addresses = avatars.addresses_of(name)
    return addresses and {size: request.build_absolute_uri(address) for size, address in addresses.items()}


def represent_contact(request: ApiRequest, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `selectors`, of its COLUMNS and `tags`, in the shape of ContactSerializer."""
    return {
        "id": row["id"],
        "slug": row["slug"],
        "organization": request.caller.memberships[row["organization_id"]].slug,
        "display_name": row["display_name"],
        "first_name": row["first_name"],
        "last_name": row["last_name"],
        "company": row["company"],
        "title": row["title"],
        "email": services.primary_value(row["emails"]) or None,
        "emails": row["emails"],
        "phone": services.primary_value(row["phone_numbers"]) or None,
        "phone_numbers": row["phone_numbers"],
        "addresses": row["addresses"],
        "birth_date": row["birth_date"],
        "location": row["location"],
        "website": row["website"],
        "notes": row["notes"],
        "custom_fields": row["custom_fields"],
        "avatar": represent_avatar(request, row["avatar"]) if row["avatar"] else None,
        "tags": row["tags"],
        "creator": row["creator__username"],
        "version": row["version"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "deleted_at": row["deleted_at"],
    }


def moment(value: str) -> datetime:
    """A time with a zone, RFC 3339, as UTC: PostgreSQL takes no offset of 16 hours. Raises ValueError."""
    parsed = datetime.fromisoformat(value)
    if parsed.tzinfo is None or not 1970 <= parsed.year <= 9998:
        raise ValueError("a time needs its zone")
    return parsed.astimezone(UTC)


# What lists and exports are narrowed by.
CONTACT_FILTERS: Mapping[str, Callable[[str], Any]] = {"org": str, "tag": str, "creator": str, "updated_since": moment}
