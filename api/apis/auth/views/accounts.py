"""Passwords and addresses over HTTP."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect

from api.apis.auth import services
from api.apis.auth.serializers import (
    AddressChangeSerializer,
    ChangePasswordSerializer,
    EmailAddressSerializer,
    MailedTokenSerializer,
    PasswordResetSerializer,
    TokenPairSerializer,
    represent_grant,
)
from api.apis.auth.views.base import AccountView
from api.apis.users import services as users
from api.exceptions import AccountRequired, InvalidInput
from api.permissions import IsPerson
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers


class ChangePasswordView(AccountView):
    """`POST auth/change-password/`: ends every other session, and answers this one's tokens anew."""

    permission_classes = (IsPerson,)

    @answers(
        TokenPairSerializer,
        takes=ChangePasswordSerializer,
        summary="Change your password",
        errors=(services.InvalidCredentials, AccountRequired, services.FreshProofRequired),
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


class PasswordResetRequestView(AccountView):
    """`POST auth/password-reset/request/`: mails a link, if somebody has the address."""

    is_sensitive = False

    @answers(None, takes=EmailAddressSerializer, statuses=(HTTPStatus.ACCEPTED,), summary="Ask for a new password")
    def post(self, request: ApiRequest) -> Response:
        body = EmailAddressSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.request_password_reset(request.caller, email=body.validated_data["email"])
        return Response(status=HTTPStatus.ACCEPTED)


class PasswordResetConfirmView(AccountView):
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


class ConfirmationRequestView(AccountView):
    """`POST auth/email/confirm/request/`: mails a link that confirms the person's address."""

    permission_classes = (IsPerson,)
    takes_body = False
    is_sensitive = False

    @answers(
        None,
        statuses=(HTTPStatus.ACCEPTED,),
        summary="Ask for a confirmation of your address",
        errors=(AccountRequired,),
    )
    def post(self, request: ApiRequest) -> Response:
        services.request_confirmation(request.caller)
        return Response(status=HTTPStatus.ACCEPTED)


class ConfirmationView(AccountView):
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


class AddressView(AccountView):
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
            AccountRequired,
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


class AddressVerifyView(AccountView):
    """`POST auth/email/verify/`: makes the new address the account's; the other sessions end. A device may also follow the
    link by GET; a browser, which has no device, is led to the page that asks first: scanners of mail follow links too.
    """

    http_method_names = ["get", "post", "options"]  # HEAD would change what GET does
    safe_methods = frozenset({"OPTIONS"})
    parameters = frozenset({"token"})

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        is_browser = "text/html" in request.headers.get("Accept", "") and "Authorization" not in request.headers
        if request.method == "GET" and is_browser:
            address = services.change_page(request.GET.get("token", ""))
            return HttpResponseRedirect(
                address, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
            )
        return super().dispatch(request, *args, **kwargs)

    @answers(
        None,
        asks=MailedTokenSerializer,
        statuses=(HTTPStatus.NO_CONTENT,),
        summary="Confirm your new address by its link",
        errors=(services.InvalidOrExpired, users.EmailTaken, InvalidInput),
    )
    def get(self, request: ApiRequest) -> Response:
        query = MailedTokenSerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        services.change_address(request.caller, token=query.validated_data["token"])
        return Response(status=HTTPStatus.NO_CONTENT)

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
