"""Registration on the wire."""

from typing import Any

from rest_framework import serializers

from api import fields
from api.models import Algorithm, AttestationKind, AttestationStatus, Platform, Trust


class PublicKeySerializer(fields.StrictSerializer):
    """A P-256 public key as JWK (RFC 7517)."""

    kty = serializers.ChoiceField(choices=["EC"])
    crv = serializers.ChoiceField(choices=["P-256"])
    x = serializers.CharField(max_length=43, min_length=43)
    y = serializers.CharField(max_length=43, min_length=43)


class EvidenceSerializer(fields.StrictSerializer):
    """Evidence that this is the genuine app, made for a challenge of device/challenge/."""

    example = {
        "kind": "play_integrity",
        "challenge": "1795258800.ZXhhbXBsZS1jaGFsbGVuZw.YW4gZXhhbXBsZSwgbm90IGEgbWFjIG9mIGEgc2VydmU",
        "evidence": "eyJhbGciOiJBMjU2S1ciLCJlbmMiOiJBMjU2R0NNIn0.…",
    }

    kind = serializers.ChoiceField(choices=AttestationKind.choices)
    challenge = fields.TextField(max_length=100)
    evidence = fields.TextField(
        max_length=16_384,
        help_text="base64url of what App Attest makes, or Play Integrity's token as it is.",
    )


class RegistrationSerializer(fields.StrictSerializer):
    """What an installation says of itself. Keep `install_id` and `enrol_key` before the first attempt."""

    example = {
        "install_id": "5f0c7a52-3f0e-4c86-9d8b-6f1c2a7e4b90",
        "enrol_key": "YW4gZXhhbXBsZSwgbm90IGFuIGVucm9sbWVudCBrZXk",
        "platform": "ios",
        "app_version": "2.4.0",
        "build": 240,
        "os_version": "26.1",
        "model": "iPhone 17",
        "name": "Ada's phone",
        "locale": "en-GB",
        "timezone": "Europe/London",
        "region": "GB",
    }

    install_id = fields.UUIDField(help_text="UUIDv4, made once by the installation.")
    enrol_key = fields.Base64UrlField(size_bytes=32, help_text="32 random bytes, base64url; a secret.")
    platform = serializers.ChoiceField(choices=Platform.choices)
    app_version = fields.TextField(max_length=32, required=False, allow_blank=True)
    build = fields.IntegerField(min_value=0, max_value=2_147_483_647, required=False)
    os_version = fields.TextField(max_length=50, required=False, allow_blank=True)
    model = fields.TextField(max_length=100, required=False, allow_blank=True)
    name = fields.TextField(max_length=100, required=False, allow_blank=True)
    locale = fields.LanguageField(required=False, allow_blank=True)
    timezone = fields.TimeZoneField(required=False, allow_blank=True, source="time_zone")
    region = fields.TextField(max_length=8, required=False, allow_blank=True)
    public_key = PublicKeySerializer(required=False)
    key_proof = fields.Base64UrlField(
        size_bytes=64, required=False, help_text="r‖s over `devauth-v1-key|<install_id>|<digest of enrol_key>`."
    )

    attestation = EvidenceSerializer(required=False)

    def details(self) -> dict[str, Any]:
        """What goes into the device's columns as it is."""
        proofs = {"install_id", "enrol_key", "public_key", "key_proof", "attestation"}
        return {name: value for name, value in self.validated_data.items() if name not in proofs}


class RotationSerializer(fields.StrictSerializer):
    """Empty for a device whose key the server derives; with the next public key for one with a hardware key."""

    example = {"attempt": "ZXhhbXBsZS1hdHRlbXB0IQ"}

    public_key = PublicKeySerializer(required=False)
    key_proof = fields.Base64UrlField(size_bytes=64, required=False)
    attempt = fields.Base64UrlField(
        size_bytes=16,
        required=False,
        help_text="16 random bytes, base64url, kept until the answer is stored: who repeats it, gets the same key.",
    )


class DeviceKeySerializer(serializers.Serializer[dict[str, object]]):
    """A device's key. `secret` is answered to HMAC devices only, and stored nowhere on the server."""

    example = {
        "device_id": "019aa6b1-7c00-7d3e-8a41-5c0de9b21f37",
        "key_id": "dev:019aa6b1-7c00-7d3e-8a41-5c0de9b21f37:1",
        "alg": "hmac-sha256",
        "secret": "YW4gZXhhbXBsZSwgbm9ib2R5J3MgZGV2aWNlIGtleSE",
        "trust": "unattested",
        "server_time": 1795258800,
        "token_endpoint": "/api/v1/auth/get-token/",
    }

    device_id = serializers.UUIDField()
    key_id = serializers.CharField(help_text="The complete `keyid` of a signature.")
    alg = serializers.ChoiceField(choices=Algorithm.choices)
    secret = serializers.CharField(required=False, help_text="32 bytes, base64url.")
    trust = serializers.ChoiceField(choices=Trust.choices)
    server_time = serializers.IntegerField(help_text="Seconds since the epoch.")
    token_endpoint = serializers.CharField()


class ChallengeRequestSerializer(fields.StrictSerializer):
    """The installation that is going to attest, registered or not yet."""

    example = {"install_id": "5f0c7a52-3f0e-4c86-9d8b-6f1c2a7e4b90"}

    install_id = fields.UUIDField()


class ChallengeSerializer(serializers.Serializer[dict[str, object]]):
    """A challenge for one attestation of one installation."""

    example = {
        "challenge": "1795258800.ZXhhbXBsZS1jaGFsbGVuZw.YW4gZXhhbXBsZSwgbm90IGEgbWFjIG9mIGEgc2VydmU",
        "expires_in": 120,
        "server_time": 1795258800,
    }

    challenge = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")
    server_time = serializers.IntegerField(help_text="Seconds since the epoch.")


class AttestationSerializer(serializers.Serializer[dict[str, object]]):
    """What came of an attestation. Once it was accepted, the next access token has the trust that it proves."""

    example = {"status": "accepted", "trust": "strong"}

    status = serializers.ChoiceField(choices=AttestationStatus.choices)
    trust = serializers.ChoiceField(choices=Trust.choices, help_text="What this attestation proves.")


class VerifySignatureSerializer(serializers.Serializer[dict[str, object]]):
    """What the server saw and signed over, for the author of a client."""

    example = {
        "signature_base": '"@method": POST\n"@authority": api.example.com\n"@path": /api/v1/device/verify-signature/\n…',
        "holds": True,
    }

    signature_base = serializers.CharField()
    holds = serializers.BooleanField(
        help_text="Whether it is the signature of a device, or an app key, that is known here."
    )
