"""What staff work with: filters that they keep, what they do to many at once, and the numbers of the dashboard."""

from django.conf import settings
from django.db import models

from api.models.base import TimeStamped, one_of, uuid7
from api.models.jobs import Job


class FilterScope(models.TextChoices):
    PRIVATE = "private", "Only me"
    EVERYONE = "everyone", "All staff"


class SavedFilter(TimeStamped):
    """A list of the CMS as somebody has narrowed it, under a name; `position` orders the filters of one owner."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_filters")
    scope = models.CharField(max_length=10, choices=FilterScope, default=FilterScope.PRIVATE)
    list = models.CharField(max_length=32)  # its name, such as users
    name = models.CharField(max_length=60)
    querystring = models.CharField(max_length=1000, blank=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "saved_filter"
        constraints = (one_of("scope", FilterScope, name="saved_filter_scope"),)
        indexes = (models.Index(fields=["list", "scope"], name="saved_filter_of_list"),)

    def __str__(self) -> str:
        return self.name


class BulkChange(TimeStamped):
    """One thing that is done to many: to which, how far it has come, and what was left out. Its job belongs to whoever
    has begun it. The trail's row of each of them carries this row's id as its request.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="bulk_change")
    verb = models.CharField(max_length=32)  # such as users.deactivate
    reason = models.CharField(max_length=500)
    chosen = models.JSONField(default=list)  # ids
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)  # of those done
    refusals = models.JSONField(default=list)  # the first of them: id, title

    class Meta:
        db_table = "bulk_change"

    def __str__(self) -> str:
        return f"{self.verb} ×{self.total}"


class Span(models.TextChoices):
    HOUR = "hour"
    DAY = "day"


class Figure(models.Model):
    """A number of the dashboard: how much there was of something in an hour or on a day, both UTC."""

    metric = models.CharField(max_length=32)  # such as sign_ups
    span = models.CharField(max_length=4, choices=Span)
    at = models.DateTimeField()  # when the span began
    value = models.BigIntegerField()

    class Meta:
        db_table = "figure"
        constraints = (
            one_of("span", Span, name="figure_span"),
            models.UniqueConstraint(fields=["span", "at", "metric"], name="figure_once"),
        )

    def __str__(self) -> str:
        return f"{self.metric} {self.at:%Y-%m-%d %H:%M}: {self.value}"


class Traffic(models.Model):
    """How many requests of an hour were answered within so many milliseconds, and how many of them by an error of ours."""

    hour = models.DateTimeField()
    bound_ms = models.PositiveIntegerField()  # of api.platform.traffic.BOUNDS_MS
    requests = models.PositiveBigIntegerField()
    errors = models.PositiveBigIntegerField()

    class Meta:
        db_table = "traffic"
        constraints = (models.UniqueConstraint(fields=["hour", "bound_ms"], name="traffic_once"),)

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:%M} {self.bound_ms} ms: {self.requests}"
