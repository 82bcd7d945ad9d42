"""Contacts that may be one, on the wire."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from api import fields
from api.apis.contacts import services
from api.apis.contacts.serializers.contacts import represent_avatar
from api.requests import ApiRequest

_REASONS = ("email", "phone", "name")


class ContactCandidateSerializer(serializers.Serializer[dict[str, Any]]):
    """What tells a contact from another one."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    organization = serializers.CharField(help_text="Slug.")
    display_name = serializers.CharField()
    company = serializers.CharField()
    email = serializers.CharField(allow_null=True)
    phone = serializers.CharField(allow_null=True)
    avatar = fields.AvatarSerializer(allow_null=True)
    version = serializers.IntegerField()
    updated_at = serializers.DateTimeField()


class DuplicateSerializer(serializers.Serializer[dict[str, Any]]):
    """Two contacts of an organization that have the same address, number or name. Of several that have, the first one
    stands in each pair.
    """

    example = {
        "reason": "email",
        "value": "grace@example.com",
        "contacts": [
            {
                "id": "019aa6b7-52d0-7e64-b1c8-0d9f3a7e2c45",
                "slug": "grace-hopper-k3x7qz",
                "organization": "ada-q7m2ks",
                "display_name": "Grace Hopper",
                "company": "Navy",
                "email": "grace@example.com",
                "phone": None,
                "avatar": fields.AvatarSerializer.example,
                "version": 1,
                "updated_at": "2026-11-21T09:32:00.000000Z",
            },
            {
                "id": "019aa6d1-07be-7c35-9b0e-5f2d8a6c4e71",
                "slug": "g-hopper-m5w2ta",
                "organization": "ada-q7m2ks",
                "display_name": "G. Hopper",
                "company": "",
                "email": "Grace@example.com",
                "phone": "+12025550143",
                "avatar": None,
                "version": 2,
                "updated_at": "2026-11-21T10:05:00.000000Z",
            },
        ],
    }

    reason = serializers.ChoiceField(choices=_REASONS)
    value = serializers.CharField(
        help_text="What both have, as it is compared: of a name, its words in alphabetical order."
    )
    contacts = ContactCandidateSerializer(many=True)


class MergeSerializer(fields.StrictSerializer):
    """Two contacts of one organization, by slug or id. If-Match is about the winner; `loser_version`, if there is one, is the
    version that the loser has to have.
    """

    example = {"winner": "grace-hopper-k3x7qz", "loser": "g-hopper-m5w2ta", "loser_version": 2}

    winner = fields.TextField(max_length=100)
    loser = fields.TextField(max_length=100)
    loser_version = fields.IntegerField(min_value=1, max_value=2**31 - 1, required=False)


def represent_duplicate(request: ApiRequest, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `selectors.duplicates_of` in the shape of DuplicateSerializer."""
    return {
        "reason": services.reason_of(row["value"]),
        "value": row["value"],
        "contacts": [_candidate(request, contact) for contact in row["contacts"]],
    }


def _candidate(request: ApiRequest, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "slug": row["slug"],
        "organization": request.caller.memberships[row["organization_id"]].slug,
        "display_name": row["display_name"],
        "company": row["company"],
        "email": services.primary_value(row["emails"]) or None,
        "avatar": represent_avatar(request, row["avatar"]),
        "phone": services.primary_value(row["phone_numbers"]) or None,
        "version": row["version"],
        "updated_at": row["updated_at"],
    }
