"""What several domains answer alike."""

from typing import Any

from rest_framework import serializers

from api.models import JobState


class ErasureSerializer(serializers.Serializer[dict[str, Any]]):
    """The job of an erasure. Its `result` is the receipt: numbers, which grow until the job has ended."""

    example = {
        "id": "019aa6b9-40c8-7e11-b2d4-6f0a3c9e8d17",
        "type": "erasure.person",
        "state": "SUCCESS",
        "progress": 100,
        "result": {
            "subject_id": "019aa6b3-1e7f-7a90-8f3b-7be0a1c4d526",
            "rows": {"contact": 3, "session": 2, "user": 1},
            "files": 7,
            "audit_rows": 41,
        },
        "error": None,
        "created_at": "2026-11-21T09:32:00.000000Z",
        "started_at": "2026-11-21T09:32:00.400000Z",
        "ended_at": "2026-11-21T09:32:01.910000Z",
    }

    id = serializers.UUIDField()
    type = serializers.CharField()
    state = serializers.ChoiceField(choices=JobState.choices)
    progress = serializers.IntegerField(min_value=0, max_value=100, help_text="Per cent.")
    result = serializers.DictField(
        allow_null=True,
        help_text="`rows` by table, that were deleted or lost a name; `files`; `audit_rows`, which keep ids alone.",
    )
    error = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
