"""Links to images over HTTP: made and revoked by members, resolved by whoever has one."""

from http import HTTPStatus

from api import throttling
from api.apis.images import services
from api.apis.images.serializers.shared import (
    ShareCreateSerializer,
    SharedImageSerializer,
    ShareResolveSerializer,
    ShareSerializer,
    represent_shared,
)
from api.exceptions import Forbidden, NotThere
from api.permissions import IsPersonOrKey, IsPublic
from api.platform.limits import Limit
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers
from api.views import ApiView

_NARROWED = (NotThere, Forbidden)


class ShareListView(ApiView):
    permission_classes = (IsPersonOrKey,)
    keeps_answers = False
    is_confidential = True

    @answers(
        ShareSerializer,
        takes=ShareCreateSerializer,
        statuses=(HTTPStatus.CREATED,),
        summary="Make a link by which anybody sees an image",
        errors=(*_NARROWED, services.TooManyShares),
    )
    def post(self, request: ApiRequest, org_slug: str, image_id: str) -> Response:
        body = ShareCreateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        seconds = body.validated_data["expires_in_seconds"]
        share = services.share_image(request.caller, organization=org_slug, image_id=image_id, seconds=seconds)
        return Response(share._asdict(), HTTPStatus.CREATED)


class ShareView(ApiView):
    permission_classes = (IsPersonOrKey,)
    keeps_answers = False

    @answers(None, statuses=(HTTPStatus.NO_CONTENT,), summary="Revoke a link to an image", errors=_NARROWED)
    def delete(self, request: ApiRequest, org_slug: str, image_id: str, share_id: str) -> Response:
        services.revoke_share(request.caller, organization=org_slug, image_id=image_id, share_id=share_id)
        return Response(status=HTTPStatus.NO_CONTENT)


class SharedImageView(ApiView):
    """For whoever has a link; counted per address."""

    permission_classes = (IsPublic,)
    takes_token = False
    keeps_answers = False
    is_confidential = True
    safe_methods = throttling.SAFE_METHODS | {"POST"}

    def limits(self, request: ApiRequest) -> list[Limit]:
        return [throttling.address_limit(request, "shares")]

    @answers(SharedImageSerializer, takes=ShareResolveSerializer, summary="The image behind a link", errors=(NotThere,))
    def post(self, request: ApiRequest) -> Response:
        body = ShareResolveSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(represent_shared(request, services.shared_image(body.validated_data["token"])))
