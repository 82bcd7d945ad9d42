"""What Redis holds in a deployment, for the embedded default: nonces, limits, counters."""

from django.db import models

from api.models.base import DigestField, IdentityField


class ReplayNonce(models.Model):
    """A signature, or a nonce of ours, that was accepted; its digest is unique until it could not be accepted anyway."""

    digest = DigestField(primary_key=True)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "replay_nonce"
        indexes = (models.Index(fields=["expires_at"], name="replay_nonce_expiry"),)


class RateLimit(models.Model):
    """The theoretical arrival time of a limit's key, in microseconds since the epoch (GCRA)."""

    key = IdentityField(primary_key=True)
    arrival_us = models.BigIntegerField()

    class Meta:
        db_table = "rate_limit"
        indexes = (models.Index(fields=["arrival_us"], name="rate_limit_expiry"),)


class Counter(models.Model):
    """A number that several processes increment (the server-rendered pages' limits)."""

    key = IdentityField(primary_key=True)
    value = models.BigIntegerField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "counter"
        indexes = (models.Index(fields=["expires_at"], name="counter_expiry"),)
