"""What people are told: the texts of mails that staff have changed."""

from django.conf import settings
from django.db import models

from api.models.base import TimeStamped


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
