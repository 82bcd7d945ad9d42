"""Default deny: a view that proves nothing is found by a check, and answers nobody meanwhile."""

import re
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.urls import include, path
from django.views import View
from pytest_django import Settings
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from api.checks import PUBLIC_ROUTES, every_view_is_proved, routes
from api.permissions import IsDevice, IsPerson, IsPublic
from api.requests import ApiRequest
from api.views import ApiView
from tests.apis.auth.wire import Draft, assert_refused, send, with_token
from tests.conftest import Person
from tests.phones import BASE_URL, InProcess

pytestmark = pytest.mark.django_db

UrlConf = Callable[..., None]


@pytest.fixture
def urls(settings: Settings) -> Iterator[UrlConf]:
    """Puts a made-up URL table in place of the product's."""
    name = "tests.made_up_urls"

    def install(*patterns: Any) -> None:
        module = types.ModuleType(name)
        module.urlpatterns = list(patterns)  # type: ignore[attr-defined]
        sys.modules[name] = module
        settings.ROOT_URLCONF = name

    yield install
    sys.modules.pop(name, None)


class Silent(ApiView):
    """Says nothing about who may enter."""

    def get(self, request: ApiRequest) -> Response:
        return Response({"secret": True})


class ForNobody(Silent):
    permission_classes = ()


class ForAnybody(Silent):
    permission_classes = (IsPublic,)


class ForAll(Silent):
    permission_classes = (AllowAny,)


class ForDevices(Silent):
    permission_classes = (IsDevice,)


class ForPeople(Silent):
    permission_classes = (IsPerson,)


class Foreign(APIView):
    permission_classes = (IsDevice,)


class Plain(View):
    pass


def function(request: Any) -> HttpResponse:
    return HttpResponse("secret")


def found() -> list[str]:
    return [problem.msg.split(" ")[0] for problem in every_view_is_proved(None)]


def test_product_passes() -> None:
    assert found() == []


@pytest.mark.parametrize(
    "view", [Silent, ForNobody, ForAnybody, ForAll, Foreign, Plain], ids=lambda view: view.__name__
)
def test_view_that_proves_nothing_is_found(urls: UrlConf, view: Any) -> None:
    urls(path("api/v1/things/", view.as_view()))
    assert found() == ["/api/v1/things/"]


def test_function_is_found(urls: UrlConf) -> None:
    urls(path("things/", function), path("api/v1/<int:number>/", function))
    assert found() == ["/things/", "/api/v1/<int:number>/"]


@pytest.mark.parametrize("view", [ForDevices, ForPeople])
def test_view_that_proves_its_caller_is_not(urls: UrlConf, view: Any) -> None:
    urls(path("api/v1/things/", view.as_view()))
    assert found() == []


def test_nested_tables_are_walked(urls: UrlConf) -> None:
    inner = [path("open/", Silent.as_view()), path("shut/", ForDevices.as_view())]
    urls(path("api/v1/", include([path("deep/", include(inner))])))
    assert found() == ["/api/v1/deep/open/"]


def test_public_list_holds_what_is_public_and_nothing_else() -> None:
    """A view comes onto the list by a decision that is made here as well."""
    assert (
        frozenset(
            {
                "",
                "health/",
                "health/ready/",
                "metrics",
                "api/v1/health",
                ".well-known/jwks.json",
                "files/<path:name>",
                "files/uploads/<path:name>",
                "magic-verify/",
                "confirm-email/",
                "change-email/",
                "reset-password/",
                "not-me/",
                "invitation/",
                "shared-image/",
                "export/",
                "api/v1/shared/images/resolve/",
                "api/v1/device/challenge/",
                "api/v1/device/register/",
                "api/v1/device/rotate/",
                "api/v1/device/revoke/",
                "api/v1/device/verify-signature/",
                "api/v1/auth/get-token/",
                "api/v1/auth/refresh-token/",
                "api/v1/token/refresh/",
                "api/access/auth/refresh/",
                "api/auth/jwt/refresh/",
            }
        )
        == PUBLIC_ROUTES
    )
    assert {route for route, _ in routes()} >= PUBLIC_ROUTES


def test_neighbour_of_a_public_route_is_not_public(urls: UrlConf) -> None:
    urls(path("api/v1/auth/get-token/more/", Silent.as_view()), path("api/v1/health/", Silent.as_view()))
    assert found() == ["/api/v1/auth/get-token/more/", "/api/v1/health/"]


def test_view_that_says_nothing_answers_nobody(urls: UrlConf, alice: Person) -> None:
    """The check aside: forgetting to say who may enter lets nobody in."""
    urls(path("api/v1/things/", Silent.as_view()))
    assert_refused(send(alice.transport, Draft("GET", f"{BASE_URL}/api/v1/things/", {})), 403, "forbidden")
    assert_refused(with_token(alice.transport, "GET", "things/", alice.phone.state.access or ""), 403, "forbidden")


def product_routes() -> list[str]:
    return sorted(route for route, _ in routes() if route.startswith("api/v1/") and route not in PUBLIC_ROUTES)


def address_of(route: str) -> str:
    """The route with a UUID in every hole: nothing is there."""
    return f"{BASE_URL}/{re.sub('<[^>]*>', '01a1fd70-f1c0-7d1b-8ced-8e254e3fb2e3', route)}"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nobody_gets_past_the_door_of_any_call(method: str, subtests: pytest.Subtests) -> None:
    doors = 0
    for route in product_routes():
        with subtests.test(route=route):
            response = InProcess().call(method, address_of(route), {})
            is_known = method in response.headers["Allow"].split(", ")
            doors += is_known
            assert response.status in ({401} if is_known else {401, 405})
    assert doors or method == "PUT"


@pytest.mark.parametrize("route", sorted(route for route in PUBLIC_ROUTES if "device/" in route or "token" in route))
def test_signed_endpoint_takes_nobody_without_a_signature(route: str, alice: Person) -> None:
    url = f"{BASE_URL}/{route}"
    assert_refused(send(alice.transport, Draft("POST", url, {})), 401, "signature_missing")
    bearer = Draft("POST", url, {"Authorization": f"Bearer {alice.phone.state.access}"})
    assert_refused(send(alice.transport, bearer), 401, "signature_missing")
