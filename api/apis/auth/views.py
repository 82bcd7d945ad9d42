"""Accounts and sessions over HTTP."""

import time
from http import HTTPStatus
from typing import ClassVar

from rest_framework.response import Response

from api import throttling
from api.apis.auth import selectors, services
from api.apis.auth.serializers import (
    AddressChangeSerializer,
    AddressSerializer,
    ChangePasswordSerializer,
    KeySetSerializer,
    MagicRequestedSerializer,
    MagicVerifySerializer,
    MailedTokenSerializer,
    PasswordResetSerializer,
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
from api.exceptions import ApiError
from api.permissions import IsDevice, IsPerson, IsPublic
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


_FAILED_GUESSES = (services.InvalidCredentials, services.InvalidOrExpired)


class _AccountView(ApiView):
    """A call by which accounts could be guessed at: counted per device, and per account where one is named; what was
    guessed wrong, per address as well.
    """

    permission_classes = (IsDevice,)
    keeps_answers = False
    is_confidential = True
    is_sensitive = True
    # Whose rate is the device's and the account's.
    scope: ClassVar[str] = "auth_token"

    def limits(self, request: ApiRequest) -> list[Limit]:
        counted = [*super().limits(request), throttling.limit(self.scope, f"d:{request.caller.device_id}")]
        try:
            account = self._account(request)
        except Exception:
            # What cannot be read names no account; it is counted before it is refused.
            throttling.require_allowed(gate.admit(counted, request.claims).decision)
            raise
        return [*counted, throttling.limit("auth_account", f"{self.scope}:{account}", rate_of=self.scope)]

    def _account(self, request: ApiRequest) -> str:
        """Whom the call names: an address, or nobody but the person who calls."""
        body = request.data
        email = body.get("email") if isinstance(body, dict) else None
        if email is None and request.caller.user_id is not None:
            return str(request.caller.user_id)
        return services.account_key(request.caller, str(email or ""))

    def handle_exception(self, error: Exception) -> Response:
        if isinstance(error, _FAILED_GUESSES):
            try:
                throttling.spend_failed_proof(self.request)
            except ApiError as refusal:
                error = refusal
        return super().handle_exception(error)


class RegisterView(ApiView):
    """`POST auth/register/`: a new account, signed in on this device at once; a guest becomes its person."""

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


class GuestView(ApiView):
    """`POST auth/guest/`: somebody without an address, who may become a person later. Repeats answer the same guest."""

    permission_classes = (IsDevice,)
    takes_body = False
    keeps_answers = False
    session_states = _REPEATABLE
    is_confidential = True

    @answers(
        TokenPairSerializer,
        statuses=(HTTPStatus.CREATED,),
        summary="Go on as a guest",
        errors=(services.AlreadySignedIn,),
    )
    def post(self, request: ApiRequest) -> Response:
        return Response(represent_grant(services.open_guest(request.caller)), HTTPStatus.CREATED)


class SignInView(_AccountView):
    """`POST token/pair/`: signs a person in on this device."""

    serves_old_apps = True
    session_states = _REPEATABLE

    @answers(
        TokenPairSerializer,
        takes=SignInSerializer,
        summary="Sign in",
        errors=(services.InvalidCredentials, services.GuestHasData),
    )
    def post(self, request: ApiRequest) -> Response:
        body = SignInSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(represent_grant(services.sign_in(request.caller, **body.validated_data)))


class MagicRequestView(_AccountView):
    """`POST auth/magic/request/`: mails a code to an address, whoever has it."""

    serves_old_apps = True
    is_sensitive = False
    scope = "magic"

    @answers(
        MagicRequestedSerializer,
        takes=AddressSerializer,
        statuses=(HTTPStatus.ACCEPTED,),
        summary="Ask for a sign-in code",
    )
    def post(self, request: ApiRequest) -> Response:
        body = AddressSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        code = services.request_magic_code(request.caller, email=body.validated_data["email"])
        return Response({"debug_token": code} if code else {}, HTTPStatus.ACCEPTED)


class MagicVerifyView(_AccountView):
    """`POST auth/magic/verify/`: signs in whoever has the code, on the device that asked for it."""

    serves_old_apps = True
    session_states = _REPEATABLE
    scope = "magic"

    @answers(
        TokenPairSerializer,
        takes=MagicVerifySerializer,
        summary="Sign in by a code",
        errors=(services.InvalidOrExpired, services.GuestHasData),
    )
    def post(self, request: ApiRequest) -> Response:
        body = MagicVerifySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        grant = services.sign_in_by_code(
            request.caller,
            token=body.validated_data["token"],
            merge_guest=body.validated_data.get("merge_guest"),
        )
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


class SignOutEverywhereView(ApiView):
    """`POST auth/logout-all/`: ends every session of the person. Repeating it, also with an ended token, is fine."""

    takes_body = False
    permission_classes = (IsDevice,)
    keeps_answers = False
    serves_old_apps = True
    is_sensitive = True
    session_states = frozenset(SessionState)

    @answers(None, statuses=(HTTPStatus.NO_CONTENT,), summary="Sign out everywhere")
    def post(self, request: ApiRequest) -> Response:
        services.sign_out_everywhere(request.caller)
        return Response(status=HTTPStatus.NO_CONTENT)


class ChangePasswordView(_AccountView):
    """`POST auth/change-password/`: ends every other session, and answers this one's tokens anew."""

    permission_classes = (IsPerson,)

    @answers(
        TokenPairSerializer,
        takes=ChangePasswordSerializer,
        summary="Change your password",
        errors=(services.InvalidCredentials, services.AccountRequired, services.FreshProofRequired),
    )
    def post(self, request: ApiRequest) -> Response:
        body = ChangePasswordSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        grant = services.change_password(
            request.caller,
            old_password=body.validated_data.get("old_password"),
            new_password=body.validated_data["new_password"],
        )
        return Response(represent_grant(grant))


class PasswordResetRequestView(_AccountView):
    """`POST auth/password-reset/request/`: mails a link, if somebody has the address."""

    is_sensitive = False

    @answers(None, takes=AddressSerializer, statuses=(HTTPStatus.ACCEPTED,), summary="Ask for a new password")
    def post(self, request: ApiRequest) -> Response:
        body = AddressSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.request_password_reset(request.caller, email=body.validated_data["email"])
        return Response(status=HTTPStatus.ACCEPTED)


class PasswordResetConfirmView(_AccountView):
    """`POST auth/password-reset/confirm/`: sets a new password by the link's token; every session ends."""

    @answers(
        None,
        takes=PasswordResetSerializer,
        statuses=(HTTPStatus.NO_CONTENT,),
        summary="Set a new password",
        errors=(services.InvalidOrExpired,),
    )
    def post(self, request: ApiRequest) -> Response:
        body = PasswordResetSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.reset_password(request.caller, **body.validated_data)
        return Response(status=HTTPStatus.NO_CONTENT)


class ConfirmationRequestView(_AccountView):
    """`POST auth/email/confirm/request/`: mails a link that confirms the person's address."""

    permission_classes = (IsPerson,)
    takes_body = False
    is_sensitive = False

    @answers(
        None,
        statuses=(HTTPStatus.ACCEPTED,),
        summary="Ask for a confirmation of your address",
        errors=(services.AccountRequired,),
    )
    def post(self, request: ApiRequest) -> Response:
        services.request_confirmation(request.caller)
        return Response(status=HTTPStatus.ACCEPTED)


class ConfirmationView(_AccountView):
    """`POST auth/email/confirm/`: confirms an address by the link's token."""

    @answers(
        None,
        takes=MailedTokenSerializer,
        statuses=(HTTPStatus.NO_CONTENT,),
        summary="Confirm an address",
        errors=(services.InvalidOrExpired,),
    )
    def post(self, request: ApiRequest) -> Response:
        body = MailedTokenSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.confirm_address(request.caller, token=body.validated_data["token"])
        return Response(status=HTTPStatus.NO_CONTENT)


class AddressView(_AccountView):
    """`PATCH auth/email/`: mails a link to the new address, and a notice to the present one."""

    permission_classes = (IsPerson,)

    def _account(self, request: ApiRequest) -> str:
        return str(request.caller.user_id)

    @answers(
        None,
        takes=AddressChangeSerializer,
        statuses=(HTTPStatus.ACCEPTED,),
        summary="Change your address",
        errors=(
            services.InvalidCredentials,
            services.AccountRequired,
            services.FreshProofRequired,
            services.AddressUnchanged,
        ),
    )
    def patch(self, request: ApiRequest) -> Response:
        body = AddressChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.request_address_change(
            request.caller,
            email=body.validated_data["email"],
            password=body.validated_data.get("current_password"),
        )
        return Response(status=HTTPStatus.ACCEPTED)


class AddressVerifyView(_AccountView):
    """`POST auth/email/verify/`: makes the new address the account's; the other sessions end."""

    @answers(
        None,
        takes=MailedTokenSerializer,
        statuses=(HTTPStatus.NO_CONTENT,),
        summary="Confirm your new address",
        errors=(services.InvalidOrExpired, users.EmailTaken),
    )
    def post(self, request: ApiRequest) -> Response:
        body = MailedTokenSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.change_address(request.caller, token=body.validated_data["token"])
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
