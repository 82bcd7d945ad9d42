"""Organizations over HTTP."""

from http import HTTPStatus

from django.urls import reverse

from api import conditions, pagination
from api.apis.orgs import selectors, services
from api.apis.orgs.serializers import (
    OrganizationDeletionSerializer,
    OrganizationNameSerializer,
    OrganizationSerializer,
)
from api.exceptions import AccountRequired, Forbidden, NotThere
from api.pagination import ListRules
from api.permissions import IsPerson
from api.platform.versions import VersionConflict
from api.representations import ErasureSerializer
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers, lists
from api.views import ApiView

ORGANIZATIONS = ListRules(sorts=tuple(selectors.SORTS), default_sort="created_at")


class OrganizationListView(ApiView):
    permission_classes = (IsPerson,)
    is_list = True

    @lists(OrganizationSerializer, ORGANIZATIONS, summary="Your organizations")
    def get(self, request: ApiRequest) -> Response:
        query = pagination.parse(request, ORGANIZATIONS)
        page = selectors.organizations_of(request.caller, **query.window)
        return Response(pagination.envelope(page, query, page.rows))

    @answers(
        OrganizationSerializer,
        takes=OrganizationNameSerializer,
        statuses=(HTTPStatus.CREATED,),
        summary="Make a group",
        errors=(AccountRequired, services.TooManyOrganizations),
    )
    def post(self, request: ApiRequest) -> Response:
        body = OrganizationNameSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        organization_id = services.create_group(request.caller, name=body.validated_data["name"])
        return Response(selectors.stored_organization(request.caller, organization_id), HTTPStatus.CREATED)


class OrganizationView(ApiView):
    answers_location = True
    permission_classes = (IsPerson,)
    is_sensitive = True

    @answers(OrganizationSerializer, summary="One of your organizations", errors=(NotThere, Forbidden))
    def get(self, request: ApiRequest, org_slug: str) -> Response:
        return Response(selectors.organization_of(request.caller, org_slug))

    @answers(
        OrganizationSerializer,
        takes=OrganizationNameSerializer,
        summary="Rename an organization",
        errors=(NotThere, Forbidden, VersionConflict),
    )
    def patch(self, request: ApiRequest, org_slug: str) -> Response:
        body = OrganizationNameSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        organization_id = services.rename_organization(
            request.caller,
            organization=org_slug,
            name=body.validated_data["name"],
            expected=conditions.expected_versions(request),
        )
        return Response(selectors.stored_organization(request.caller, organization_id))

    @answers(
        ErasureSerializer,
        takes=OrganizationDeletionSerializer,
        statuses=(HTTPStatus.ACCEPTED,),
        summary="Delete a group with everything in it",
        errors=(NotThere, Forbidden, services.PersonalOrganization, VersionConflict),
    )
    def delete(self, request: ApiRequest, org_slug: str) -> Response:
        return _delete(request, org_slug)


class OrganizationDeletionView(ApiView):
    """`POST orgs/<org_slug>/delete/`: for clients that send no body with DELETE."""

    permission_classes = (IsPerson,)
    answers_location = True
    is_sensitive = True

    @answers(
        ErasureSerializer,
        takes=OrganizationDeletionSerializer,
        statuses=(HTTPStatus.ACCEPTED,),
        summary="Delete a group with everything in it",
        errors=(NotThere, Forbidden, services.PersonalOrganization, VersionConflict),
    )
    def post(self, request: ApiRequest, org_slug: str) -> Response:
        return _delete(request, org_slug)


def _delete(request: ApiRequest, org_slug: str) -> Response:
    body = OrganizationDeletionSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    job = services.delete_organization(
        request.caller,
        organization=org_slug,
        name=body.validated_data["name"],
        expected=conditions.expected_versions(request),
    )
    return Response(job, HTTPStatus.ACCEPTED, headers={"Location": reverse("api:jobs:detail", args=[job["id"]])})
