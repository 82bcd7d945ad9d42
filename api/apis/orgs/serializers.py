"""Organizations on the wire."""

from rest_framework import serializers

from api.models import OrganizationKind, Role


class OrganizationSerializer(serializers.Serializer[dict[str, object]]):
    """An organization, with the role that the caller has in it."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=OrganizationKind.choices)
    owner = serializers.CharField(help_text="Username of one of its owners.")
    role = serializers.ChoiceField(choices=Role.choices)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
