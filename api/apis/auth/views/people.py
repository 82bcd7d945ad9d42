"""Signing up, in and out over HTTP."""

from http import HTTPStatus

from api.apis.auth import services
from api.apis.auth.serializers import (
    EmailAddressSerializer,
    MagicRequestedSerializer,
    MagicVerifySerializer,
    RegisterSerializer,
    SignInSerializer,
    TokenPairSerializer,
    represent_grant,
)
from api.apis.auth.views.base import REPEATABLE, AccountView
from api.apis.users import services as users
from api.permissions import IsDevice
from api.platform.revocation import SessionState
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers
from api.views import ApiView


class RegisterView(AccountView):
    """`POST auth/register/`: a new account, signed in on this device at once; a guest becomes its person."""

    serves_old_apps = True
    session_states = REPEATABLE

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
    session_states = REPEATABLE
    is_confidential = True

    @answers(
        TokenPairSerializer,
        statuses=(HTTPStatus.CREATED,),
        summary="Go on as a guest",
        errors=(services.AlreadySignedIn,),
    )
    def post(self, request: ApiRequest) -> Response:
        return Response(represent_grant(services.open_guest(request.caller)), HTTPStatus.CREATED)


class SignInView(AccountView):
    """`POST token/pair/`: signs a person in on this device."""

    serves_old_apps = True
    session_states = REPEATABLE

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


class MagicRequestView(AccountView):
    """`POST auth/magic/request/`: mails a code to an address, whoever has it."""

    serves_old_apps = True
    is_sensitive = False
    scope = "magic"

    @answers(
        MagicRequestedSerializer,
        takes=EmailAddressSerializer,
        statuses=(HTTPStatus.ACCEPTED,),
        summary="Ask for a sign-in code",
    )
    def post(self, request: ApiRequest) -> Response:
        body = EmailAddressSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        code = services.request_magic_code(request.caller, email=body.validated_data["email"])
        return Response({"debug_token": code} if code else {}, HTTPStatus.ACCEPTED)


class MagicVerifyView(AccountView):
    """`POST auth/magic/verify/`: signs in whoever has the code, on the device that asked for it."""

    serves_old_apps = True
    session_states = REPEATABLE
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


class PreRegisterView(AccountView):
    """`POST pre-register/`: the waiting list. Whether an address is on it, or has an account, is not told."""

    serves_old_apps = True
    is_sensitive = False

    @answers(
        None,
        takes=EmailAddressSerializer,
        statuses=(HTTPStatus.ACCEPTED,),
        summary="Join the waiting list",
    )
    def post(self, request: ApiRequest) -> Response:
        body = EmailAddressSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.join_waiting_list(email=body.validated_data["email"])
        return Response(status=HTTPStatus.ACCEPTED)


class SignOutView(ApiView):
    """`POST auth/logout/`: ends this session. Repeating it, also with the ended session's token, is fine."""

    takes_body = False
    permission_classes = (IsDevice,)
    keeps_answers = False
    serves_old_apps = True
    serves_unattested = True
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
    serves_unattested = True
    is_sensitive = True
    session_states = frozenset(SessionState)

    @answers(None, statuses=(HTTPStatus.NO_CONTENT,), summary="Sign out everywhere")
    def post(self, request: ApiRequest) -> Response:
        services.sign_out_everywhere(request.caller)
        return Response(status=HTTPStatus.NO_CONTENT)
