"""Tokens and sign-in on the wire."""

import time
from typing import Any

from django.conf import settings
from rest_framework import serializers

from api import fields
from api.apis.auth.services import TokenGrant
from api.models import Device, Platform, Theme, Trust, User
from api.platform import tokens


class TokenRequestSerializer(fields.StrictSerializer):
    """Which device asks (the one that signed), and what may have changed about it since."""

    device_id = fields.UUIDField()
    app_version = fields.TextField(max_length=32, required=False, allow_blank=True)
    build = fields.IntegerField(min_value=0, max_value=2_147_483_647, required=False)
    os_version = fields.TextField(max_length=50, required=False, allow_blank=True)
    locale = fields.LanguageField(required=False, allow_blank=True)
    timezone = fields.TimeZoneField(required=False, allow_blank=True, source="time_zone")
    name = fields.TextField(max_length=100, required=False, allow_blank=True)


class RefreshSerializer(fields.StrictSerializer):
    """The refresh token, and the attempt that asks: keep it until the answer is stored."""

    refresh = fields.SecretField(max_length=200)
    attempt = fields.Base64UrlField(size_bytes=16, required=False, help_text="16 random bytes, base64url.")


class TokenSerializer(fields.StrictSerializer):
    token = fields.SecretField(max_length=4096)


class TokenStatusSerializer(serializers.Serializer[dict[str, str]]):
    kind = serializers.ChoiceField(choices=["access", "refresh"])


class SigningKeySerializer(serializers.Serializer[dict[str, str]]):
    """A P-256 key as JWK (RFC 7517)."""

    kty = serializers.CharField()
    crv = serializers.CharField()
    x = serializers.CharField()
    y = serializers.CharField()
    kid = serializers.CharField()
    alg = serializers.CharField()
    use = serializers.CharField()


class KeySetSerializer(serializers.Serializer[dict[str, object]]):
    keys = SigningKeySerializer(many=True)


class SignInSerializer(fields.StrictSerializer):
    email = fields.EmailField()
    password = fields.SecretField(max_length=settings.PASSWORD_MAX_LENGTH)


class RegisterSerializer(SignInSerializer):
    """A new account, with whatever of the profile is known."""

    password_confirm = fields.SecretField(max_length=settings.PASSWORD_MAX_LENGTH, required=False)
    username = fields.TextField(max_length=50, required=False)
    first_name = fields.TextField(max_length=100, required=False, allow_blank=True)
    last_name = fields.TextField(max_length=100, required=False, allow_blank=True)
    phone_number = fields.PhoneNumberField(required=False)
    birth_date = fields.BirthDateField(required=False)
    location = fields.TextField(max_length=200, required=False, allow_blank=True)
    about = fields.TextField(max_length=2000, required=False, allow_blank=True, is_multiline=True)
    preferred_language = fields.LanguageField(required=False)
    preferred_theme = serializers.ChoiceField(choices=Theme.choices, required=False)
    time_zone = fields.TimeZoneField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("password_confirm", attrs["password"]) != attrs["password"]:
            raise serializers.ValidationError({"password_confirm": ["The two passwords differ."]}, code="mismatch")
        return attrs

    def profile(self) -> dict[str, Any]:
        secrets = {"email", "password", "password_confirm"}
        return {name: value for name, value in self.validated_data.items() if name not in secrets}


class DeviceSummarySerializer(serializers.Serializer[dict[str, object]]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    platform = serializers.ChoiceField(choices=Platform.choices)
    trust = serializers.ChoiceField(choices=Trust.choices)


class PersonSummarySerializer(serializers.Serializer[dict[str, object]]):
    id = serializers.UUIDField()
    email = serializers.EmailField(allow_null=True)
    username = serializers.CharField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    is_guest = serializers.BooleanField()
    is_email_confirmed = serializers.BooleanField()


class TokenPairSerializer(serializers.Serializer[dict[str, object]]):
    """The tokens of a session. `user` is null while nobody has signed in on it."""

    access = serializers.CharField()
    refresh = serializers.CharField()
    token_type = serializers.ChoiceField(choices=["Bearer"])
    expires_in = serializers.IntegerField(help_text="Seconds that the access token lives.")
    refresh_expires_in = serializers.IntegerField(help_text="Seconds of idleness that the refresh token survives.")
    session_id = serializers.UUIDField()
    server_time = serializers.IntegerField(help_text="Seconds since the epoch.")
    device = DeviceSummarySerializer()
    user = PersonSummarySerializer(allow_null=True)
    rekey = serializers.BooleanField(help_text="Take a new key by device/rotate/.")


class WhoAmISerializer(serializers.Serializer[dict[str, object]]):
    """Who the access token is."""

    device = DeviceSummarySerializer()
    session_id = serializers.UUIDField()
    user = PersonSummarySerializer(allow_null=True)
    is_guest = serializers.BooleanField()
    expires_in = serializers.IntegerField()
    trust = serializers.ChoiceField(choices=Trust.choices)


_PERSON_MEMBERS = ("id", "email", "username", "first_name", "last_name", "is_guest", "is_email_confirmed")


def represent_grant(grant: TokenGrant) -> dict[str, object]:
    session = grant.session
    return {
        "access": tokens.issue_access_token(session),
        "refresh": tokens.issue_refresh_token(session),
        "token_type": "Bearer",
        "expires_in": settings.ACCESS_TOKEN_SECONDS,
        "refresh_expires_in": settings.REFRESH_IDLE_SECONDS,
        "session_id": session.id,
        "server_time": int(time.time()),
        "device": represent_device(session.device),
        "user": represent_person(session.user) if session.user else None,
        "rekey": grant.must_rotate,
    }


def represent_device(device: Device) -> dict[str, object]:
    return {"id": device.id, "name": device.name, "platform": device.platform, "trust": device.trust}


def represent_person(person: User) -> dict[str, object]:
    return {name: getattr(person, name) for name in _PERSON_MEMBERS}
