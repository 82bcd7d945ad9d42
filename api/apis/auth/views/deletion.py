"""Giving an account up over HTTP."""

from http import HTTPStatus

from django.urls import reverse

from api.apis.auth import services
from api.apis.auth.serializers import DeletionSerializer
from api.apis.auth.views.base import AccountView
from api.apis.orgs import services as orgs
from api.permissions import IsPerson
from api.platform.revocation import SessionState
from api.platform.tokens import TokenRevoked
from api.representations import ErasureSerializer
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers

_REFUSALS = (services.InvalidCredentials, services.FreshProofRequired, orgs.LastOwner, TokenRevoked)


class DeletionView(AccountView):
    """`DELETE auth/delete/`: gives the account up. Its sessions, keys and links end at once, and a job erases the rest.

    `POST` does the same, for clients that send no body with DELETE. The token that this ends is taken here for as long as
    it lives: for the repeat of a lost answer, and to ask how far the erasure has come.
    """

    permission_classes = (IsPerson,)
    serves_old_apps = True
    session_states = frozenset(SessionState)
    answers_location = True

    @answers(ErasureSerializer, summary="How far the erasure of your account has come", errors=(TokenRevoked,))
    def get(self, request: ApiRequest) -> Response:
        return Response(services.own_erasure(request.caller))

    @answers(
        ErasureSerializer,
        takes=DeletionSerializer,
        statuses=(HTTPStatus.ACCEPTED,),
        summary="Delete your account",
        errors=_REFUSALS,
    )
    def delete(self, request: ApiRequest) -> Response:
        return self._delete(request)

    @answers(
        ErasureSerializer,
        takes=DeletionSerializer,
        statuses=(HTTPStatus.ACCEPTED,),
        summary="Delete your account, with POST",
        errors=_REFUSALS,
    )
    def post(self, request: ApiRequest) -> Response:
        return self._delete(request)

    def _delete(self, request: ApiRequest) -> Response:
        body = DeletionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        job = services.delete_account(request.caller, password=body.validated_data.get("password"))
        return Response(job, HTTPStatus.ACCEPTED, headers={"Location": reverse("api:auth:delete")})
