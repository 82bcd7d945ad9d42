"""People: one row for everyone who can sign in, and for guests until they do."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.utils import timezone

from api.models.base import IdentityField, TimeStamped, identity_of, one_of, uuid7


class Theme(models.TextChoices):
    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


NOTIFICATION_CHANNELS = ("email", "push")
NOTIFICATION_TOPICS = ("updates", "tips", "payment")


class UserManager(BaseUserManager["User"]):
    """Looks people up by their normalised address. People are made by `api.apis.users.services` only."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email_identity=identity_of(username or ""))


class User(AbstractBaseUser, PermissionsMixin, TimeStamped):
    """A person. `email` and `username` are as typed; the `*_identity` columns are what must be unique."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(max_length=254, null=True, blank=True)
    email_identity = IdentityField(unique=True, null=True, editable=False)
    username = models.CharField(max_length=50)
    username_identity = IdentityField(unique=True, editable=False)

    first_name = models.CharField(max_length=100, blank=True)
    last_name = models.CharField(max_length=100, blank=True)
    phone_number = models.CharField(max_length=16, blank=True)  # E.164
    birth_date = models.DateField(null=True, blank=True)
    location = models.CharField(max_length=200, blank=True)
    about = models.CharField(max_length=2000, blank=True)
    avatar = models.CharField(max_length=255, blank=True)  # object name of the small picture
    preferred_language = models.CharField(max_length=35, default="en")  # BCP 47
    preferred_theme = models.CharField(max_length=10, choices=Theme, default=Theme.SYSTEM)
    time_zone = models.CharField(max_length=64, default="UTC")  # IANA
    notification_preferences = models.JSONField(default=dict)  # channel -> topic -> wanted; absent: wanted

    has_finished_onboarding = models.BooleanField(default=False)
    is_email_confirmed = models.BooleanField(default=False)
    is_guest = models.BooleanField(default=False)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    # A guest who was taken up by an account; erased a day later.
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    stripe_customer_id = models.CharField(max_length=64, blank=True)
    version = models.PositiveIntegerField(default=1)  # of the profile; moved by every change of it
    # Moved by whatever must end all sessions; a session remembers the value that it was opened with.
    auth_version = models.PositiveIntegerField(default=0)
    # How the password is hashed, so that it is known at once whether any came from elsewhere.
    password_algorithm = models.GeneratedField(
        # No blank behind a comma: Django takes SQLite's definition of a table apart there.
        expression=models.Func("password", models.Value(1), models.Value(13), function="SUBSTR", arg_joiner=","),
        output_field=models.CharField(max_length=13),
        db_persist=True,
        db_index=True,
    )
    date_joined = models.DateTimeField(default=timezone.now, editable=False)
    # The account was given up: nothing of it works, and a job erases it, at once or after ERASURE_GRACE_DAYS.
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "user"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(email_identity__isnull=False)
                | models.Q(is_guest=True)
                | models.Q(deleted_at__isnull=False),
                name="user_email_or_guest",
            ),
            models.CheckConstraint(
                condition=models.Q(is_guest=False) | models.Q(is_staff=False), name="user_guest_is_no_staff"
            ),
            one_of("preferred_theme", Theme, name="user_theme"),
        )
        indexes = (
            models.Index(fields=["created_at", "id"], name="user_by_age"),
            models.Index(fields=["is_active", "created_at", "id"], name="user_by_state"),
            models.Index(fields=["is_staff", "created_at", "id"], name="user_staff"),
            models.Index(fields=["is_guest", "created_at", "id"], name="user_guests_by_age"),
            models.Index(fields=["is_guest", "id"], name="user_guests"),
            models.Index(fields=["deleted_at", "id"], name="user_deleted"),
            models.Index(fields=["phone_number", "id"], name="user_by_phone_number"),
        )

    def __str__(self) -> str:
        return self.username

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keeps the identity columns in step with what they normalise, whoever saves."""
        self.email_identity = identity_of(self.email) if self.email else None
        self.username_identity = identity_of(self.username)
        super().save(*args, **kwargs)


class StaffNote(models.Model):
    """What staff have noted about a person, for one another."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="staff_notes", db_index=False)
    author = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    text = models.CharField(max_length=2000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "staff_note"
        indexes = (models.Index(fields=["user", "id"], name="staff_note_of_person"),)
