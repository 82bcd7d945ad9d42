"""API keys: access for services, without a device."""

from django.conf import settings
from django.db import models

from api.models.base import DigestField, IdentityField, TimeStamped, uuid7
from api.models.orgs import Membership, Organization


class ApiKey(TimeStamped):
    """What a service proves itself by. The key itself is stored nowhere: its beginning, which may be shown, and a digest.

    `holder` is who made or last rotated it. A key can do what its scopes say and its holder's role allows, and ends with
    the very membership by which it was made: who is taken in again has another one. Whoever rotates it takes it over.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="api_keys", db_index=False)
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="api_keys"
    )
    membership = models.ForeignKey(
        Membership, null=True, blank=True, on_delete=models.SET_NULL, related_name="api_keys"
    )
    name = models.CharField(max_length=100)
    prefix = IdentityField(unique=True)
    digest = DigestField()
    scopes = models.JSONField(default=list)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    successor = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="predecessor"
    )
    last_used_at = models.DateTimeField(null=True, blank=True)  # to the minute
    last_used_address = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        db_table = "api_key"
        indexes = (models.Index(fields=["organization", "created_at", "id"], name="api_key_of_organization"),)

    def __str__(self) -> str:
        return self.prefix
