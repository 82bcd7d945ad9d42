"""Organizations, and who belongs to them, on the wire."""

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
