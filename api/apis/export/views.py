"""Exports over HTTP: of an organization, and, at the addresses without one, of the caller."""

from http import HTTPStatus
from typing import Any

from django.urls import reverse

from api import pagination
from api.apis.export import selectors, services
from api.apis.export.serializers import ExportDetailSerializer, ExportSerializer
from api.exceptions import Forbidden, NotThere
from api.pagination import ListRules
from api.permissions import IsPerson, IsPersonOrKey
from api.platform.jobs import AlreadyRunning, TooManyJobs
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers, lists
from api.views import ApiView

EXPORTS = ListRules(sorts=tuple(selectors.SORTS), default_sort="-created_at")
_NARROWED = (NotThere, Forbidden)


class ExportListView(ApiView):
    permission_classes: tuple[type[IsPerson], ...] = (IsPersonOrKey,)
    is_list = True
    is_sensitive = True
    takes_body = False
    answers_location = True

    @lists(ExportSerializer, EXPORTS, summary="Exports of an organization", errors=_NARROWED)
    def get(self, request: ApiRequest, org_slug: str | None = None) -> Response:
        query = pagination.parse(request, EXPORTS)
        page = selectors.exports_of(
            request.caller,
            organization=org_slug,
            sort=query.sort,
            cursor=query.cursor,
            limit=query.limit,
            wants_total=query.wants_total,
        )
        return Response(pagination.envelope(page, query, page.rows))

    @answers(
        ExportDetailSerializer,
        statuses=(HTTPStatus.ACCEPTED,),
        summary="Export an organization",
        errors=(*_NARROWED, TooManyJobs, AlreadyRunning),
    )
    def post(self, request: ApiRequest, org_slug: str | None = None) -> Response:
        export_id = services.begin_export(request.caller, organization=org_slug)
        return _accepted(request, org_slug, str(export_id))


class ExportView(ApiView):
    permission_classes: tuple[type[IsPerson], ...] = (IsPersonOrKey,)
    is_confidential = True  # the address in it is all that it takes
    keeps_answers = False

    @answers(ExportDetailSerializer, summary="What became of an export", errors=_NARROWED)
    def get(self, request: ApiRequest, export_id: str, org_slug: str | None = None) -> Response:
        return Response(_shown(request, org_slug, export_id))

    @answers(
        None, statuses=(HTTPStatus.NO_CONTENT,), summary="Call an export off, or remove its archive", errors=_NARROWED
    )
    def delete(self, request: ApiRequest, export_id: str, org_slug: str | None = None) -> Response:
        services.remove_export(request.caller, organization=org_slug, name=export_id)
        return Response(status=HTTPStatus.NO_CONTENT)


class ExportRetryView(ApiView):
    permission_classes: tuple[type[IsPerson], ...] = (IsPersonOrKey,)
    takes_body = False
    answers_location = True

    @answers(
        ExportDetailSerializer,
        statuses=(HTTPStatus.ACCEPTED,),
        summary="Try an export again that failed or was called off",
        errors=(*_NARROWED, services.ExportNotFailed, AlreadyRunning),
    )
    def post(self, request: ApiRequest, export_id: str, org_slug: str | None = None) -> Response:
        services.retry_export(request.caller, organization=org_slug, name=export_id)
        return _accepted(request, org_slug, export_id)


class OwnExportListView(ExportListView):
    permission_classes = (IsPerson,)


class OwnExportView(ExportView):
    permission_classes = (IsPerson,)


class OwnExportRetryView(ExportRetryView):
    permission_classes = (IsPerson,)


def _shown(request: ApiRequest, org_slug: str | None, export_id: str) -> dict[str, Any]:
    """An export with the whole address of its archive, whichever server that is at."""
    export = selectors.export_of(request.caller, organization=org_slug, name=export_id)
    return {**export, "url": request.build_absolute_uri(export["url"]) if export["url"] else None}


def _accepted(request: ApiRequest, org_slug: str | None, export_id: str) -> Response:
    export = _shown(request, org_slug, export_id)
    place = ("detail", [org_slug, export["id"]]) if org_slug is not None else ("own-detail", [export["id"]])
    location = reverse(f"api:export:{place[0]}", args=place[1])
    return Response(export, HTTPStatus.ACCEPTED, headers={"Location": location})
