"""Sessions over HTTP."""

import time
from http import HTTPStatus

from rest_framework.response import Response

from api import throttling
from api.apis.auth import selectors, services
from api.apis.auth.serializers import (
    KeySetSerializer,
    RefreshSerializer,
    RegisterSerializer,
    SignInSerializer,
    TokenPairSerializer,
    TokenRequestSerializer,
    TokenSerializer,
    TokenStatusSerializer,
    WhoAmISerializer,
    represent_device,
    represent_grant,
    represent_person,
)
from api.apis.users import services as users
from api.permissions import IsDevice, IsPublic
from api.platform import gate, tokens
from api.platform.limits import Limit
from api.platform.revocation import SessionState
from api.platform.signing import SignatureInvalid, Tag
from api.platform.tokens import TokenInvalid, TokenRevoked
from api.requests import ApiRequest
from api.schema import answers
from api.views import ApiView, DeviceSignedView

_REPEATABLE = frozenset({SessionState.LIVE, SessionState.SUPERSEDED})


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


class RegisterView(ApiView):
    """`POST auth/register/`: a new account, signed in on this device at once."""

    permission_classes = (IsDevice,)
    keeps_answers = False
    serves_old_apps = True
    session_states = _REPEATABLE
    is_confidential = True
    is_sensitive = True

    @answers(
        TokenPairSerializer,
        takes=RegisterSerializer,
        statuses=(HTTPStatus.CREATED,),
        summary="Sign up",
        errors=(services.RegistrationClosed, services.AlreadySignedIn, users.EmailTaken, users.UsernameTaken),
    )
    def post(self, request: ApiRequest) -> Response:
        body = RegisterSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        grant = services.register(
            request.caller,
            email=body.validated_data["email"],
            password=body.validated_data["password"],
            profile=body.profile(),
        )
        return Response(represent_grant(grant), HTTPStatus.CREATED)


class SignInView(ApiView):
    """`POST token/pair/`: signs a person in on this device."""

    permission_classes = (IsDevice,)
    keeps_answers = False
    serves_old_apps = True
    session_states = _REPEATABLE
    is_confidential = True
    is_sensitive = True

    def limits(self, request: ApiRequest) -> list[Limit]:
        counted = [*super().limits(request), throttling.limit("auth_token", f"d:{request.caller.device_id}")]
        try:
            body = request.data
        except Exception:
            # What cannot be read names no account; it is counted before it is refused.
            throttling.require_allowed(gate.admit(counted, request.claims).decision)
            raise
        email = body.get("email", "") if isinstance(body, dict) else ""
        account = services.account_key(request.caller, str(email))
        return [*counted, throttling.limit("auth_account", account, rate_of="auth_token")]

    @answers(TokenPairSerializer, takes=SignInSerializer, summary="Sign in", errors=(services.InvalidCredentials,))
    def post(self, request: ApiRequest) -> Response:
        body = SignInSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            grant = services.sign_in(request.caller, **body.validated_data)
        except services.InvalidCredentials:
            throttling.spend_failed_proof(request)
            raise
        return Response(represent_grant(grant))


class SignOutView(ApiView):
    """`POST auth/logout/`: ends this session. Repeating it, also with the ended session's token, is fine."""

    takes_body = False
    permission_classes = (IsDevice,)
    keeps_answers = False
    serves_old_apps = True
    session_states = frozenset(SessionState)

    @answers(None, statuses=(HTTPStatus.NO_CONTENT,), summary="Sign out")
    def post(self, request: ApiRequest) -> Response:
        services.sign_out(request.caller)
        return Response(status=HTTPStatus.NO_CONTENT)


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
