"""Jobs on the wire."""

from typing import Any

from rest_framework import serializers

from api import fields
from api.apis.jobs import services
from api.models import JobState

_NUMBER = 2**31 - 1


class JobStartSerializer(fields.StrictSerializer):
    """What is to be done, with the arguments of its type beside it: `x` and `y` of `add`, `seconds` of `long_running`,
    `data` of `process_data`.
    """

    example = {"type": "add", "x": 5, "y": 3}

    type = serializers.ChoiceField(choices=list(services.PUBLIC_TYPES))
    x = fields.IntegerField(min_value=-_NUMBER, max_value=_NUMBER, required=False)
    y = fields.IntegerField(min_value=-_NUMBER, max_value=_NUMBER, required=False)
    seconds = fields.IntegerField(min_value=1, max_value=services.LONG_RUNNING_SECONDS, required=False)
    # `data` is a property of every serializer, whose metaclass takes the member off the class.
    data = fields.ListField(  # type: ignore[assignment]
        child=fields.IntegerField(min_value=-_NUMBER, max_value=_NUMBER), min_length=1, max_length=1000, required=False
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        wanted = {"type", *services.PUBLIC_TYPES[attrs["type"]]}
        missing = {name: [serializers.ErrorDetail("This job needs it.", "required")] for name in wanted - attrs.keys()}
        foreign = {
            name: [serializers.ErrorDetail("This job does not take it.", "unknown_field")]
            for name in attrs.keys() - wanted
        }
        if missing or foreign:
            raise serializers.ValidationError(missing | foreign)
        return attrs

    def arguments(self) -> dict[str, Any]:
        return {name: value for name, value in self.validated_data.items() if name != "type"}


class JobSerializer(serializers.Serializer[dict[str, Any]]):
    """A job. What it gave stands in `result`; `error` is the code of what last went wrong."""

    example = {
        "id": "019aa6b9-40c8-7e11-b2d4-6f0a3c9e8d17",
        "type": "add",
        "state": "SUCCESS",
        "progress": 100,
        "result": {"sum": 8},
        "error": None,
        "created_at": "2026-11-21T09:32:00.000000Z",
        "started_at": "2026-11-21T09:32:00.400000Z",
        "ended_at": "2026-11-21T09:32:00.410000Z",
    }

    id = serializers.UUIDField()
    type = serializers.CharField()
    state = serializers.ChoiceField(choices=JobState.choices)
    progress = serializers.IntegerField(min_value=0, max_value=100, help_text="Per cent.")
    result = serializers.DictField(allow_null=True, help_text="What its type gives.")
    error = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
