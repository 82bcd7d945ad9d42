"""Exports: archives of everything that an organization has, or that is known about a person."""

from django.conf import settings
from django.db import models

from api.models.base import TimeStamped
from api.models.jobs import Job
from api.models.orgs import Organization


class Export(TimeStamped):
    """An archive that a job makes, whose id it has; of an organization, or of a person. Whose it was may be gone before it.

    `name` is that of the object which is being written, or was: each attempt has one of its own.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    job = models.OneToOneField(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="export")
    organization = models.ForeignKey(
        Organization, null=True, blank=True, on_delete=models.SET_NULL, related_name="exports", db_index=False
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="exports",
        db_index=False,
    )
    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    salt = models.BinaryField(max_length=16)  # of the token in the mail
    name = models.CharField(max_length=150, blank=True)

    # Of the archive, once it is there.
    ready_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()  # the archive and this row
    size_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    counts = models.JSONField(default=dict)  # kind -> rows

    class Meta:
        db_table = "export"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(ready_at__isnull=True) | (models.Q(size_bytes__isnull=False) & ~models.Q(name="")),
                name="export_ready_is_there",
            ),
        )
        indexes = (
            models.Index(fields=["organization", "created_at", "id"], name="export_of_organization"),
            models.Index(fields=["person", "created_at", "id"], name="export_of_person"),
            models.Index(fields=["expires_at"], name="export_expiry"),
            models.Index(fields=["name"], name="export_by_name"),
        )

    def __str__(self) -> str:
        return str(self.id)
