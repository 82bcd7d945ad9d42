"""Who may enter a view. Every view names one of these; the default lets nobody in, and a system check finds it.

What a person may do inside an organization is not decided here but where the object is obtained: in the selectors.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission

from api.authentication import require_token
from api.exceptions import ApiError, SignInRequired
from api.platform.tokens import Claims
from api.requests import ApiRequest

if TYPE_CHECKING:  # DRF's views load this module by name while they are being loaded themselves
    from rest_framework.request import Request
    from rest_framework.views import APIView


class DeviceRequired(ApiError):
    """An API key works for an organization; this is for people on their devices."""

    status = HTTPStatus.FORBIDDEN
    code = "device_required"
    title = "API keys are not taken here"


class NobodyYet(BasePermission):
    """The default of a view that has not said who may enter."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return False


class IsPublic(BasePermission):
    """Anybody. Only for the views on `api.checks.PUBLIC_ROUTES`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return True


class IsDevice(BasePermission):
    """A registered device with a live session, whether or not somebody has signed in on it."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        assert isinstance(request, ApiRequest)
        require_device_token(request)
        return True


class IsPerson(IsDevice):
    """A person (a guest is one) on a registered device."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        assert isinstance(request, ApiRequest)
        if require_device_token(request).user_id is None:
            raise SignInRequired
        return True


class IsPersonOrKey(IsPerson):
    """A person, or a service with an API key. What a key may do is decided where the object is obtained, too."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        assert isinstance(request, ApiRequest)
        return request.api_key is not None or super().has_permission(request, view)


def require_device_token(request: ApiRequest) -> Claims:
    """Raises TokenMissing, DeviceRequired."""
    if request.api_key is not None:
        raise DeviceRequired
    return require_token(request)


# What proves something: the system check accepts a view with one of these.
PROVING = (IsDevice,)
