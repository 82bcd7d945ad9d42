"""Tokens over HTTP."""

import time

from api import throttling
from api.apis.auth import selectors, services
from api.apis.auth.serializers import (
    KeySetSerializer,
    RefreshSerializer,
    TokenPairSerializer,
    TokenRequestSerializer,
    TokenSerializer,
    TokenStatusSerializer,
    WhoAmISerializer,
    represent_device,
    represent_grant,
    represent_person,
)
from api.permissions import IsDevice, IsPublic
from api.platform import tokens
from api.platform.limits import Limit
from api.platform.signing import SignatureInvalid, Tag
from api.platform.tokens import TokenInvalid, TokenRevoked
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers
from api.views import ApiView, DeviceSignedView


class GetTokenView(DeviceSignedView):
    """`POST auth/get-token/`: the device's present session, or a first one. Repeating it changes nothing."""

    @answers(TokenPairSerializer, takes=TokenRequestSerializer, summary="Get the device's tokens")
    def post(self, request: ApiRequest) -> Response:
        body = TokenRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        details = dict(body.validated_data)
        device_id = details.pop("device_id")
        assert request.signing_device is not None
        if device_id != request.signing_device.id:
            raise SignatureInvalid(Tag.TOKEN, "The body names another device than the signature.")
        return Response(represent_grant(services.device_tokens(request.caller, device_id=device_id, details=details)))


class RefreshTokenView(DeviceSignedView):
    """`POST auth/refresh-token/`: the next refresh token and a fresh access token."""

    def limits(self, request: ApiRequest) -> list[Limit]:
        return [throttling.limit("refresh", f"d:{request.caller.device_id}")]

    @answers(
        TokenPairSerializer,
        takes=RefreshSerializer,
        summary="Refresh a session's tokens",
        errors=(TokenInvalid, TokenRevoked, services.SessionExpired, services.RefreshReuseDetected),
    )
    def post(self, request: ApiRequest) -> Response:
        body = RefreshSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        assert request.signing_device is not None
        grant = services.refresh(
            request.caller,
            device=request.signing_device,
            refresh_token=body.validated_data["refresh"],
            attempt=body.validated_data.get("attempt"),
        )
        return Response(represent_grant(grant))


class VerifyTokenView(ApiView):
    """`POST token/verify/`: whether a token of either kind, of this device, would be taken now."""

    permission_classes = (IsDevice,)
    keeps_answers = False
    serves_old_apps = True
    serves_unattested = True  # it only tells
    is_confidential = True

    @answers(TokenStatusSerializer, takes=TokenSerializer, summary="Check a token", errors=(services.SessionExpired,))
    def post(self, request: ApiRequest) -> Response:
        body = TokenSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        kind = services.require_valid_token(request.caller, token=body.validated_data["token"])
        return Response({"kind": kind})


class CheckView(ApiView):
    """`GET auth/check/`: who the token is."""

    permission_classes = (IsDevice,)

    @answers(WhoAmISerializer, summary="Who is this token?")
    def get(self, request: ApiRequest) -> Response:
        session = selectors.own_session(request.caller)
        assert request.claims is not None
        return Response(
            {
                "device": represent_device(session.device),
                "session_id": session.id,
                "user": represent_person(session.user) if session.user else None,
                "is_guest": request.caller.is_guest,
                "expires_in": max(0, request.claims.expires_at - int(time.time())),
                "trust": request.claims.trust,
            }
        )


class JwksView(ApiView):
    """`GET /.well-known/jwks.json`: the public keys of access tokens."""

    permission_classes = (IsPublic,)
    takes_token = False
    cache_control = "public, max-age=300"

    def limits(self, request: ApiRequest) -> list[Limit]:
        return []  # a constant, which whoever verifies tokens may ask for at any time

    @answers(KeySetSerializer, summary="Public keys of access tokens")
    def get(self, request: ApiRequest) -> Response:
        return Response(tokens.jwks())
