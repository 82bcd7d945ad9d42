"""People over HTTP."""

from rest_framework.response import Response

from api import conditions
from api.apis.users import selectors, services
from api.apis.users.serializers import ProfileSerializer, ProfileUpdateSerializer
from api.exceptions import NotThere
from api.permissions import IsPerson
from api.platform.versions import VersionConflict
from api.requests import ApiRequest
from api.schema import answers
from api.views import ApiView


class MeView(ApiView):
    permission_classes = (IsPerson,)
    representation = ProfileSerializer

    @answers(ProfileSerializer, summary="Your profile", errors=(NotThere,))
    def get(self, request: ApiRequest) -> Response:
        return Response(selectors.own_profile(request.caller))

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
        return Response(selectors.own_profile(request.caller))
