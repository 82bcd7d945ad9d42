"""Devices: one installation of an app each, with the key it signs with, and what its platform has said of it."""

from django.conf import settings
from django.db import models

from api.models.base import DigestField, IdentityField, TimeStamped, one_of, uuid7
from api.models.onboarding import AppKey, Platform


class Trust(models.TextChoices):
    UNATTESTED = "unattested"
    BASIC = "basic"
    STRONG = "strong"


class Algorithm(models.TextChoices):
    HMAC_SHA256 = "hmac-sha256"
    ECDSA_P256_SHA256 = "ecdsa-p256-sha256"


class Device(TimeStamped):
    """An installation. Its HMAC secret is stored nowhere: it is derived from a master key, the enrolment digest, the
    device's id and its generation. A device with a hardware key stores the public half as a JWK.

    `next_*` describe the key that a rotation has promised; its first use moves them over and ends the old one.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    install_id = models.UUIDField(unique=True)
    enrol_digest = DigestField()  # SHA-256 of the enrolment key: proof on repeats, and the derivation's salt
    app_key = models.ForeignKey(AppKey, on_delete=models.PROTECT, related_name="devices")

    algorithm = models.CharField(max_length=20, choices=Algorithm)
    generation = models.PositiveIntegerField(default=1)
    master_kid = models.CharField(max_length=32, blank=True)
    public_key = models.JSONField(null=True, blank=True)
    next_algorithm = models.CharField(max_length=20, blank=True)
    next_master_kid = models.CharField(max_length=32, blank=True)
    next_public_key = models.JSONField(null=True, blank=True)
    next_attempt_digest = DigestField(null=True, blank=True)  # SHA-256 of what a repeat of that rotation carries
    rekey_requested_at = models.DateTimeField(null=True, blank=True)

    platform = models.CharField(max_length=10, choices=Platform)
    app_version = models.CharField(max_length=32, blank=True)
    build = models.PositiveIntegerField(null=True, blank=True)
    os_version = models.CharField(max_length=50, blank=True)
    model = models.CharField(max_length=100, blank=True)
    name = models.CharField(max_length=100, blank=True)
    locale = models.CharField(max_length=35, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    region = models.CharField(max_length=8, blank=True)
    trust = models.CharField(max_length=10, choices=Trust, default=Trust.UNATTESTED)

    activated_at = models.DateTimeField(null=True, blank=True)  # its first token
    last_seen_at = models.DateTimeField(null=True, blank=True)  # its last token
    last_address = models.GenericIPAddressField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    revocation_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        db_table = "device"
        constraints = (
            one_of("platform", Platform, name="device_platform"),
            one_of("trust", Trust, name="device_trust"),
            one_of("algorithm", Algorithm, name="device_algorithm"),
        )
        indexes = (
            models.Index(fields=["activated_at", "created_at"], name="device_never_activated"),
            models.Index(fields=["created_at", "id"], name="device_by_age"),
            models.Index(fields=["platform", "created_at", "id"], name="device_by_platform"),
            models.Index(fields=["platform", "activated_at", "created_at"], name="device_unused_of_platform"),
            models.Index(fields=["revoked_at", "id"], name="device_revoked"),
            models.Index(fields=["platform", "revoked_at", "id"], name="device_revoked_of_platform"),
            models.Index(fields=["last_seen_at"], name="device_last_seen"),
            models.Index(fields=["last_address", "id"], name="device_by_address"),
        )

    def __str__(self) -> str:
        return self.name or self.model or str(self.id)

    @property
    def key_id(self) -> str:
        """The complete `keyid` of the key in force."""
        return f"dev:{self.id}:{self.generation}"

    @property
    def has_next_key(self) -> bool:
        return bool(self.next_algorithm)


class AttestationKind(models.TextChoices):
    APP_ATTEST = "app_attest", "App Attest"  # a key that Apple's hardware keeps, introduced once
    APP_ATTEST_ASSERTION = "app_attest_assertion", "App Attest, assertion"  # made with that key later
    PLAY_INTEGRITY = "play_integrity", "Play Integrity"


class AttestationStatus(models.TextChoices):
    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class Attestation(TimeStamped):
    """What a device brought as evidence that it runs the genuine app, and what came of it.

    A challenge is good for one attestation, because it is unique; the evidence is dropped as soon as it was judged. The
    key that App Attest introduced, and how often it was used, stay for its assertions.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="attestations")
    kind = models.CharField(max_length=30, choices=AttestationKind)
    challenge = IdentityField(unique=True)
    evidence = models.TextField(blank=True)
    evidence_digest = DigestField()  # tells a repeat of the call from other evidence under the same challenge

    status = models.CharField(max_length=10, choices=AttestationStatus, default=AttestationStatus.PENDING)
    trust = models.CharField(max_length=10, choices=Trust, default=Trust.UNATTESTED)  # what it proves
    refusal = models.CharField(max_length=100, blank=True)  # what kind of error refused it
    judged_at = models.DateTimeField(null=True, blank=True)
    attested_key = models.BinaryField(null=True, blank=True)  # DER of the public key
    assertions = models.BigIntegerField(default=0)  # the counter of the last assertion that was accepted

    class Meta:
        db_table = "attestation"
        constraints = (
            one_of("kind", AttestationKind, name="attestation_kind"),
            one_of("status", AttestationStatus, name="attestation_status"),
            one_of("trust", Trust, name="attestation_trust"),
            models.CheckConstraint(
                condition=models.Q(status=AttestationStatus.PENDING) | models.Q(evidence="", judged_at__isnull=False),
                name="attestation_judged",
            ),
        )
        indexes = (models.Index(fields=["status", "created_at"], name="attestation_by_status"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.status}"

    @property
    def is_pending(self) -> bool:
        return self.status == AttestationStatus.PENDING
