"""One contact, and the list of them, over HTTP."""

import uuid
from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpResponse
from django.urls import reverse

from api import conditions, pagination
from api.apis.contacts import selectors, services
from api.apis.contacts.serializers.contacts import (
    CONTACT_FILTERS,
    ContactCreateSerializer,
    ContactInput,
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
        page = selectors.contacts_of(request.caller, filters=query.filters, query=query.search, **query.window)
        rows = (represent_contact(request, row) for row in page.rows)
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
        return Response(represent_contact(request, row), HTTPStatus.CREATED if is_new else HTTPStatus.OK)


class ContactView(ApiView):
    """`contacts/<slug>/`: the slug or the UUID. Those of a contact that was merged answer the other."""

    permission_classes = (IsPersonOrKey,)
    answers_content_location = True

    @answers(ContactSerializer, summary="A contact", errors=_NARROWED)
    def get(self, request: ApiRequest, slug: str) -> Response:
        row = selectors.contact_of(request.caller, slug)
        is_as_asked = slug.lower() in {row["slug"], str(row["id"])}
        there = {} if is_as_asked else {"Content-Location": reverse("api:contacts:detail", args=[row["slug"]])}
        return Response(represent_contact(request, row), headers=there)

    @answers(
        ContactSerializer,
        takes=ContactReplaceSerializer,
        summary="Replace a contact",
        errors=(*_NARROWED, VersionConflict),
    )
    def put(self, request: ApiRequest, slug: str) -> Response:
        return _changed(request, slug, ContactReplaceSerializer, services.replace_contact)

    @answers(
        ContactSerializer,
        takes=ContactUpdateSerializer,
        summary="Change a contact",
        errors=(*_NARROWED, VersionConflict),
    )
    def patch(self, request: ApiRequest, slug: str) -> Response:
        return _changed(request, slug, ContactUpdateSerializer, services.update_contact)

    @answers(None, statuses=(HTTPStatus.NO_CONTENT,), summary="Delete a contact", errors=(*_NARROWED, VersionConflict))
    def delete(self, request: ApiRequest, slug: str) -> Response:
        services.delete_contact(request.caller, name=slug, expected=conditions.expected_versions(request))
        return Response(status=HTTPStatus.NO_CONTENT)


def _changed(request: ApiRequest, slug: str, takes: type[ContactInput], change: Callable[..., uuid.UUID]) -> Response:
    """The contact as `change` leaves it."""
    body = takes(data=request.data)
    body.is_valid(raise_exception=True)
    expected = conditions.expected_versions(request)
    contact_id = change(request.caller, name=slug, values=body.values(), primaries=body.primaries(), expected=expected)
    return Response(represent_contact(request, selectors.stored_contact(contact_id)))


class ContactRestoreView(ApiView):
    """`contacts/<slug>/restore/`: within 30 days of the deletion."""

    takes_body = False
    permission_classes = (IsPersonOrKey,)

    @answers(ContactSerializer, summary="Restore a deleted contact", errors=_NARROWED)
    def post(self, request: ApiRequest, slug: str) -> Response:
        contact_id = services.restore_contact(request.caller, name=slug)
        return Response(represent_contact(request, selectors.stored_contact(contact_id)))
