"""Invitations over HTTP: of a group, and of the person who is invited."""

from http import HTTPStatus

from api import pagination
from api.apis.orgs import selectors, services
from api.apis.orgs.serializers import (
    InvitationChoiceSerializer,
    InvitationCreateSerializer,
    InvitationSerializer,
    OrganizationSerializer,
)
from api.exceptions import AccountRequired, Forbidden, NotThere
from api.pagination import ListRules
from api.permissions import IsPerson
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers, lists
from api.views import ApiView

INVITATIONS = ListRules(sorts=tuple(selectors.INVITATION_SORTS), default_sort="-created_at")

_NARROWED = (NotThere, Forbidden)
_MINE = (NotThere, AccountRequired, services.AddressNotConfirmed)


class GroupInvitationListView(ApiView):
    """`orgs/<org_slug>/invitations/`: for those who manage them."""

    permission_classes = (IsPerson,)
    is_list = True
    is_sensitive = True

    @lists(InvitationSerializer, INVITATIONS, summary="Pending invitations to a group", errors=_NARROWED)
    def get(self, request: ApiRequest, org_slug: str) -> Response:
        query = pagination.parse(request, INVITATIONS)
        page = selectors.invitations_to(request.caller, organization=org_slug, **query.window)
        return Response(pagination.envelope(page, query, page.rows))

    @answers(
        InvitationSerializer,
        takes=InvitationCreateSerializer,
        statuses=(HTTPStatus.CREATED, HTTPStatus.OK),
        summary="Invite an address, or send its invitation again",
        errors=(*_NARROWED, services.PersonalOrganization, services.AlreadyMember, services.TooManyInvitations),
    )
    def post(self, request: ApiRequest, org_slug: str) -> Response:
        body = InvitationCreateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        invitation_id, is_new = services.invite(request.caller, organization=org_slug, **body.validated_data)
        status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
        return Response(selectors.stored_invitation(invitation_id), status)


class GroupInvitationView(ApiView):
    permission_classes = (IsPerson,)
    is_sensitive = True

    @answers(None, statuses=(HTTPStatus.NO_CONTENT,), summary="Take an invitation back", errors=_NARROWED)
    def delete(self, request: ApiRequest, org_slug: str, invitation_id: str) -> Response:
        services.revoke_invitation(request.caller, organization=org_slug, invitation=invitation_id)
        return Response(status=HTTPStatus.NO_CONTENT)


class ResendView(ApiView):
    permission_classes = (IsPerson,)
    takes_body = False
    is_sensitive = True

    @answers(InvitationSerializer, summary="Send an invitation again", errors=_NARROWED)
    def post(self, request: ApiRequest, org_slug: str, invitation_id: str) -> Response:
        sent = services.resend_invitation(request.caller, organization=org_slug, invitation=invitation_id)
        return Response(selectors.stored_invitation(sent))


class InvitationListView(ApiView):
    """`invitations/`: those that the person can accept."""

    permission_classes = (IsPerson,)
    is_list = True

    @lists(InvitationSerializer, INVITATIONS, summary="Your invitations")
    def get(self, request: ApiRequest) -> Response:
        query = pagination.parse(request, INVITATIONS)
        page = selectors.invitations_of(request.caller, **query.window)
        return Response(pagination.envelope(page, query, page.rows))


class AcceptView(ApiView):
    permission_classes = (IsPerson,)
    is_sensitive = True

    @answers(
        OrganizationSerializer,
        takes=InvitationChoiceSerializer,
        summary="Join a group",
        errors=(*_MINE, services.TooManyOrganizations),
    )
    def post(self, request: ApiRequest) -> Response:
        body = InvitationChoiceSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        organization_id = services.accept_invitation(request.caller, **body.choice())
        return Response(selectors.stored_organization(request.caller, organization_id))


class DeclineView(ApiView):
    permission_classes = (IsPerson,)
    is_sensitive = True

    @answers(
        None,
        takes=InvitationChoiceSerializer,
        statuses=(HTTPStatus.NO_CONTENT,),
        summary="Turn an invitation down",
        errors=_MINE,
    )
    def post(self, request: ApiRequest) -> Response:
        body = InvitationChoiceSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.decline_invitation(request.caller, **body.choice())
        return Response(status=HTTPStatus.NO_CONTENT)
