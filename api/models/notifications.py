"""What people are told: notifications in the app, and the texts of mails that staff have changed."""

from django.conf import settings
from django.db import models

from api.models.base import TimeStamped, uuid7


class Notification(TimeStamped):
    """Something that a person is told in the app."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications", db_index=False
    )
    type = models.CharField(max_length=64)  # such as auth.new_device
    data = models.JSONField(default=dict)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "notification"
        indexes = (models.Index(fields=["recipient", "created_at", "id"], name="notification_of_person"),)

    def __str__(self) -> str:
        return self.type


class MailTemplate(TimeStamped):
    """A mail's subject and body in place of the ones that come with the code (`templates/email/`)."""

    kind = models.CharField(max_length=64, primary_key=True)  # such as auth.magic_code
    subject = models.CharField(max_length=200)
    body = models.TextField(max_length=10_000)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        db_table = "mail_template"

    def __str__(self) -> str:
        return self.kind
