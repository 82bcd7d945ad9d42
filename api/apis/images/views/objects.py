"""Images on objects over HTTP: `images/orgs/<org_slug>/images/<app_label>/<model>/<obj_id>/…`."""

from http import HTTPStatus
from typing import Any

from api import pagination
from api.apis.images import selectors, services
from api.apis.images.serializers.images import (
    AttachedImageSerializer,
    AttachedImageUpdateSerializer,
    AttachmentSerializer,
    ImageIdSerializer,
    ImageIdsSerializer,
    represent_attached,
)
from api.apis.images.services import Place, TooManyImages
from api.exceptions import Forbidden, NotThere
from api.fields import StrictSerializer
from api.pagination import ListRules
from api.permissions import IsPersonOrKey
from api.platform.kinds import Target
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers, lists
from api.views import ApiView

IMAGES_ON = ListRules(sorts=("position",), default_sort="position")

_NARROWED = (NotThere, Forbidden)


def _body(serializer: type[StrictSerializer], request: ApiRequest) -> dict[str, Any]:
    body = serializer(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def _all_on(request: ApiRequest, target: Target, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """All the images on an object, as a service has left them."""
    rows = [represent_attached(request, row) for row in selectors.stored_images_on(target)]
    return Response({"data": rows, "meta": {"next": None, "prev": None}}, status)


class ObjectImagesView(ApiView):
    permission_classes = (IsPersonOrKey,)
    is_list = True

    @lists(AttachedImageSerializer, IMAGES_ON, summary="Images on an object", errors=_NARROWED)
    def get(self, request: ApiRequest, org_slug: str, **place: str) -> Response:
        query = pagination.parse(request, IMAGES_ON)
        page = selectors.images_on(
            request.caller,
            organization=org_slug,
            app_label=place["app_label"],
            model=place["model"],
            name=place["obj_id"],
            cursor=query.cursor,
            limit=query.limit,
            wants_total=query.wants_total,
            is_descending=query.sort[0][1],
        )
        return Response(pagination.envelope(page, query, (represent_attached(request, row) for row in page.rows)))

    @answers(
        AttachedImageSerializer,
        is_many=True,
        takes=ImageIdSerializer,
        statuses=(HTTPStatus.CREATED, HTTPStatus.OK),
        summary="Put an image on an object; all that it has come back",
        errors=(*_NARROWED, TooManyImages),
    )
    def post(self, request: ApiRequest, org_slug: str, app_label: str, model: str, obj_id: str) -> Response:
        image_id = _body(ImageIdSerializer, request)["image_id"]
        target, new = services.attach(request.caller, Place(org_slug, app_label, model, obj_id), [image_id])
        return _all_on(request, target, HTTPStatus.CREATED if new else HTTPStatus.OK)


class BulkAttachView(ApiView):
    permission_classes = (IsPersonOrKey,)

    @answers(
        AttachedImageSerializer,
        is_many=True,
        takes=ImageIdsSerializer,
        summary="Put several images on an object, all or none",
        errors=(*_NARROWED, TooManyImages),
    )
    def post(self, request: ApiRequest, org_slug: str, app_label: str, model: str, obj_id: str) -> Response:
        image_ids = _body(ImageIdsSerializer, request)["image_ids"]
        target, _ = services.attach(request.caller, Place(org_slug, app_label, model, obj_id), image_ids)
        return _all_on(request, target)


class BulkDetachView(ApiView):
    permission_classes = (IsPersonOrKey,)

    @answers(
        AttachedImageSerializer,
        is_many=True,
        takes=ImageIdsSerializer,
        summary="Take several images off an object, all or none",
        errors=_NARROWED,
    )
    def post(self, request: ApiRequest, org_slug: str, app_label: str, model: str, obj_id: str) -> Response:
        image_ids = _body(ImageIdsSerializer, request)["image_ids"]
        return _all_on(request, services.detach(request.caller, Place(org_slug, app_label, model, obj_id), image_ids))


class ReorderView(ApiView):
    permission_classes = (IsPersonOrKey,)

    @answers(
        AttachedImageSerializer,
        is_many=True,
        takes=ImageIdsSerializer,
        summary="Put all the images on an object into an order",
        errors=_NARROWED,
    )
    def post(self, request: ApiRequest, org_slug: str, app_label: str, model: str, obj_id: str) -> Response:
        image_ids = _body(ImageIdsSerializer, request)["image_ids"]
        return _all_on(request, services.reorder(request.caller, Place(org_slug, app_label, model, obj_id), image_ids))


class SetCoverView(ApiView):
    permission_classes = (IsPersonOrKey,)

    @answers(
        AttachedImageSerializer,
        is_many=True,
        takes=ImageIdSerializer,
        summary="Make an image the cover of an object",
        errors=_NARROWED,
    )
    def post(self, request: ApiRequest, org_slug: str, app_label: str, model: str, obj_id: str) -> Response:
        image_id = _body(ImageIdSerializer, request)["image_id"]
        return _all_on(request, services.set_cover(request.caller, Place(org_slug, app_label, model, obj_id), image_id))


class UnsetCoverView(ApiView):
    permission_classes = (IsPersonOrKey,)
    takes_body = False

    @answers(AttachedImageSerializer, is_many=True, summary="Leave an object without a cover", errors=_NARROWED)
    def post(self, request: ApiRequest, org_slug: str, app_label: str, model: str, obj_id: str) -> Response:
        return _all_on(request, services.set_cover(request.caller, Place(org_slug, app_label, model, obj_id), None))


class RelationView(ApiView):
    permission_classes = (IsPersonOrKey,)

    @answers(
        AttachedImageSerializer,
        is_many=True,
        takes=AttachedImageUpdateSerializer,
        summary="Say something else of an image on this object",
        errors=_NARROWED,
    )
    def patch(self, request: ApiRequest, org_slug: str, image_id: str, **place: str) -> Response:
        values = _body(AttachedImageUpdateSerializer, request)
        named = Place(org_slug, place["app_label"], place["model"], place["obj_id"])
        number = selectors.number_of(image_id)
        return _all_on(request, services.describe(request.caller, named, number, values))


class AttachView(ApiView):
    permission_classes = (IsPersonOrKey,)

    @answers(
        AttachedImageSerializer,
        is_many=True,
        takes=AttachmentSerializer,
        summary="Put an image on an object that the body names",
        errors=(*_NARROWED, TooManyImages),
    )
    def post(self, request: ApiRequest, org_slug: str) -> Response:
        body = _body(AttachmentSerializer, request)
        place = Place(org_slug, body["app_label"], body["model"], body["object_id"])
        return _all_on(request, services.attach(request.caller, place, [body["image_id"]])[0])


class DetachView(ApiView):
    permission_classes = (IsPersonOrKey,)

    @answers(
        AttachedImageSerializer,
        is_many=True,
        takes=AttachmentSerializer,
        summary="Take an image off an object that the body names",
        errors=_NARROWED,
    )
    def post(self, request: ApiRequest, org_slug: str) -> Response:
        body = _body(AttachmentSerializer, request)
        place = Place(org_slug, body["app_label"], body["model"], body["object_id"])
        return _all_on(request, services.detach(request.caller, place, [body["image_id"]]))
