"""Organizations over HTTP."""

from rest_framework.response import Response

from api import pagination
from api.apis.orgs import selectors
from api.apis.orgs.serializers import OrganizationSerializer
from api.exceptions import Forbidden, NotThere
from api.pagination import ListRules
from api.permissions import IsPerson
from api.requests import ApiRequest
from api.schema import answers, lists
from api.views import ApiView

ORGANIZATIONS = ListRules(sorts=tuple(selectors.SORTS), default_sort="created_at")


class OrganizationListView(ApiView):
    permission_classes = (IsPerson,)
    representation = OrganizationSerializer
    is_list = True

    @lists(OrganizationSerializer, ORGANIZATIONS, summary="Your organizations")
    def get(self, request: ApiRequest) -> Response:
        query = pagination.parse(request, ORGANIZATIONS)
        page = selectors.organizations_of(
            request.caller, sort=query.sort, cursor=query.cursor, limit=query.limit, wants_total=query.wants_total
        )
        return Response(pagination.envelope(page, query, page.rows))


class OrganizationView(ApiView):
    permission_classes = (IsPerson,)
    representation = OrganizationSerializer

    @answers(OrganizationSerializer, summary="One of your organizations", errors=(NotThere, Forbidden))
    def get(self, request: ApiRequest, org_slug: str) -> Response:
        return Response(selectors.organization_of(request.caller, org_slug))
