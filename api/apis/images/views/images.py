"""Images over HTTP."""

from http import HTTPStatus
from typing import Any

from django.http import HttpResponse

from api import conditions, pagination
from api.apis.images import selectors, services
from api.apis.images.serializers.images import (
    BulkDeleteSerializer,
    BulkUploadSerializer,
    DeletionSerializer,
    ImageResultSerializer,
    ImageSerializer,
    ImageUpdateSerializer,
    ImageUploadSerializer,
    represent_image,
)
from api.exceptions import ApiError, Forbidden, IdConflict, NotThere
from api.pagination import ListRules
from api.parsers import FileNameInvalid
from api.permissions import IsPersonOrKey
from api.platform.pictures import PictureNotSupported, PictureTooLarge, PictureUnreadable
from api.platform.versions import VersionConflict
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers, lists
from api.views import ApiView

IMAGES = ListRules(sorts=tuple(selectors.SORTS), default_sort="-created_at")

_NARROWED = (NotThere, Forbidden)
_PICTURES = (FileNameInvalid, PictureNotSupported, PictureTooLarge, PictureUnreadable)


class ImageListView(ApiView):
    permission_classes = (IsPersonOrKey,)
    is_list = True
    takes_files = True
    files_limit = "IMAGE_MAX_BYTES"

    draft: services.Draft

    @lists(ImageSerializer, IMAGES, summary="Images of an organization", errors=_NARROWED)
    def get(self, request: ApiRequest, org_slug: str) -> Response | HttpResponse:
        query = pagination.parse(request, IMAGES)
        state = selectors.state_of_images(request.caller, organization=org_slug)
        etag = conditions.etag_of_query(request, state)
        if conditions.is_unchanged(request, etag):
            return conditions.not_modified(etag)
        page = selectors.images_of(request.caller, organization=org_slug, **query.window)
        rows = (represent_image(request, row) for row in page.rows)
        return Response(pagination.envelope(page, query, rows), headers={"ETag": etag})

    def prepare_post(self, request: ApiRequest, org_slug: str) -> None:
        selectors.require_permission(request.caller, organization=org_slug, action="images.write")
        body = ImageUploadSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        self.draft = services.prepare_image(
            request.caller,
            organization=org_slug,
            uid=body.validated_data.get("uid"),
            values=body.values(),
            content=body.validated_data["file"].content,
        )

    @answers(
        ImageSerializer,
        takes=ImageUploadSerializer,
        statuses=(HTTPStatus.CREATED, HTTPStatus.OK),
        summary="Upload an image",
        errors=(*_NARROWED, *_PICTURES, IdConflict),
    )
    def post(self, request: ApiRequest, org_slug: str) -> Response:
        image_id, is_new = services.create_image(request.caller, self.draft)
        row = selectors.stored_images([image_id])[image_id]
        return Response(represent_image(request, row), HTTPStatus.CREATED if is_new else HTTPStatus.OK)


class ImageView(ApiView):
    permission_classes = (IsPersonOrKey,)

    @answers(ImageSerializer, summary="An image", errors=_NARROWED)
    def get(self, request: ApiRequest, org_slug: str, image_id: str) -> Response:
        row = selectors.image_of(request.caller, organization=org_slug, image_id=image_id)
        return Response(represent_image(request, row))

    @answers(
        ImageSerializer,
        takes=ImageUpdateSerializer,
        summary="Say something else of an image",
        errors=(*_NARROWED, VersionConflict),
    )
    def patch(self, request: ApiRequest, org_slug: str, image_id: str) -> Response:
        body = ImageUpdateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        number = services.update_image(
            request.caller,
            organization=org_slug,
            image_id=image_id,
            values=body.validated_data,
            expected=conditions.expected_versions(request),
        )
        return Response(represent_image(request, selectors.stored_images([number])[number]))

    @answers(None, statuses=(HTTPStatus.NO_CONTENT,), summary="Delete an image", errors=(*_NARROWED, VersionConflict))
    def delete(self, request: ApiRequest, org_slug: str, image_id: str) -> Response:
        services.delete_image(
            request.caller,
            organization=org_slug,
            image_id=image_id,
            expected=conditions.expected_versions(request),
        )
        return Response(status=HTTPStatus.NO_CONTENT)


class BulkUploadView(ApiView):
    """Each file on its own: one that is no good picture does not keep the others out."""

    permission_classes = (IsPersonOrKey,)
    takes_files = True
    files_limit = "IMAGES_MAX_BYTES"
    repeated_parts = frozenset({"files"})

    drafts: list[services.Draft | ApiError]

    def prepare_post(self, request: ApiRequest, org_slug: str) -> None:
        selectors.require_permission(request.caller, organization=org_slug, action="images.write")
        body = BulkUploadSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        contents = (file.content for file in body.validated_data["files"])  # one after the other
        self.drafts = services.prepare_images(request.caller, organization=org_slug, contents=contents)

    @answers(
        ImageResultSerializer,
        is_many=True,
        takes=BulkUploadSerializer,
        summary="Upload several images",
        errors=(*_NARROWED, FileNameInvalid),
    )
    def post(self, request: ApiRequest, org_slug: str) -> Response:
        made = [
            draft if isinstance(draft, ApiError) else services.create_image(request.caller, draft)[0]
            for draft in self.drafts
        ]
        rows = selectors.stored_images([image_id for image_id in made if isinstance(image_id, int)])
        return Response(_listed([_result(request, outcome, rows) for outcome in made]))


def _result(request: ApiRequest, outcome: int | ApiError, rows: dict[int, dict[str, Any]]) -> dict[str, Any]:
    if isinstance(outcome, int):
        return {"status": HTTPStatus.CREATED, "image": represent_image(request, rows[outcome]), "problem": None}
    problem = {"code": outcome.code, "title": outcome.title, "detail": outcome.text}
    return {"status": outcome.status, "image": None, "problem": problem}


def _listed(results: list[dict[str, Any]]) -> dict[str, Any]:
    return {"data": results, "meta": {"next": None, "prev": None}}


class BulkDeleteView(ApiView):
    permission_classes = (IsPersonOrKey,)

    @answers(
        DeletionSerializer, is_many=True, takes=BulkDeleteSerializer, summary="Delete several images", errors=_NARROWED
    )
    def post(self, request: ApiRequest, org_slug: str) -> Response:
        body = BulkDeleteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        ids = body.validated_data["ids"]
        deleted = services.delete_images(request.caller, organization=org_slug, image_ids=ids)
        statuses = {True: HTTPStatus.NO_CONTENT, False: HTTPStatus.NOT_FOUND}
        outcomes = zip(ids, deleted, strict=True)
        return Response(_listed([{"id": key, "status": statuses[was_there]} for key, was_there in outcomes]))
