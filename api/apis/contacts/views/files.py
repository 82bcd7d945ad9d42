"""Files of contacts over HTTP: taken in as jobs, given out as streams."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from itertools import chain
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.urls import reverse

from api import conditions, pagination
from api.apis.contacts import selectors, services
from api.apis.contacts.serializers.contacts import CONTACT_FILTERS
from api.apis.contacts.serializers.files import ImportSerializer, ImportStartedSerializer
from api.exceptions import Forbidden, NotThere
from api.pagination import ListRules
from api.parsers import FileNameInvalid
from api.permissions import IsPerson, IsPersonOrKey
from api.platform.jobs import TooManyJobs
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers, streams
from api.views import ApiView

EXPORTED = ListRules(
    sorts=("created_at",),
    default_sort="created_at",
    filters=CONTACT_FILTERS,
    has_search=True,
    is_paged=False,
)

_REFUSED = (NotThere, Forbidden, selectors.SearchTooBroad)


class ContactImportView(ApiView):
    permission_classes = (IsPerson,)
    takes_files = True
    answers_location = True

    stored_as: str

    def prepare_post(self, request: ApiRequest) -> None:
        body = ImportSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        self.stored_as = services.store_import(request.caller, body.validated_data["file"].content)

    @answers(
        ImportStartedSerializer,
        takes=ImportSerializer,
        statuses=(HTTPStatus.ACCEPTED,),
        summary="Import contacts from vCards or CSV",
        errors=(NotThere, Forbidden, FileNameInvalid, TooManyJobs),
    )
    def post(self, request: ApiRequest) -> Response:
        body = ImportSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        job = services.start_import(request.caller, name=self.stored_as, **body.wishes())
        location = reverse("api:jobs:detail", args=[job["id"]])
        return Response(job, HTTPStatus.ACCEPTED, headers={"Location": location})


class _Export(ApiView):
    """The contacts of the list, with its filters, in one file however many they are."""

    permission_classes = (IsPersonOrKey,)
    is_list = True

    def file(
        self,
        request: ApiRequest,
        *,
        media_type: str,
        first: Iterable[str],
        line: Callable[[Mapping[str, Any]], str],
    ) -> HttpResponse | StreamingHttpResponse:
        query = pagination.parse(request, EXPORTED)
        etag = conditions.etag_of_query(request, selectors.state_of_contacts(request.caller, filters=query.filters))
        if conditions.is_unchanged(request, etag):
            return conditions.not_modified(etag)
        rows = selectors.all_contacts_of(request.caller, filters=query.filters, query=query.search, sort=query.sort)
        response = StreamingHttpResponse(_lines(first, map(line, rows)), content_type=f"{media_type}; charset=utf-8")
        response["ETag"] = etag
        response["Content-Disposition"] = f'attachment; filename="contacts.{request.path.rstrip("/")[-3:]}"'
        return response


def _lines(first: Iterable[str], rest: Iterable[str]) -> Iterator[bytes]:
    for text in chain(first, rest):
        yield text.encode()


class VCardExportView(_Export):
    @streams(
        EXPORTED,
        "text/vcard",
        example="BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Grace Hopper\r\nN:Hopper;Grace;;;\r\nEND:VCARD\r\n",
        summary="Your contacts as vCards",
        errors=_REFUSED,
    )
    def get(self, request: ApiRequest) -> Any:
        return self.file(request, media_type="text/vcard", first=(), line=services.vcard_of)


class TableExportView(_Export):
    @streams(
        EXPORTED,
        "text/csv",
        example="display_name,first_name,last_name\r\nGrace Hopper,Grace,Hopper\r\n",
        summary="Your contacts as a table",
        errors=_REFUSED,
    )
    def get(self, request: ApiRequest) -> Any:
        head = services.sheet_head()
        return self.file(request, media_type="text/csv", first=(head,), line=services.table_row_of)
