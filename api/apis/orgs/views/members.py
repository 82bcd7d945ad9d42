"""Members of organizations over HTTP."""

from http import HTTPStatus

from api import pagination
from api.apis.orgs import selectors, services
from api.apis.orgs.serializers import (
    MemberRoleSerializer,
    MemberSerializer,
    OrganizationSerializer,
    TransferSerializer,
)
from api.exceptions import Forbidden, NotThere
from api.pagination import ListRules
from api.permissions import IsPerson
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers, lists
from api.views import ApiView

MEMBERS = ListRules(sorts=tuple(selectors.MEMBER_SORTS), default_sort="joined_at", filters={"role": str})

# A group that is not the caller's, or where the role does not do; and what every group is spared.
_NARROWED = (NotThere, Forbidden)
_GUARDED = (*_NARROWED, services.PersonalOrganization, services.LastOwner)


class MemberListView(ApiView):
    permission_classes = (IsPerson,)
    is_list = True

    @lists(MemberSerializer, MEMBERS, summary="Members of an organization", errors=_NARROWED)
    def get(self, request: ApiRequest, org_slug: str) -> Response:
        query = pagination.parse(request, MEMBERS)
        page = selectors.members_of(request.caller, organization=org_slug, filters=query.filters, **query.window)
        return Response(pagination.envelope(page, query, page.rows))


class MemberView(ApiView):
    permission_classes = (IsPerson,)
    is_sensitive = True

    @answers(MemberSerializer, summary="A member of an organization", errors=_NARROWED)
    def get(self, request: ApiRequest, org_slug: str, username: str) -> Response:
        return Response(selectors.member_of(request.caller, organization=org_slug, username=username))

    @answers(
        MemberSerializer,
        takes=MemberRoleSerializer,
        summary="Give a member another role",
        errors=(*_GUARDED, services.PersonNotConfirmed),
    )
    def patch(self, request: ApiRequest, org_slug: str, username: str) -> Response:
        body = MemberRoleSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        member = services.change_role(
            request.caller, organization=org_slug, username=username, role=body.validated_data["role"]
        )
        return Response(member)

    @answers(None, statuses=(HTTPStatus.NO_CONTENT,), summary="Remove a member", errors=_GUARDED)
    def delete(self, request: ApiRequest, org_slug: str, username: str) -> Response:
        services.remove_member(request.caller, organization=org_slug, username=username)
        return Response(status=HTTPStatus.NO_CONTENT)


class LeaveView(ApiView):
    permission_classes = (IsPerson,)
    takes_body = False
    is_sensitive = True

    @answers(
        None,
        statuses=(HTTPStatus.NO_CONTENT,),
        summary="Leave a group",
        errors=(NotThere, services.PersonalOrganization, services.LastOwner),
    )
    def post(self, request: ApiRequest, org_slug: str) -> Response:
        services.leave(request.caller, organization=org_slug)
        return Response(status=HTTPStatus.NO_CONTENT)


class TransferView(ApiView):
    """`POST orgs/<org_slug>/transfer-ownership/`: the owner becomes an admin."""

    permission_classes = (IsPerson,)
    is_sensitive = True

    @answers(
        OrganizationSerializer,
        takes=TransferSerializer,
        summary="Hand a group over to a member",
        errors=(*_NARROWED, services.PersonalOrganization, services.PersonNotConfirmed),
    )
    def post(self, request: ApiRequest, org_slug: str) -> Response:
        body = TransferSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        organization_id = services.transfer_ownership(
            request.caller, organization=org_slug, username=body.validated_data["username"]
        )
        return Response(selectors.stored_organization(request.caller, organization_id))
