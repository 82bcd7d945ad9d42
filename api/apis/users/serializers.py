"""People on the wire."""

from rest_framework import serializers

from api import fields
from api.models import Theme


class TopicPreferencesSerializer(serializers.Serializer[dict[str, bool]]):
    updates = serializers.BooleanField()
    tips = serializers.BooleanField()
    payment = serializers.BooleanField()


class NotificationPreferencesSerializer(serializers.Serializer[dict[str, object]]):
    email = TopicPreferencesSerializer()
    push = TopicPreferencesSerializer()


class ProfileSerializer(serializers.Serializer[dict[str, object]]):
    """A person as they see themselves."""

    id = serializers.UUIDField()
    email = serializers.EmailField(allow_null=True, help_text="Null for a guest.")
    username = serializers.CharField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    phone_number = serializers.CharField(help_text="E.164, or empty.")
    birth_date = serializers.DateField(allow_null=True)
    location = serializers.CharField()
    about = serializers.CharField()
    avatar = serializers.CharField(allow_null=True)
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
