"""Organizations on the wire."""

from rest_framework import serializers

from api.models import OrganizationKind, Role


class OrganizationSerializer(serializers.Serializer[dict[str, object]]):
    """An organization, with the role that the caller has in it."""

    example = {
        "id": "019aa6b3-1e81-7c22-a0d7-93b5f6e8c014",
        "slug": "ada-q7m2ks",
        "name": "ada",
        "kind": "personal",
        "owner": "ada",
        "role": "owner",
        "created_at": "2026-11-21T09:30:00.000000Z",
        "updated_at": "2026-11-21T09:30:00.000000Z",
    }

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=OrganizationKind.choices)
    owner = serializers.CharField(help_text="Username of one of its owners.")
    role = serializers.ChoiceField(choices=Role.choices)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
