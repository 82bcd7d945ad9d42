"""People on the wire."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from api import fields
from api.apis.users.selectors import PREFERENCES
from api.models import Theme
from api.requests import ApiRequest


class TopicPreferencesSerializer(serializers.Serializer[dict[str, bool]]):
    updates = serializers.BooleanField()
    tips = serializers.BooleanField()
    payment = serializers.BooleanField()


class NotificationPreferencesSerializer(serializers.Serializer[dict[str, object]]):
    email = TopicPreferencesSerializer()
    push = TopicPreferencesSerializer()


class ProfileSerializer(serializers.Serializer[dict[str, object]]):
    """A person as they see themselves."""

    example = {
        "id": "019aa6b3-1e7f-7a90-8f3b-7be0a1c4d526",
        "email": "ada@example.com",
        "username": "ada",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "phone_number": "+442079460123",
        "birth_date": "1985-12-10",
        "location": "London",
        "about": "",
        "avatar": fields.AvatarSerializer.example,
        "preferred_language": "en-GB",
        "preferred_theme": "system",
        "time_zone": "Europe/London",
        "notification_preferences": {
            "email": {"updates": True, "tips": True, "payment": True},
            "push": {"updates": True, "tips": False, "payment": True},
        },
        "has_finished_onboarding": True,
        "is_email_confirmed": False,
        "is_guest": False,
        "is_staff": False,
        "version": 3,
        "date_joined": "2026-11-21T09:30:00.000000Z",
        "updated_at": "2026-11-21T09:31:07.250000Z",
    }

    id = serializers.UUIDField()
    email = serializers.EmailField(allow_null=True, help_text="Null for a guest.")
    username = serializers.CharField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    phone_number = serializers.CharField(help_text="E.164, or empty.")
    birth_date = serializers.DateField(allow_null=True)
    location = serializers.CharField()
    about = serializers.CharField()
    avatar = fields.AvatarSerializer(allow_null=True)
    preferred_language = serializers.CharField(help_text="BCP 47.")
    preferred_theme = serializers.ChoiceField(choices=Theme.choices)
    time_zone = serializers.CharField(help_text="IANA.")
    notification_preferences = NotificationPreferencesSerializer()
    has_finished_onboarding = serializers.BooleanField()
    is_email_confirmed = serializers.BooleanField()
    is_guest = serializers.BooleanField()
    is_staff = serializers.BooleanField()
    date_joined = serializers.DateTimeField()
    version = serializers.IntegerField(help_text="Moved by every change of the profile; If-Match compares it.")
    updated_at = serializers.DateTimeField()


class ProfileUpdateSerializer(fields.StrictSerializer):
    """What people may change about themselves. Null clears."""

    example = {"first_name": "Ada", "location": "London", "birth_date": None, "has_finished_onboarding": True}

    username = fields.TextField(max_length=50, required=False)
    first_name = fields.ClearableTextField(max_length=100)
    last_name = fields.ClearableTextField(max_length=100)
    phone_number = fields.PhoneNumberField(allow_blank=True, allow_null=True, required=False)
    birth_date = fields.BirthDateField(allow_null=True, required=False)
    location = fields.ClearableTextField(max_length=200)
    about = fields.ClearableTextField(max_length=2000, is_multiline=True)
    preferred_language = fields.LanguageField(required=False)
    preferred_theme = serializers.ChoiceField(choices=Theme.choices, required=False)
    time_zone = fields.TimeZoneField(required=False)
    has_finished_onboarding = fields.BooleanField(required=False)


def represent_profile(request: ApiRequest, profile: Mapping[str, Any]) -> dict[str, Any]:
    """A profile with addresses that are complete, also those of this server's own files."""
    avatar = profile["avatar"]
    if avatar is not None:
        avatar = {size: request.build_absolute_uri(address) for size, address in avatar.items()}
    return {**profile, "avatar": avatar}


class AvatarUploadSerializer(fields.StrictSerializer):
    """A JPEG, PNG, WebP or GIF; its middle square is taken."""

    file = fields.UploadField()


class TopicPreferencesUpdateSerializer(fields.StrictSerializer):
    """What may be sent by one way; what is absent stays."""

    updates = fields.BooleanField(required=False)
    tips = fields.BooleanField(required=False)
    payment = fields.BooleanField(required=False)


class NotificationPreferencesUpdateSerializer(fields.StrictSerializer):
    """What may be sent by which way; what is absent stays."""

    email = TopicPreferencesUpdateSerializer(required=False)
    push = TopicPreferencesUpdateSerializer(required=False)


class PreferencesSerializer(serializers.Serializer[dict[str, object]]):
    """Language, looks, and what a person wants to be told."""

    example = {name: ProfileSerializer.example[name] for name in PREFERENCES}

    notification_preferences = NotificationPreferencesSerializer()
    preferred_language = serializers.CharField(help_text="BCP 47.")
    preferred_theme = serializers.ChoiceField(choices=Theme.choices)
    time_zone = serializers.CharField(help_text="IANA.")
    version = serializers.IntegerField(help_text="That of the profile.")


class PreferencesUpdateSerializer(fields.StrictSerializer):
    """What changes; of the notifications, too, what is left out stays as it is."""

    example = {"notification_preferences": {"push": {"tips": False}}, "preferred_theme": "dark"}

    notification_preferences = NotificationPreferencesUpdateSerializer(required=False)
    preferred_language = fields.LanguageField(required=False)
    preferred_theme = serializers.ChoiceField(choices=Theme.choices, required=False)
    time_zone = fields.TimeZoneField(required=False)


class UsernameSerializer(fields.StrictSerializer):
    username = fields.TextField(max_length=255, help_text="The name that somebody would like.")


class UsernameStateSerializer(serializers.Serializer[dict[str, object]]):
    """Whether a username could be had now, and if not, why."""

    example = {"available": False, "reason": "taken"}

    available = serializers.BooleanField()
    reason = serializers.ChoiceField(choices=["invalid", "reserved", "taken"], allow_null=True)
