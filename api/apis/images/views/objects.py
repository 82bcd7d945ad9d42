"""Images on objects over HTTP: `images/orgs/<org_slug>/images/<app_label>/<model>/<obj_id>/…`."""

from functools import partial
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


def _said(serializer: type[StrictSerializer], request: ApiRequest) -> dict[str, Any]:
    body = serializer(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


# As it stands, for a change of the images on an object: all that it has then come back.
_changes = partial(answers, AttachedImageSerializer, is_many=True, errors=_NARROWED)


def _all_on(request: ApiRequest, target: Target, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """All the images on an object, as a service has left them."""
    rows = [represent_attached(request, row) for row in selectors.stored_images_on(target)]
    return Response({"data": rows, "meta": {"next": None, "prev": None}}, status)


class _OnObject(ApiView):
    """What an address names, is an object."""

    permission_classes = (IsPersonOrKey,)

    @property
    def place(self) -> Place:
        named: dict[str, str] = self.kwargs
        return Place(named["org_slug"], named["app_label"], named["model"], named["obj_id"])


class ObjectImagesView(_OnObject):
    is_list = True

    @lists(AttachedImageSerializer, IMAGES_ON, summary="Images on an object", errors=_NARROWED)
    def get(self, request: ApiRequest, **place: str) -> Response:
        query = pagination.parse(request, IMAGES_ON)
        page = selectors.images_on(
            request.caller,
            **self.place._asdict(),
            cursor=query.cursor,
            limit=query.limit,
            wants_total=query.wants_total,
            is_descending=query.sort[0][1],
        )
        return Response(pagination.envelope(page, query, (represent_attached(request, row) for row in page.rows)))

    @_changes(
        takes=ImageIdSerializer,
        statuses=(HTTPStatus.CREATED, HTTPStatus.OK),
        summary="Put an image on an object; all that it has come back",
        errors=(*_NARROWED, TooManyImages),
    )
    def post(self, request: ApiRequest, **place: str) -> Response:
        image_id = _said(ImageIdSerializer, request)["image_id"]
        target, new = services.attach(request.caller, self.place, [image_id])
        return _all_on(request, target, HTTPStatus.CREATED if new else HTTPStatus.OK)


class BulkAttachView(_OnObject):
    @_changes(
        takes=ImageIdsSerializer,
        summary="Put several images on an object, all or none",
        errors=(*_NARROWED, TooManyImages),
    )
    def post(self, request: ApiRequest, **place: str) -> Response:
        image_ids = _said(ImageIdsSerializer, request)["image_ids"]
        return _all_on(request, services.attach(request.caller, self.place, image_ids)[0])


class BulkDetachView(_OnObject):
    @_changes(takes=ImageIdsSerializer, summary="Take several images off an object, all or none")
    def post(self, request: ApiRequest, **place: str) -> Response:
        image_ids = _said(ImageIdsSerializer, request)["image_ids"]
        return _all_on(request, services.detach(request.caller, self.place, image_ids))


class ReorderView(_OnObject):
    @_changes(takes=ImageIdsSerializer, summary="Put all the images on an object into an order")
    def post(self, request: ApiRequest, **place: str) -> Response:
        image_ids = _said(ImageIdsSerializer, request)["image_ids"]
        return _all_on(request, services.reorder(request.caller, self.place, image_ids))


class SetCoverView(_OnObject):
    @_changes(takes=ImageIdSerializer, summary="Make an image the cover of an object")
    def post(self, request: ApiRequest, **place: str) -> Response:
        image_id = _said(ImageIdSerializer, request)["image_id"]
        return _all_on(request, services.set_cover(request.caller, self.place, image_id))


class UnsetCoverView(_OnObject):
    takes_body = False

    @_changes(summary="Leave an object without a cover")
    def post(self, request: ApiRequest, **place: str) -> Response:
        return _all_on(request, services.set_cover(request.caller, self.place, None))


class RelationView(_OnObject):
    @_changes(takes=AttachedImageUpdateSerializer, summary="Say something else of an image on this object")
    def patch(self, request: ApiRequest, image_id: str, **place: str) -> Response:
        values = _said(AttachedImageUpdateSerializer, request)
        number = selectors.number_of(image_id)
        return _all_on(request, services.describe(request.caller, self.place, number, values))


class _InBody(ApiView):
    """An image, and the object that the body names."""

    permission_classes = (IsPersonOrKey,)

    def named(self, request: ApiRequest) -> tuple[Place, list[int]]:
        said = _said(AttachmentSerializer, request)
        place = Place(self.kwargs["org_slug"], said["app_label"], said["model"], said["object_id"])
        return place, [said["image_id"]]


class AttachView(_InBody):
    @_changes(
        takes=AttachmentSerializer,
        summary="Put an image on an object that the body names",
        errors=(*_NARROWED, TooManyImages),
    )
    def post(self, request: ApiRequest, org_slug: str) -> Response:
        return _all_on(request, services.attach(request.caller, *self.named(request))[0])


class DetachView(_InBody):
    @_changes(takes=AttachmentSerializer, summary="Take an image off an object that the body names")
    def post(self, request: ApiRequest, org_slug: str) -> Response:
        return _all_on(request, services.detach(request.caller, *self.named(request)))
