"""Organizations, and who belongs to them, on the wire."""

from typing import Any

from rest_framework import serializers

from api import fields
from api.models import OrganizationKind, Role

NAME_MAX_CHARS = 100


class OrganizationSerializer(serializers.Serializer[dict[str, object]]):
    """An organization, with the role that the caller has in it."""

    example = {
        "id": "019aa6b3-1e81-7c22-a0d7-93b5f6e8c014",
        "slug": "ada-q7m2ks",
        "name": "ada",
        "kind": "personal",
        "owner": "ada",
        "role": "owner",
        "version": 1,
        "created_at": "2026-11-21T09:30:00.000000Z",
        "updated_at": "2026-11-21T09:30:00.000000Z",
    }

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=OrganizationKind.choices)
    owner = serializers.CharField(help_text="Username of one of its owners.")
    role = serializers.ChoiceField(choices=Role.choices)
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class OrganizationNameSerializer(fields.StrictSerializer):
    """What an organization is called; its slug is made of the first name, and stays."""

    example = {"name": "Analytical Engines"}

    name = fields.TextField(max_length=NAME_MAX_CHARS)


class OrganizationDeletionSerializer(fields.StrictSerializer):
    example = {"name": "Analytical Engines"}

    name = fields.TextField(max_length=NAME_MAX_CHARS, help_text="The organization's name, typed to make sure.")


class MemberSerializer(serializers.Serializer[dict[str, object]]):
    example = {"username": "grace", "role": "member", "joined_at": "2026-11-21T09:40:00.000000Z"}

    username = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    joined_at = serializers.DateTimeField()


class MemberRoleSerializer(fields.StrictSerializer):
    example = {"role": "admin"}

    role = serializers.ChoiceField(choices=Role.choices)


class TransferSerializer(fields.StrictSerializer):
    example = {"username": "grace"}

    username = fields.TextField(max_length=50)


class InvitationSerializer(serializers.Serializer[dict[str, object]]):
    example = {
        "id": "019aa6c0-7d11-7a3e-9b42-5c8e1f0a6d27",
        "email": "grace@example.com",
        "organization": "analytical-engines-q7m2ks",
        "organization_name": "Analytical Engines",
        "role": "member",
        "invited_by": "ada",
        "created_at": "2026-11-21T09:35:00.000000Z",
        "sent_at": "2026-11-21T09:35:00.000000Z",
        "expires_at": "2026-11-28T09:35:00.000000Z",
    }

    id = serializers.UUIDField()
    email = serializers.CharField()
    organization = serializers.CharField(help_text="Its slug.")
    organization_name = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    invited_by = serializers.CharField(allow_null=True, help_text="Username.")
    created_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class InvitationCreateSerializer(fields.StrictSerializer):
    """Nobody is invited to own a group: it is handed to a member."""

    example = {"email": "grace@example.com", "role": "member"}

    email = fields.EmailField()
    role = serializers.ChoiceField(choices=[Role.ADMIN, Role.MEMBER, Role.BILLING], default=Role.MEMBER)


class InvitationChoiceSerializer(fields.StrictSerializer):
    """Which invitation: by what the mailed link carries, or by its id."""

    example = {"id": "019aa6c0-7d11-7a3e-9b42-5c8e1f0a6d27"}

    token = fields.SecretField(max_length=64, required=False)
    id = fields.UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError("Send either token or id.", code="invalid")
        return attrs

    def choice(self) -> dict[str, Any]:
        """As the services take it."""
        return {"token": self.validated_data.get("token"), "invitation": self.validated_data.get("id")}
