"""Writes that were done under an Idempotency-Key, and what was answered."""

from django.db import models

from api.models.base import DigestField


class IdempotencyKey(models.Model):
    """One write. Its row is claimed, and its answer stored, in the transaction of the change itself: whoever sees the
    row sees an answer. `scope` digests who called (its first half) and what under which key, `fingerprint` what was sent;
    `permissions` are those that the call needed, by organization.
    """

    scope = DigestField(primary_key=True)
    fingerprint = DigestField()
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(null=True)
    permissions = models.JSONField(null=True)
    body = models.BinaryField(null=True)
    repeats = models.PositiveIntegerField(default=0)
    claimed_at = models.DateTimeField()

    class Meta:
        db_table = "idempotency_key"
        indexes = (models.Index(fields=["claimed_at"], name="idempotency_key_age"),)
