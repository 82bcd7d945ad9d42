"""Registration over HTTP: signed by an app key before there is a device, by the device's key afterwards."""

import time
from http import HTTPStatus
from typing import ClassVar

from django.conf import settings
from django.urls import reverse

from api import throttling
from api.apis.onboarding import services
from api.apis.onboarding.serializers import (
    AttestationSerializer,
    ChallengeRequestSerializer,
    ChallengeSerializer,
    DeviceKeySerializer,
    EvidenceSerializer,
    RegistrationSerializer,
    RotationSerializer,
    VerifySignatureSerializer,
)
from api.apis.onboarding.services import DeviceKey
from api.exceptions import NotThere
from api.permissions import IsDevice, IsPublic
from api.platform import device_keys, signing
from api.platform.attestation import ChallengeInvalid
from api.platform.device_keys import AppBuildBlocked, DeviceRevoked
from api.platform.keys import b64url
from api.platform.limits import Limit
from api.platform.signing import Tag
from api.requests import ApiRequest, signed_target
from api.responses import Response
from api.schema import answers
from api.views import ApiView, DeviceSignedView


def represent(key: DeviceKey) -> dict[str, object]:
    secret = {"secret": b64url(key.secret)} if key.secret is not None else {}
    return {
        "device_id": key.device.id,
        "key_id": key.key_id,
        "alg": key.algorithm,
        **secret,
        "trust": key.device.trust,
        "server_time": int(time.time()),
        "token_endpoint": reverse("api:auth:get-token"),
    }


class AppSignedView(ApiView):
    """Signed by the app key, which has its own quota for each purpose, as the address has."""

    permission_classes = (IsPublic,)
    keeps_answers = False
    serves_old_apps = True
    signature_tag = Tag.REGISTER
    signature_is_required = True
    takes_token = False
    is_confidential = True

    purpose: ClassVar[str]

    def limits(self, request: ApiRequest) -> list[Limit]:
        app_key = request.signing_app_key
        assert app_key is not None
        counted = f"limit:app_key:{self.purpose}:{app_key.key_id}"
        quota = Limit("app_key", counted, app_key.registrations_per_minute, 60)
        return [throttling.address_limit(request, self.purpose), quota]


class RegisterView(AppSignedView):
    """`POST device/register/`, signed by the app key. Repeat it until the answer has arrived."""

    purpose = "registrations"

    @answers(
        DeviceKeySerializer,
        takes=RegistrationSerializer,
        statuses=(HTTPStatus.CREATED, HTTPStatus.OK),
        summary="Register this installation",
        errors=(AppBuildBlocked, services.InstallConflict, services.DeviceAlreadyActive, DeviceRevoked),
    )
    def post(self, request: ApiRequest) -> Response:
        body = RegistrationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        assert request.signing_app_key is not None
        key, is_new = services.register_device(
            request.caller,
            app_key=request.signing_app_key,
            install_id=body.validated_data["install_id"],
            enrol_key=body.validated_data["enrol_key"],
            public_key=body.validated_data.get("public_key"),
            key_proof=body.validated_data.get("key_proof"),
            details=body.details(),
            evidence=body.validated_data.get("attestation"),
        )
        return Response(represent(key), HTTPStatus.CREATED if is_new else HTTPStatus.OK)


class ChallengeView(AppSignedView):
    """`POST device/challenge/`, signed by the app key: what evidence has to be made for. Nothing is stored."""

    purpose = "challenges"

    @answers(ChallengeSerializer, takes=ChallengeRequestSerializer, summary="Get a challenge", errors=(NotThere,))
    def post(self, request: ApiRequest) -> Response:
        body = ChallengeRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        challenge = services.new_challenge(install_id=body.validated_data["install_id"])
        expires_in = settings.ATTESTATION_CHALLENGE_SECONDS
        return Response({"challenge": challenge, "expires_in": expires_in, "server_time": int(time.time())})


class AttestView(ApiView):
    """`POST device/attest/`: evidence about the device, judged in the background. Repeat it to see what came of it."""

    permission_classes = (IsDevice,)
    keeps_answers = False
    serves_old_apps = True
    serves_unattested = True
    is_sensitive = True

    @answers(
        AttestationSerializer,
        takes=EvidenceSerializer,
        statuses=(HTTPStatus.ACCEPTED, HTTPStatus.OK),
        summary="Attest this device",
        errors=(NotThere, ChallengeInvalid),
    )
    def post(self, request: ApiRequest) -> Response:
        body = EvidenceSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        found = services.attest_device(request.caller, **body.validated_data)
        status = HTTPStatus.ACCEPTED if found.is_pending else HTTPStatus.OK
        return Response({"status": found.status, "trust": found.trust}, status)


class RotateView(DeviceSignedView):
    """`POST device/rotate/`: the next key. The present one lives until the next is first used."""

    @answers(DeviceKeySerializer, takes=RotationSerializer, summary="Take the next key")
    def post(self, request: ApiRequest) -> Response:
        body = RotationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        assert request.signing_device is not None
        key = services.rotate_key(
            request.caller,
            device=request.signing_device,
            public_key=body.validated_data.get("public_key"),
            key_proof=body.validated_data.get("key_proof"),
            attempt=body.validated_data.get("attempt"),
        )
        return Response(represent(key))


class RevokeView(DeviceSignedView):
    """`POST device/revoke/`: the device says goodbye. A repeat meets `device_revoked`, which means done."""

    takes_body = False

    @answers(None, statuses=(HTTPStatus.NO_CONTENT,), summary="Revoke this device", errors=(NotThere,))
    def post(self, request: ApiRequest) -> Response:
        assert request.signing_device is not None
        services.revoke_device(request.caller, device_id=request.signing_device.id)
        return Response(status=HTTPStatus.NO_CONTENT)


class VerifySignatureView(ApiView):
    """`POST device/verify-signature/`: tells the author of a client what the server saw, whatever the signature is for. Not in
    production.

    Nothing is proved here and no nonce is used up: the answer says whether the signature would hold.
    """

    permission_classes = (IsPublic,)
    keeps_answers = False
    serves_old_apps = True
    signature_tag = Tag.TOKEN
    verifies_signature = False
    takes_token = False

    @answers(
        VerifySignatureSerializer,
        summary="Show the signature base that the server saw",
        errors=(
            NotThere,
            signing.SignatureMissing,
            signing.SignatureMalformed,
            signing.SignatureInsufficientCoverage,
        ),
    )
    def post(self, request: ApiRequest) -> Response:
        if settings.ENVIRONMENT == "production":
            raise NotThere
        names = ("SIGNATURE_INPUT", "SIGNATURE", "CONTENT_DIGEST")
        headers = {name: request.META.get(f"HTTP_{name}", "") for name in names}
        target = signed_target(request._request)
        signature = signing.parse(
            headers["SIGNATURE_INPUT"],
            headers["SIGNATURE"],
            headers["CONTENT_DIGEST"],
            tag=signing.tag_of(headers["SIGNATURE_INPUT"]),
            has_body=target.has_body,
        )
        base = signing.signature_base(signature.params, signature.content_digest, target)
        return Response({"signature_base": base.decode(), "holds": device_keys.holds(signature, base)})
