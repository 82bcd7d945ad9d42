"""Sessions: one person (or nobody yet) on one device, with the counter of its refresh tokens."""

from django.conf import settings
from django.db import models

from api.models.base import DigestField, TimeStamped, uuid7
from api.models.devices import Device


class EndReason(models.TextChoices):
    SIGNED_OUT = "signed_out"
    REPLACED = "replaced"  # a newer session of the device
    REFRESH_REUSED = "refresh_reused"
    EXPIRED = "expired"
    DEVICE_REVOKED = "device_revoked"
    PERSON_DEACTIVATED = "person_deactivated"
    ENDED_BY_STAFF = "ended_by_staff"
    TOO_MANY = "too_many"


class Session(TimeStamped):
    """What a token pair belongs to. A device has at most one live session: `live_device` equals `device` while it
    lives and is null afterwards, and is unique (MySQL and MariaDB create no conditional unique constraints).

    A refresh token is `(id, refresh_counter)` under a MAC; nothing else of it is stored. `attempt_digest` remembers
    the attempt that moved the counter last, so that the same attempt may ask again.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="sessions")
    live_device = models.OneToOneField(
        Device, null=True, blank=True, on_delete=models.CASCADE, related_name="live_session", editable=False
    )
    user = models.ForeignKey(  # indexed by session_of_user
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="device_sessions",
        db_index=False,
    )
    user_auth_version = models.PositiveIntegerField(default=0)
    amr = models.JSONField(default=list)  # RFC 8176: how the person proved who they are
    auth_time = models.DateTimeField()

    refresh_counter = models.PositiveBigIntegerField(default=0)
    attempt_digest = DigestField(null=True, blank=True)
    refreshed_at = models.DateTimeField()
    first_used_at = models.DateTimeField(null=True, blank=True)

    # The call that opened this session and what it was about (keyed digest), for the repeat of a lost answer.
    opened_by = models.CharField(max_length=32)
    opening_digest = DigestField(null=True, blank=True)
    successor = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="predecessor"
    )
    superseded_at = models.DateTimeField(null=True, blank=True)

    address = models.GenericIPAddressField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=20, choices=EndReason, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        db_table = "session"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(live_device__isnull=True) | models.Q(live_device=models.F("device")),
                name="session_live_on_its_device",
            ),
            models.CheckConstraint(
                condition=models.Q(live_device__isnull=True) | models.Q(ended_at__isnull=True),
                name="session_live_is_not_ended",
            ),
            models.CheckConstraint(
                condition=models.Q(end_reason__in=["", *EndReason.values]), name="session_end_reason"
            ),
        )
        indexes = (
            models.Index(fields=["user", "ended_at", "created_at"], name="session_of_user"),
            models.Index(fields=["ended_at"], name="session_ended"),
            models.Index(fields=["superseded_at", "ended_at"], name="session_superseded"),
        )


class SignInFailures(models.Model):
    """Wrong passwords and codes against one account: by devices that never signed in there together, and by each
    device that did, apart. Keyed by a digest, so that unknown addresses count alike and no address is stored.
    """

    key = DigestField(primary_key=True)
    failures = models.PositiveIntegerField(default=0)
    window_started_at = models.DateTimeField()
    locked_until = models.DateTimeField(null=True, blank=True)
    locks = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "sign_in_failures"
        verbose_name_plural = "sign-in failures"
        indexes = (models.Index(fields=["updated_at"], name="sign_in_failures_by_age"),)
