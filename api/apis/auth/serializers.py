"""Tokens and sign-in on the wire."""

import time
from typing import Any, ClassVar

from django.conf import settings
from rest_framework import serializers

from api import fields
from api.apis.auth.services import TokenGrant
from api.models import Device, Platform, Theme, Trust, User
from api.platform import tokens
from api.platform.oidc import TOKEN_MAX_CHARS

_REFRESH_TOKEN = "rt1.019aa6b3-1e80-7b1f-9c55-2f4d8e6a0b13.1.an-example-not-a-mac"  # noqa: S105 -- an example


class TokenRequestSerializer(fields.StrictSerializer):
    """Which device asks (the one that signed), and what may have changed about it since."""

    example = {"device_id": "019aa6b1-7c00-7d3e-8a41-5c0de9b21f37", "app_version": "2.5.0", "build": 250}

    device_id = fields.UUIDField()
    app_version = fields.TextField(max_length=32, required=False, allow_blank=True)
    build = fields.IntegerField(min_value=0, max_value=2_147_483_647, required=False)
    os_version = fields.TextField(max_length=50, required=False, allow_blank=True)
    locale = fields.LanguageField(required=False, allow_blank=True)
    timezone = fields.TimeZoneField(required=False, allow_blank=True, source="time_zone")
    name = fields.TextField(max_length=100, required=False, allow_blank=True)


class RefreshSerializer(fields.StrictSerializer):
    """The refresh token, and the attempt that asks: keep it until the answer is stored."""

    example = {"refresh": _REFRESH_TOKEN, "attempt": "ZXhhbXBsZS1hdHRlbXB0IQ"}

    refresh = fields.SecretField(max_length=200)
    attempt = fields.Base64UrlField(size_bytes=16, required=False, help_text="16 random bytes, base64url.")


class TokenSerializer(fields.StrictSerializer):
    """An access or a refresh token."""

    example = {"token": _REFRESH_TOKEN}

    token = fields.SecretField(max_length=4096)


class TokenStatusSerializer(serializers.Serializer[dict[str, str]]):
    example = {"kind": "refresh"}

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
    example = {
        "keys": [
            {
                "kty": "EC",
                "crv": "P-256",
                "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
                "kid": "Nd3v0Pq8Jm2c5R1x",
                "alg": "ES256",
                "use": "sig",
            }
        ]
    }

    keys = SigningKeySerializer(many=True)


_MERGE_HELP = "Where a guest with data is signed in: true keeps the data in the account, false erases it."
_WITHOUT_PASSWORD = "Absent for people without a password, who have signed in within ten minutes."  # noqa: S105 -- a help text


class EmailAddressSerializer(fields.StrictSerializer):
    """An address, whoever has it."""

    example = {"email": "ada@example.com"}

    email = fields.EmailField()


class CredentialsSerializer(EmailAddressSerializer):
    """What somebody proves themselves by."""

    example = {"email": "ada@example.com", "password": "an example, never a password"}

    password = fields.SecretField(max_length=settings.PASSWORD_MAX_LENGTH)


class SignInSerializer(CredentialsSerializer):
    merge_guest = fields.BooleanField(required=False, help_text=_MERGE_HELP)


class MagicRequestedSerializer(serializers.Serializer[dict[str, str]]):
    """Nothing: what is mailed is not told."""

    example: ClassVar[dict[str, object]] = {}

    debug_token = serializers.CharField(required=False, help_text="The code; on servers for development only.")


class MagicVerifySerializer(fields.StrictSerializer):
    """A mailed code."""

    example = {"token": "01234567"}

    token = fields.SecretField(max_length=64, help_text="The eight digits, or what the mail's link carries.")
    merge_guest = fields.BooleanField(required=False, help_text=_MERGE_HELP)


class SocialNonceSerializer(serializers.Serializer[dict[str, object]]):
    """What the provider puts into its token."""

    example = {"nonce": "1795258800.AAAAAAAAAAAAAAAAAAAAAA.an-example-not-a-mac", "expires_in": 900}

    nonce = serializers.CharField(help_text="Good once, on this device, for this provider.")
    expires_in = serializers.IntegerField(help_text="Seconds that it is good.")


class SocialSignInSerializer(fields.StrictSerializer):
    """What the provider says, and the nonce that it was said for."""

    example = {
        "id_token": "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.an-example.not-a-token",
        "nonce": SocialNonceSerializer.example["nonce"],
    }

    id_token = fields.SecretField(max_length=TOKEN_MAX_CHARS)
    nonce = fields.SecretField(
        max_length=128, help_text="As it was answered, also where the token holds its SHA-256 in hexadecimal."
    )
    merge_guest = fields.BooleanField(required=False, help_text=_MERGE_HELP)


class MailedTokenSerializer(fields.StrictSerializer):
    """A mailed link."""

    example = {"token": "AZqKl2t7cBGPz0uYqF1cVw2n8mJx5Qd3RkHs6TgLoEw"}

    token = fields.SecretField(max_length=64, help_text="What the mail's link carries.")


class PasswordResetSerializer(MailedTokenSerializer):
    """A mailed link, and what it is to set."""

    example = {**MailedTokenSerializer.example, "new_password": "an example, never a password"}

    new_password = fields.SecretField(max_length=settings.PASSWORD_MAX_LENGTH)


class ChangePasswordSerializer(fields.StrictSerializer):
    """The password that is, and the one that is to be."""

    example = {"old_password": "an example, never a password", "new_password": "another example, no password"}

    old_password = fields.SecretField(
        max_length=settings.PASSWORD_MAX_LENGTH, required=False, help_text=_WITHOUT_PASSWORD
    )
    new_password = fields.SecretField(max_length=settings.PASSWORD_MAX_LENGTH)


class DeletionSerializer(fields.StrictSerializer):
    """Proof of who gives the account up; guests need none."""

    example = {"password": "an example, never a password"}

    password = fields.SecretField(max_length=settings.PASSWORD_MAX_LENGTH, required=False, help_text=_WITHOUT_PASSWORD)


class AddressChangeSerializer(EmailAddressSerializer):
    """The address that is to be, and proof of who wants it."""

    example = {"email": "ada@example.org", "current_password": "an example, never a password"}

    current_password = fields.SecretField(
        max_length=settings.PASSWORD_MAX_LENGTH, required=False, help_text=_WITHOUT_PASSWORD
    )


class RegisterSerializer(CredentialsSerializer):
    """A new account, with whatever of the profile is known."""

    example = {
        **CredentialsSerializer.example,
        "first_name": "Ada",
        "last_name": "Lovelace",
        "preferred_language": "en-GB",
        "time_zone": "Europe/London",
    }

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
    example = {
        "id": "019aa6b1-7c00-7d3e-8a41-5c0de9b21f37",
        "name": "Ada's phone",
        "platform": "ios",
        "trust": "unattested",
    }

    id = serializers.UUIDField()
    name = serializers.CharField()
    platform = serializers.ChoiceField(choices=Platform.choices)
    trust = serializers.ChoiceField(choices=Trust.choices)


class PersonSummarySerializer(serializers.Serializer[dict[str, object]]):
    example = {
        "id": "019aa6b3-1e7f-7a90-8f3b-7be0a1c4d526",
        "email": "ada@example.com",
        "username": "ada",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "is_guest": False,
        "is_email_confirmed": False,
    }

    id = serializers.UUIDField()
    email = serializers.EmailField(allow_null=True)
    username = serializers.CharField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    is_guest = serializers.BooleanField()
    is_email_confirmed = serializers.BooleanField()


class TokenPairSerializer(serializers.Serializer[dict[str, object]]):
    """The tokens of a session. `user` is null while nobody has signed in on it."""

    example = {
        "access": "eyJhbGciOiJFUzI1NiJ9.an-example.not-a-token",
        "refresh": _REFRESH_TOKEN,
        "token_type": "Bearer",
        "expires_in": 900,
        "refresh_expires_in": 2592000,
        "session_id": "019aa6b3-1e80-7b1f-9c55-2f4d8e6a0b13",
        "server_time": 1795258800,
        "device": DeviceSummarySerializer.example,
        "user": PersonSummarySerializer.example,
        "rekey": False,
    }

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

    example = {
        "device": DeviceSummarySerializer.example,
        "session_id": "019aa6b3-1e80-7b1f-9c55-2f4d8e6a0b13",
        "user": PersonSummarySerializer.example,
        "is_guest": False,
        "expires_in": 712,
        "trust": "unattested",
    }

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
