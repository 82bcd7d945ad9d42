"""Signing in by a provider over HTTP."""

from http import HTTPStatus

from api.apis.auth import services
from api.apis.auth.serializers import (
    SocialNonceSerializer,
    SocialSignInSerializer,
    TokenPairSerializer,
    represent_grant,
)
from api.apis.auth.views.base import REPEATABLE, AccountView
from api.permissions import IsDevice
from api.platform.oidc import ProviderUnavailable
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers
from api.views import ApiView


class SocialNonceView(ApiView):
    """`POST auth/social/<provider>/nonce/`: what the provider has to put into its token, for this device and once."""

    permission_classes = (IsDevice,)
    takes_body = False
    keeps_answers = False
    serves_old_apps = True
    is_confidential = True

    @answers(
        SocialNonceSerializer,
        statuses=(HTTPStatus.CREATED,),
        summary="Get a nonce for a provider's token",
        errors=(services.ProviderUnknown,),
    )
    def post(self, request: ApiRequest, provider: str) -> Response:
        nonce = services.new_social_nonce(request.caller, provider=provider)
        return Response({"nonce": nonce, "expires_in": services.SOCIAL_NONCE_SECONDS}, HTTPStatus.CREATED)


class SocialSignInView(AccountView):
    """`POST auth/social/<provider>/`: signs in whom the provider vouches for, on the device that got the nonce."""

    serves_old_apps = True
    session_states = REPEATABLE

    @answers(
        TokenPairSerializer,
        takes=SocialSignInSerializer,
        summary="Sign in by a provider",
        errors=(
            services.ProviderUnknown,
            ProviderUnavailable,
            services.SocialTokenInvalid,
            services.ProviderEmailMissing,
            services.GuestHasData,
        ),
    )
    def post(self, request: ApiRequest, provider: str) -> Response:
        body = SocialSignInSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        grant = services.sign_in_by_provider(
            request.caller,
            provider=provider,
            id_token=body.validated_data["id_token"],
            nonce=body.validated_data["nonce"],
            merge_guest=body.validated_data.get("merge_guest"),
        )
        return Response(represent_grant(grant))
