"""The audit trail: what was done, by whom, to what. Rows are only ever added."""

from django.db import models

from api.models.base import DigestField, one_of


class ActorKind(models.TextChoices):
    USER = "user"
    DEVICE = "device"  # before anybody has signed in on it
    STAFF = "staff"
    API_KEY = "api_key"
    JOB = "job"
    COMMAND = "command"
    ANONYMOUS = "anonymous"


class Channel(models.TextChoices):
    API = "api"
    CMS = "cms"
    ADMIN = "admin"
    JOB = "job"
    CLI = "cli"


class Outcome(models.TextChoices):
    SUCCESS = "success"
    REFUSED = "refused"


class AuditedEvent(models.Model):
    """What is told of an event. References are plain ids, not foreign keys: the trail outlives what it speaks of."""

    at = models.DateTimeField()
    action = models.CharField(max_length=64)  # such as device.revoked
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.SUCCESS)
    channel = models.CharField(max_length=10, choices=Channel)

    actor_kind = models.CharField(max_length=10, choices=ActorKind)
    actor_id = models.CharField(max_length=64, blank=True)
    on_behalf_of = models.CharField(max_length=64, blank=True)
    organization_id = models.UUIDField(null=True, blank=True)
    target_kind = models.CharField(max_length=32)
    target_id = models.CharField(max_length=64, blank=True)

    address = models.GenericIPAddressField(null=True, blank=True)
    device_id = models.UUIDField(null=True, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    changes = models.JSONField(default=dict)  # field -> [before, after]; never a secret
    reason = models.CharField(max_length=500, blank=True)
    times = models.PositiveIntegerField(default=1)  # how often it was so, where one row tells of several refusals

    class Meta:
        abstract = True


class AuditEntry(AuditedEvent):
    """One event, or the refusals of a minute after the first of them.

    `commitment` is a digest of what is personal (address, changes, reason) with the salt, `digest` a keyed one of all the
    rest and the commitment. A number and its `mac`, the link to the row before, come a little later (`AuditDay`). So
    what is personal can be erased, with the salt, and the chain still holds.
    """

    id = models.BigAutoField(primary_key=True)
    key_id = models.CharField(max_length=32, blank=True)  # of the ring that `digest` is keyed with
    salt = models.BinaryField(max_length=16, null=True)
    commitment = DigestField(default=bytes(32))
    digest = DigestField(default=bytes(32))
    number = models.PositiveBigIntegerField(null=True, blank=True, unique=True)
    mac = DigestField(null=True)

    class Meta:
        db_table = "audit_entry"
        verbose_name_plural = "audit entries"
        constraints = (
            one_of("actor_kind", ActorKind, name="audit_entry_actor_kind"),
            one_of("channel", Channel, name="audit_entry_channel"),
            one_of("outcome", Outcome, name="audit_entry_outcome"),
        )
        indexes = (
            models.Index(fields=["organization_id", "id"], name="audit_of_organization"),
            models.Index(fields=["organization_id", "action", "id"], name="audit_of_organization_action"),
            models.Index(fields=["target_id", "id"], name="audit_of_target"),
            models.Index(fields=["actor_id", "id"], name="audit_of_actor"),
            models.Index(fields=["on_behalf_of", "id"], name="audit_on_behalf_of"),
            models.Index(fields=["action", "at"], name="audit_of_action"),
            models.Index(fields=["at"], name="audit_by_time"),
            models.Index(fields=["request_id", "id"], name="audit_of_request"),
        )


class RefusalTally(AuditedEvent):
    """The refusals of one kind within a minute: the first has its row in the trail already, the others get one together
    when the minute is over, as the last of them was.
    """

    key = DigestField(primary_key=True)
    times = models.PositiveIntegerField(default=0)
    minute_at = models.DateTimeField()

    class Meta:
        db_table = "refusal_tally"
        indexes = (models.Index(fields=["minute_at"], name="refusal_tally_minute"),)

    def __str__(self) -> str:
        return f"{self.action} ×{self.times}"


class AuditDay(models.Model):
    """The rows that were numbered on a day: `count` of them from `first_number` on, chained from `before`, the head of the
    day before, to `head`. `mac` seals this row.
    """

    day = models.DateField(primary_key=True)
    first_number = models.PositiveBigIntegerField()
    count = models.PositiveBigIntegerField()
    before = DigestField()
    head = DigestField()
    key_id = models.CharField(max_length=32)
    mac = DigestField()
    removed_at = models.DateTimeField(null=True, blank=True)  # its rows were kept long enough

    class Meta:
        db_table = "audit_day"

    def __str__(self) -> str:
        return self.day.isoformat()
