"""Sessions: one person (or nobody yet) on one device, with the counter of its refresh tokens. And what proves a person."""

from django.conf import settings
from django.db import models

from api.models.base import DigestField, IdentityField, TimeStamped, one_of, uuid7
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
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 -- not a secret
    EMAIL_CHANGED = "email_changed"
    ADDRESS_PROVED = "address_proved"  # by somebody else than who had signed up with it
    DISOWNED = "disowned"  # "this was not me"
    ACCOUNT_DELETED = "account_deleted"


# Whoever had the session may be somebody else than the person: on their device the person is not known.
STRANGERS_END_REASONS = frozenset({EndReason.ADDRESS_PROVED, EndReason.DISOWNED})


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
    password_changed_at = models.DateTimeField(null=True, blank=True)  # by this session, which went on
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

    # The device as it was when the session ended or was superseded: what became of it later is its next person's.
    device_name = models.CharField(max_length=100, blank=True)
    app_version = models.CharField(max_length=32, blank=True)
    os_version = models.CharField(max_length=50, blank=True)

    # Its person has taken the device off their list.
    hidden_at = models.DateTimeField(null=True, blank=True)

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
            models.Index(fields=["ended_at", "refreshed_at"], name="session_idle"),
            models.Index(fields=["ended_at", "created_at"], name="session_old"),
            models.Index(fields=["superseded_at", "ended_at"], name="session_superseded"),
        )


class ProofPurpose(models.TextChoices):
    MAGIC_CODE = "magic_code"
    PASSWORD_RESET = "password_reset"  # noqa: S105 -- not a secret
    EMAIL_CONFIRM = "email_confirm"
    EMAIL_CHANGE = "email_change"
    NEW_DEVICE = "new_device"  # "was this you?": ends a session


class MailedProof(models.Model):
    """A secret that was mailed: who brings it back has read the mail. The secret itself is stored nowhere: it is
    derived from the row's id and salt with a key of the server.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    purpose = models.CharField(max_length=20, choices=ProofPurpose)
    salt = models.BinaryField(max_length=16)
    # At most one proof of a purpose is good at a time, for whomever this names; null once it is not good any more.
    live_key = IdentityField(unique=True, null=True)
    email = models.EmailField(max_length=254)  # where it is mailed to
    email_identity = IdentityField()
    # With whom it counts against the mails of a day: a device, kinds of strangers, staff; empty for the person's session.
    asker = models.CharField(max_length=36, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="mailed_proofs"
    )
    user_auth_version = models.PositiveIntegerField(default=0)
    # The only device that may bring it back, if it is bound to one.
    device = models.ForeignKey(Device, null=True, blank=True, on_delete=models.CASCADE, related_name="mailed_proofs")
    session = models.ForeignKey(Session, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "mailed_proof"
        indexes = (
            models.Index(fields=["email_identity", "purpose", "created_at"], name="mailed_proof_of_address"),
            models.Index(fields=["expires_at"], name="mailed_proof_expiry"),
        )


class SocialIdentity(TimeStamped):
    """Whom an issuer of identity tokens knows by a subject: one person, who may have several of these. The address is
    the one that linked them, and says nothing afterwards.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    issuer = IdentityField()
    subject = IdentityField()
    provider = models.CharField(max_length=32)  # the issuer's name in the settings of that time
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="social_identities")
    email = models.EmailField(max_length=254)

    class Meta:
        db_table = "social_identity"
        verbose_name_plural = "social identities"
        constraints = (models.UniqueConstraint(fields=["issuer", "subject"], name="social_identity_of_issuer"),)


class WaitingListEntry(models.Model):
    """An address that wants to hear when signing up is possible."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(max_length=254)  # as it was typed first
    email_identity = IdentityField(unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "waiting_list_entry"
        verbose_name_plural = "waiting list entries"
        indexes = (models.Index(fields=["created_at", "id"], name="waiting_list_by_age"),)

    def __str__(self) -> str:
        return self.email


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


class ShownFactor(models.TextChoices):
    """What was shown beside the password, or in its place."""

    TOTP = "totp"
    PASSKEY = "passkey"
    RECOVERY_CODE = "recovery_code"
    NONE = "none"  # skipped, which only the embedded default does


class StaffSession(TimeStamped):
    """A browser in which somebody has signed in to the CMS with both factors. Nobody is in without such a row."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="staff_sessions", db_index=False
    )
    user_auth_version = models.PositiveIntegerField()
    factor = models.CharField(max_length=20, choices=ShownFactor)
    proved_at = models.DateTimeField()  # the last time that both factors were shown
    seen_at = models.DateTimeField()  # to the minute
    address = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Through whose eyes its person looks at the moment, and until when at most.
    viewing = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    viewing_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "staff_session"
        constraints = (one_of("factor", ShownFactor, name="staff_session_factor"),)
        indexes = (
            models.Index(fields=["user", "id"], name="staff_session_of_person"),
            models.Index(fields=["seen_at"], name="staff_session_by_use"),
            models.Index(fields=["viewing_until"], name="staff_session_viewing"),
        )


class StaffRole(TimeStamped):
    """What a role covers, where somebody has changed it: the row wins over `api.platform.staff.ROLES`."""

    name = models.CharField(max_length=50, primary_key=True)
    actions = models.JSONField(default=list)  # names of actions, sorted
    version = models.PositiveIntegerField(default=1)

    class Meta:
        db_table = "staff_role"

    def __str__(self) -> str:
        return self.name
