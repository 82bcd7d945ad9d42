"""Files of contacts on the wire."""

from typing import Any

from rest_framework import serializers

from api import fields
from api.models import JobState


class ImportSerializer(fields.StrictSerializer):
    """vCards (2.1 to 4.0) or CSV. A contact that is there already, by its name and how it is reached, stays as it is, so
    that the same file may be sent again; with `dry_run` nothing is made.
    """

    file = fields.UploadField()
    organization = fields.TextField(max_length=100, required=False, help_text="Slug or UUID; your own if absent.")
    dry_run = serializers.ChoiceField(choices=["true", "false"], required=False, default="false")
    country = serializers.RegexField(
        r"\A[A-Z]{2}\Z", required=False, help_text="ISO 3166-1 alpha-2: of telephone numbers that do not say it."
    )

    def wishes(self) -> dict[str, Any]:
        """As the service takes them."""
        said = self.validated_data
        return {
            "organization": said.get("organization"),
            "is_dry_run": said["dry_run"] == "true",
            "country": said.get("country"),
        }


class ImportStartedSerializer(serializers.Serializer[dict[str, Any]]):
    """The job of an import; what it gives stands in its `result` once it has ended."""

    example = {
        "id": "019aa6b9-40c8-7e11-b2d4-6f0a3c9e8d17",
        "type": "contacts.import",
        "state": "PENDING",
        "progress": 0,
        "result": None,
        "error": None,
        "created_at": "2026-11-21T09:32:00.000000Z",
        "started_at": None,
        "ended_at": None,
    }

    id = serializers.UUIDField()
    type = serializers.CharField()
    state = serializers.ChoiceField(choices=JobState.choices)
    progress = serializers.IntegerField(min_value=0, max_value=100, help_text="Per cent.")
    result = serializers.DictField(
        allow_null=True,
        help_text="`read`, `created`, `known`, `refused` (numbers), `dry_run`, and `rows`: of the first hundred that were "
        "not imported the `row`, a `code` (`known` or `unreadable`) and the `contact` that is there.",
    )
    error = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
