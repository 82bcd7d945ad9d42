"""The audit trail on the wire."""

from rest_framework import serializers

from api.models import ActorKind, Channel, Outcome


class AuditEntrySerializer(serializers.Serializer[dict[str, object]]):
    """One event. Of what staff did it is not told from where, and why."""

    example = {
        "id": 4711,
        "at": "2026-11-21T09:45:00.000000Z",
        "action": "org.member_removed",
        "outcome": "success",
        "channel": "api",
        "actor_kind": "user",
        "actor_id": "019aa6b3-1e81-7c22-a0d7-93b5f6e8c014",
        "actor": "ada",
        "on_behalf_of": "",
        "target_kind": "user",
        "target_id": "019aa6b5-0c4d-7f10-8e3a-2b6d9c1f7a55",
        "address": "192.0.2.1",
        "device_id": "019aa6b2-77f0-7b9c-8d11-4e5f6a7b8c9d",
        "request_id": "0f8c1f4e-6f0b-4a57-9d43-2b1f7a9d5c11",
        "changes": {"role": ["member", None]},
        "reason": "",
        "times": 1,
    }

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    action = serializers.CharField()
    outcome = serializers.ChoiceField(choices=Outcome.choices)
    channel = serializers.ChoiceField(choices=Channel.choices)
    actor_kind = serializers.ChoiceField(choices=ActorKind.choices)
    actor_id = serializers.CharField()
    actor = serializers.CharField(allow_null=True, help_text="Username of a person, name of an API key.")
    on_behalf_of = serializers.CharField()
    target_kind = serializers.CharField()
    target_id = serializers.CharField()
    address = serializers.CharField(allow_null=True)
    device_id = serializers.UUIDField(allow_null=True)
    request_id = serializers.CharField()
    changes = serializers.DictField(help_text="Field to what it was and what it became.")
    reason = serializers.CharField()
    times = serializers.IntegerField(help_text="More than one where refusals of a minute are told of together.")
