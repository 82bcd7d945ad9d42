"""Contacts that may be one, and making them one, over HTTP."""

from django.http import HttpResponse

from api import conditions, pagination
from api.apis.contacts import selectors, services
from api.apis.contacts.serializers.contacts import ContactSerializer, represent_contact
from api.apis.contacts.serializers.doubles import DuplicateSerializer, MergeSerializer, represent_duplicate
from api.apis.images.services import TooManyImages
from api.apis.tags.services import TooManyTags
from api.exceptions import Forbidden, InvalidInput, NotThere
from api.pagination import ListRules
from api.permissions import IsPersonOrKey
from api.platform.versions import VersionConflict
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers, lists
from api.views import ApiView

DUPLICATES = ListRules(sorts=tuple(selectors.DUPLICATE_SORTS), default_sort="value", filters={"org": str})


class ContactDuplicatesView(ApiView):
    """`contacts/duplicates/`: over all organizations of the person."""

    permission_classes = (IsPersonOrKey,)
    is_list = True

    @lists(DuplicateSerializer, DUPLICATES, summary="Contacts that may be the same", errors=(NotThere, Forbidden))
    def get(self, request: ApiRequest) -> Response | HttpResponse:
        query = pagination.parse(request, DUPLICATES)
        etag = conditions.etag_of_query(request, selectors.state_of_contacts(request.caller, filters=query.filters))
        if conditions.is_unchanged(request, etag):
            return conditions.not_modified(etag)
        page = selectors.duplicates_of(
            request.caller,
            filters=query.filters,
            sort=query.sort,
            cursor=query.cursor,
            limit=query.limit,
            wants_total=query.wants_total,
        )
        rows = (represent_duplicate(request, row) for row in page.rows)
        return Response(pagination.envelope(page, query, rows), headers={"ETag": etag})


class ContactMergeView(ApiView):
    permission_classes = (IsPersonOrKey,)

    @answers(
        ContactSerializer,
        takes=MergeSerializer,
        summary="Take a contact into another one, which is answered",
        errors=(
            *(NotThere, Forbidden, InvalidInput, VersionConflict, TooManyTags, TooManyImages),
            *(services.OtherChanged, services.MergedTooLarge),
        ),
    )
    def post(self, request: ApiRequest) -> Response:
        body = MergeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        contact_id = services.merge_contacts(
            request.caller, **body.validated_data, expected=conditions.expected_versions(request)
        )
        return Response(represent_contact(request, selectors.stored_contact(contact_id)))
