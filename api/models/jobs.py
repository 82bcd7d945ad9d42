"""The outbox: background work, written in the transaction of its cause and carried out after it."""

from django.db import models
from django.utils import timezone

from api.models.base import IdentityField, uuid7


class OutboxMessage(models.Model):
    """One call of a task. Claiming it moves `due_at` to the end of the lease: a dead worker's message is due again."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    task = models.CharField(max_length=64)  # such as auth.publish_revocations
    arguments = models.JSONField(default=dict)
    # At most one message with the same key exists, done or not: a slot of the schedule, a mail of one event.
    dedup_key = IdentityField(unique=True, null=True)
    request_id = models.CharField(max_length=64, blank=True)

    created_at = models.DateTimeField(auto_now_add=True)
    # When it may be taken up: at once, after a back-off, or when a lease has run out; null once done or failed.
    due_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    lease = models.UUIDField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "outbox_message"
        indexes = (
            models.Index(fields=["due_at", "id"], name="outbox_due"),
            models.Index(fields=["done_at"], name="outbox_done"),
        )

    def __str__(self) -> str:
        return f"{self.task} {self.id}"
