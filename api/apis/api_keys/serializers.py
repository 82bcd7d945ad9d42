"""API keys on the wire."""

from rest_framework import serializers

from api import fields
from api.apis.orgs.selectors import SCOPES

OVERLAP_SECONDS = 24 * 3600  # unless somebody says otherwise
OVERLAP_MAX_SECONDS = 30 * 24 * 3600


class ApiKeySerializer(serializers.Serializer[dict[str, object]]):
    example = {
        "id": "019aa6d2-4c3a-7b16-8f51-7a9e2d0c4b83",
        "name": "Nightly sync",
        "prefix": "hs_live_3kTq9ZbW1x",
        "scopes": ["contacts:read", "contacts:write"],
        "holder": "ada",
        "is_rotated": False,
        "created_at": "2026-11-21T09:50:00.000000Z",
        "expires_at": "2027-11-21T09:50:00.000000Z",
        "last_used_at": None,
        "last_used_address": None,
    }

    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField(help_text="How the key begins.")
    scopes = serializers.ListField(child=serializers.CharField())
    holder = serializers.CharField(allow_null=True, help_text="Username of who made or rotated it.")
    is_rotated = serializers.BooleanField(help_text="It has a successor, and ends at `expires_at`.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the minute.")
    last_used_address = serializers.CharField(allow_null=True)


class NewApiKeySerializer(ApiKeySerializer):
    """With the key itself, which is answered this once."""

    example = {**ApiKeySerializer.example, "key": "hs_live_3kTq9ZbW1xVn5Rf0aYc7Ju2LdPe8HsGi4MoKtBwXzQ6vC1n0Ra"}

    key = serializers.CharField()


class ApiKeyCreateSerializer(fields.StrictSerializer):
    example = {"name": "Nightly sync", "scopes": ["contacts:read", "contacts:write"]}

    name = fields.TextField(max_length=100)
    scopes = fields.ListField(child=serializers.ChoiceField(choices=sorted(SCOPES)), min_length=1, max_length=50)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class ApiKeyRotateSerializer(fields.StrictSerializer):
    example = {"overlap_seconds": 3600}

    overlap_seconds = fields.IntegerField(
        min_value=0,
        max_value=OVERLAP_MAX_SECONDS,
        default=OVERLAP_SECONDS,
        help_text="How long the old key lives on.",
    )
