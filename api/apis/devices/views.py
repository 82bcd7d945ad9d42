"""Devices of a person over HTTP."""

from http import HTTPStatus

from api import pagination
from api.apis.devices import selectors, services
from api.apis.devices.serializers import DeviceNameSerializer, OwnDeviceSerializer
from api.exceptions import NotThere
from api.pagination import ListRules
from api.permissions import IsPerson
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers, lists
from api.views import ApiView

DEVICES = ListRules(sorts=tuple(selectors.SORTS), default_sort="-signed_in_at")


class DeviceListView(ApiView):
    permission_classes = (IsPerson,)
    is_list = True

    @lists(OwnDeviceSerializer, DEVICES, summary="Your devices")
    def get(self, request: ApiRequest) -> Response:
        query = pagination.parse(request, DEVICES)
        page = selectors.devices_of(request.caller, **query.window)
        return Response(pagination.envelope(page, query, page.rows))


class DeviceView(ApiView):
    """`devices/<id>/`: a device on which the person is signed in."""

    permission_classes = (IsPerson,)
    is_sensitive = True

    @answers(OwnDeviceSerializer, takes=DeviceNameSerializer, summary="Name one of your devices", errors=(NotThere,))
    def patch(self, request: ApiRequest, device_id: str) -> Response:
        body = DeviceNameSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.rename_device(request.caller, device=device_id, name=body.validated_data["name"])
        return Response(selectors.device_of(request.caller, device_id))

    @answers(
        None,
        statuses=(HTTPStatus.NO_CONTENT,),
        summary="Sign out on one of your devices, and forget it",
        errors=(NotThere,),
    )
    def delete(self, request: ApiRequest, device_id: str) -> Response:
        services.remove_device(request.caller, device=device_id)
        return Response(status=HTTPStatus.NO_CONTENT)


class RevokeOthersView(ApiView):
    """`POST devices/revoke-others/`: signs the person out everywhere else."""

    takes_body = False
    permission_classes = (IsPerson,)
    is_sensitive = True

    @answers(None, statuses=(HTTPStatus.NO_CONTENT,), summary="Sign out on all your other devices")
    def post(self, request: ApiRequest) -> Response:
        services.sign_out_others(request.caller)
        return Response(status=HTTPStatus.NO_CONTENT)
