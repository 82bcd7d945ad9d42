"""App keys, one per build of an app: they say which app registers a device, carry its quota, and are its kill switch.
And the versions below which running apps are told to upgrade.
"""

from django.conf import settings
from django.db import models

from api.models.base import IdentityField, TimeStamped, one_of

QUOTA_MAXIMUM = 1_000_000  # a limit counts microseconds, and needs some for each call


class Platform(models.TextChoices):
    IOS = "ios", "iOS"
    ANDROID = "android", "Android"
    WEB = "web", "Web"
    OTHER = "other", "Other"


class AppKeyStatus(models.TextChoices):
    ACTIVE = "active"
    DEPRECATED = "deprecated"  # still registers devices; its successor has shipped
    BLOCKED = "blocked"


class AppKey(TimeStamped):
    """The key that a build of the app signs registrations with. `key_id` is written without its `app:` prefix."""

    key_id = IdentityField(unique=True)  # such as ios-2026-01
    sealed_secret = models.CharField(max_length=255)  # platform.keys.seal: AES-256-GCM under the field keys
    platform = models.CharField(max_length=10, choices=Platform)  # `other` is for devices of any
    status = models.CharField(max_length=10, choices=AppKeyStatus, default=AppKeyStatus.ACTIVE)
    minimum_build = models.PositiveIntegerField(null=True, blank=True)
    maximum_build = models.PositiveIntegerField(null=True, blank=True)
    registrations_per_minute = models.PositiveIntegerField(default=600)
    store_url = models.URLField(max_length=500, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        db_table = "app_key"
        constraints = (
            one_of("platform", Platform, name="app_key_platform"),
            one_of("status", AppKeyStatus, name="app_key_status"),
            models.CheckConstraint(
                condition=models.Q(minimum_build__lte=models.F("maximum_build")),
                name="app_key_builds",
                violation_error_message="The minimum build is above the maximum.",
            ),
            # None at all is what blocking is for.
            models.CheckConstraint(
                condition=models.Q(registrations_per_minute__range=(1, QUOTA_MAXIMUM)),
                name="app_key_quota",
                violation_error_message=f"Registrations a minute: from 1 to {QUOTA_MAXIMUM}.",
            ),
        )

    def __str__(self) -> str:
        return self.key_id


class AppVersion(TimeStamped):
    """The oldest version of a platform's app that is served still, the present one and where people get it; and what they
    are told while something is being worked on.
    """

    platform = models.CharField(max_length=10, primary_key=True, choices=Platform)
    minimum_version = models.CharField(max_length=32)  # numbers and dots
    latest_version = models.CharField(max_length=32, blank=True)  # the same
    store_url = models.URLField(max_length=500, blank=True)
    notice = models.CharField(max_length=500, blank=True)  # of maintenance, in words for people; empty: there is none

    class Meta:
        db_table = "app_version"
        constraints = (one_of("platform", Platform, name="app_version_platform"),)

    def __str__(self) -> str:
        return f"{self.platform} {self.minimum_version}"
