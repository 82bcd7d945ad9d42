"""One contact, and the list of them, over HTTP."""

from http import HTTPStatus

from django.http import HttpResponse

from api import conditions, pagination
from api.apis.contacts import selectors, services
from api.apis.contacts.serializers.contacts import (
    CONTACT_FILTERS,
    ContactCreateSerializer,
    ContactReplaceSerializer,
    ContactSerializer,
    ContactUpdateSerializer,
    represent_contact,
)
from api.exceptions import Forbidden, IdConflict, NotThere
from api.pagination import ListRules
from api.permissions import IsPersonOrKey
from api.platform.versions import VersionConflict
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers, lists
from api.views import ApiView

CONTACTS = ListRules(
    sorts=tuple(selectors.SORTS),
    default_sort="display_name",
    filters=CONTACT_FILTERS,
    has_search=True,
)

# An organization or contact that is not the caller's, or where the role does not do.
_NARROWED = (NotThere, Forbidden)


class ContactListView(ApiView):
    """`contacts/`: over all organizations of the person."""

    permission_classes = (IsPersonOrKey,)
    is_list = True

    @lists(ContactSerializer, CONTACTS, summary="Your contacts", errors=(*_NARROWED, selectors.SearchTooBroad))
    def get(self, request: ApiRequest) -> Response | HttpResponse:
        query = pagination.parse(request, CONTACTS)
        etag = conditions.etag_of_query(request, selectors.state_of_contacts(request.caller, filters=query.filters))
        if conditions.is_unchanged(request, etag):
            return conditions.not_modified(etag)
        page = selectors.contacts_of(
            request.caller,
            filters=query.filters,
            query=query.search,
            sort=query.sort,
            cursor=query.cursor,
            limit=query.limit,
            wants_total=query.wants_total,
        )
        rows = (represent_contact(request.caller, row) for row in page.rows)
        return Response(pagination.envelope(page, query, rows), headers={"ETag": etag})

    @answers(
        ContactSerializer,
        takes=ContactCreateSerializer,
        statuses=(HTTPStatus.CREATED, HTTPStatus.OK),
        summary="Create a contact",
        errors=(*_NARROWED, IdConflict, services.SlugConflict),
    )
    def post(self, request: ApiRequest) -> Response:
        body = ContactCreateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        contact_id, is_new = services.create_contact(
            request.caller,
            organization=body.validated_data.get("organization"),
            contact_id=body.validated_data.get("id"),
            values=body.values(),
            primaries=body.primaries(),
        )
        row = selectors.stored_contact(contact_id, is_new=is_new)
        return Response(represent_contact(request.caller, row), HTTPStatus.CREATED if is_new else HTTPStatus.OK)


class ContactView(ApiView):
    """`contacts/<slug>/`: the slug or the UUID."""

    permission_classes = (IsPersonOrKey,)

    @answers(ContactSerializer, summary="A contact", errors=_NARROWED)
    def get(self, request: ApiRequest, slug: str) -> Response:
        return Response(represent_contact(request.caller, selectors.contact_of(request.caller, slug)))

    @answers(
        ContactSerializer,
        takes=ContactReplaceSerializer,
        summary="Replace a contact",
        errors=(*_NARROWED, VersionConflict),
    )
    def put(self, request: ApiRequest, slug: str) -> Response:
        body = ContactReplaceSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        contact_id = services.replace_contact(
            request.caller,
            name=slug,
            values=body.values(),
            primaries=body.primaries(),
            expected=conditions.expected_versions(request),
        )
        return Response(represent_contact(request.caller, selectors.stored_contact(contact_id)))

    @answers(
        ContactSerializer,
        takes=ContactUpdateSerializer,
        summary="Change a contact",
        errors=(*_NARROWED, VersionConflict),
    )
    def patch(self, request: ApiRequest, slug: str) -> Response:
        body = ContactUpdateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        contact_id = services.update_contact(
            request.caller,
            name=slug,
            values=body.values(),
            primaries=body.primaries(),
            expected=conditions.expected_versions(request),
        )
        return Response(represent_contact(request.caller, selectors.stored_contact(contact_id)))

    @answers(None, statuses=(HTTPStatus.NO_CONTENT,), summary="Delete a contact", errors=(*_NARROWED, VersionConflict))
    def delete(self, request: ApiRequest, slug: str) -> Response:
        services.delete_contact(request.caller, name=slug, expected=conditions.expected_versions(request))
        return Response(status=HTTPStatus.NO_CONTENT)


class ContactRestoreView(ApiView):
    """`contacts/<slug>/restore/`: within 30 days of the deletion."""

    takes_body = False
    permission_classes = (IsPersonOrKey,)

    @answers(ContactSerializer, summary="Restore a deleted contact", errors=_NARROWED)
    def post(self, request: ApiRequest, slug: str) -> Response:
        contact_id = services.restore_contact(request.caller, name=slug)
        return Response(represent_contact(request.caller, selectors.stored_contact(contact_id)))
