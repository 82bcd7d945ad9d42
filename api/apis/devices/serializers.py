"""Devices on the wire."""

from typing import Any

from rest_framework import serializers

from api import fields
from api.models import EndReason, Platform


class DeviceNameSerializer(fields.StrictSerializer):
    """What its person calls a device."""

    example = {"name": "Ada's tablet"}

    name = fields.TextField(max_length=100, allow_blank=True)


class SignInSerializer(serializers.Serializer[dict[str, Any]]):
    """The person's last sign-in on a device, and its end: when, why and by whom; null while they are signed in."""

    signed_in_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    end_reason = serializers.ChoiceField(choices=EndReason.choices, allow_null=True)
    ended_by = serializers.ChoiceField(choices=["you", "staff", "somebody_else", "server"], allow_null=True)


class OwnDeviceSerializer(serializers.Serializer[dict[str, Any]]):
    """A device on which the person is signed in, or was within thirty days; then as it was at that time."""

    example = {
        "id": "019aa6b1-7c00-7d3e-8a41-5c0de9b21f37",
        "name": "Ada's phone",
        "platform": "ios",
        "model": "iPhone17,1",
        "app_version": "2.5.0",
        "os_version": "26.1",
        "place": None,
        "address": "192.0.2.1",
        "created_at": "2026-11-01T08:00:00.000000Z",
        "last_seen_at": "2026-11-21T09:32:00.000000Z",
        "is_current": True,
        "session": {
            "signed_in_at": "2026-11-01T08:01:00.000000Z",
            "ended_at": None,
            "end_reason": None,
            "ended_by": None,
        },
    }

    id = serializers.UUIDField()
    name = serializers.CharField()
    platform = serializers.ChoiceField(choices=Platform.choices)
    model = serializers.CharField()
    app_version = serializers.CharField()
    os_version = serializers.CharField()
    place = serializers.CharField(allow_null=True, help_text="Where the address is; null where this is not known.")
    address = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField(help_text="When the app registered.")
    last_seen_at = serializers.DateTimeField()
    is_current = serializers.BooleanField(help_text="Whether it is the one that asks.")
    session = SignInSerializer()
