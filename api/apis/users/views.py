"""People over HTTP."""

from http import HTTPStatus

from api import conditions, throttling
from api.apis.users import selectors, services
from api.apis.users.serializers import (
    AvatarUploadSerializer,
    PreferencesSerializer,
    PreferencesUpdateSerializer,
    ProfileSerializer,
    ProfileUpdateSerializer,
    UsernameSerializer,
    UsernameStateSerializer,
    represent_profile,
)
from api.exceptions import InvalidInput, NotThere
from api.parsers import FileNameInvalid
from api.permissions import IsDevice, IsPerson
from api.platform.limits import Limit
from api.platform.pictures import PictureNotSupported, PictureTooLarge, PictureUnreadable
from api.platform.versions import VersionConflict
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers
from api.views import ApiView


class MeView(ApiView):
    permission_classes = (IsPerson,)

    @answers(ProfileSerializer, summary="Your profile", errors=(NotThere,))
    def get(self, request: ApiRequest) -> Response:
        return Response(represent_profile(request, selectors.own_profile(request.caller)))

    @answers(
        ProfileSerializer,
        takes=ProfileUpdateSerializer,
        summary="Change your profile",
        errors=(NotThere, VersionConflict, services.UsernameTaken),
    )
    def patch(self, request: ApiRequest) -> Response:
        body = ProfileUpdateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        expected = conditions.expected_versions(request)
        services.update_profile(request.caller, changes=body.validated_data, expected=expected)
        return Response(represent_profile(request, selectors.own_profile(request.caller)))


class PreferencesView(ApiView):
    permission_classes = (IsPerson,)

    @answers(PreferencesSerializer, summary="Your preferences", errors=(NotThere,))
    def get(self, request: ApiRequest) -> Response:
        return Response(selectors.own_preferences(request.caller))

    @answers(
        PreferencesSerializer,
        takes=PreferencesUpdateSerializer,
        summary="Change your preferences",
        errors=(NotThere, VersionConflict),
    )
    def patch(self, request: ApiRequest) -> Response:
        body = PreferencesUpdateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        expected = conditions.expected_versions(request)
        services.update_profile(request.caller, changes=body.validated_data, expected=expected)
        return Response(selectors.own_preferences(request.caller))


class AvatarView(ApiView):
    permission_classes = (IsPerson,)
    takes_files = True

    stored_as: str

    def prepare_post(self, request: ApiRequest) -> None:
        body = AvatarUploadSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        self.stored_as = services.store_avatar(request.caller, content=body.validated_data["file"].content)

    @answers(
        ProfileSerializer,
        takes=AvatarUploadSerializer,
        summary="Set your avatar",
        errors=(NotThere, FileNameInvalid, PictureNotSupported, PictureTooLarge, PictureUnreadable),
    )
    def post(self, request: ApiRequest) -> Response:
        services.set_avatar(request.caller, name=self.stored_as)
        return Response(represent_profile(request, selectors.own_profile(request.caller)))

    @answers(None, statuses=(HTTPStatus.NO_CONTENT,), summary="Remove your avatar", errors=(VersionConflict,))
    def delete(self, request: ApiRequest) -> Response:
        services.set_avatar(request.caller, name="", expected=conditions.expected_versions(request))
        return Response(status=HTTPStatus.NO_CONTENT)


class CheckUsernameView(ApiView):
    """`users/check_username/?username=`: for a form that is still being filled in, so before anybody has signed up."""

    permission_classes = (IsDevice,)
    parameters = frozenset({"username"})

    def limits(self, request: ApiRequest) -> list[Limit]:
        return [*super().limits(request), throttling.limit("search", throttling.principal_of(request))]

    @answers(
        UsernameStateSerializer,
        asks=UsernameSerializer,
        summary="Whether a username is free",
        errors=(InvalidInput,),
    )
    def get(self, request: ApiRequest) -> Response:
        # A parameter that stands twice is a list, which is no name.
        asked = {name: values if len(values) > 1 else values[0] for name, values in request.query_params.lists()}
        query = UsernameSerializer(data=asked)
        query.is_valid(raise_exception=True)
        reason = services.reason_against_username(request.caller, query.validated_data["username"])
        return Response({"available": reason is None, "reason": reason})
