"""The outbox: background work, written in the transaction of its cause and carried out after it; and jobs, which are
background work that a person has asked for and looks at.
"""

from django.conf import settings
from django.db import models
from django.utils import timezone

from api.models.base import IdentityField, TimeStamped, one_of, uuid7


class JobState(models.TextChoices):
    PENDING = "PENDING"
    STARTED = "STARTED"
    RETRY = "RETRY"  # it went wrong, and will be tried again
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    REVOKED = "REVOKED"  # its owner has called it off


UNFINISHED_STATES = (JobState.PENDING, JobState.STARTED, JobState.RETRY)


class Job(TimeStamped):
    """What became of a message of the outbox, for the person who asked for it. The two change in one transaction.

    An erasure names by `subject_id` whom or what it erases, and outlives whoever asked for it: it has no owner then, and
    is staff's to look at.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    type = models.CharField(max_length=64)
    owner = models.ForeignKey(  # indexed by job_of_owner
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="jobs", db_index=False
    )
    subject_id = models.UUIDField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=JobState, default=JobState.PENDING)
    progress = models.PositiveSmallIntegerField(default=0)  # per cent
    result = models.JSONField(null=True, blank=True)
    error = models.CharField(max_length=64, blank=True)  # the code of a problem, of the last attempt
    started_at = models.DateTimeField(null=True, blank=True)  # the first attempt
    ended_at = models.DateTimeField(null=True, blank=True)
    # What only one job does at a time: `live_key` equals it until the job has ended, and is unique.
    key = IdentityField(null=True)
    live_key = IdentityField(unique=True, null=True)

    class Meta:
        db_table = "job"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(live_key__isnull=True) | models.Q(live_key=models.F("key"), ended_at__isnull=True),
                name="job_live_key",
            ),
            one_of("state", JobState, name="job_state"),
            models.CheckConstraint(condition=models.Q(progress__lte=100), name="job_progress"),
            models.CheckConstraint(
                condition=models.Q(state__in=UNFINISHED_STATES, ended_at__isnull=True)
                | (~models.Q(state__in=UNFINISHED_STATES) & models.Q(ended_at__isnull=False)),
                name="job_ended_at",
            ),
        )
        indexes = (
            models.Index(fields=["owner", "created_at", "id"], name="job_of_owner"),
            models.Index(fields=["ended_at"], name="job_ended"),
            models.Index(fields=["subject_id", "created_at"], name="job_of_subject"),
        )

    def __str__(self) -> str:
        return f"{self.type} {self.state}"


class OutboxMessage(models.Model):
    """One call of a task. Claiming it moves `due_at` to the end of the lease: a dead worker's message is due again."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    task = models.CharField(max_length=64)  # such as auth.publish_revocations
    arguments = models.JSONField(default=dict)
    # At most one message with the same key exists, done or not: a slot of the schedule, a mail of one event.
    dedup_key = IdentityField(unique=True, null=True)
    request_id = models.CharField(max_length=64, blank=True)
    # Whose the arguments tell something of, such as an address: they are forgotten once it is done.
    person_id = models.UUIDField(null=True, blank=True)
    # Whoever asked for it looks at this; a job that is called off has no message any more.
    job = models.OneToOneField(Job, null=True, blank=True, on_delete=models.CASCADE, related_name="message")

    created_at = models.DateTimeField(auto_now_add=True)
    # When it may be taken up: at once, after a back-off, or when a lease has run out; null once done or failed.
    due_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    lease = models.UUIDField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)  # of the attempts; the others were cut off
    last_error = models.CharField(max_length=500, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "outbox_message"
        indexes = (
            models.Index(fields=["due_at", "id"], name="outbox_due"),
            models.Index(fields=["done_at"], name="outbox_done"),
            models.Index(fields=["failed_at"], name="outbox_failed"),
            models.Index(fields=["person_id"], name="outbox_of_person"),
            models.Index(fields=["request_id", "id"], name="outbox_of_request"),
        )

    def __str__(self) -> str:
        return f"{self.task} {self.id}"
