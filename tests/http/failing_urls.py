"""The process's addresses and three more, whose views fail in ways that nobody expected."""

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import path

from api.permissions import IsPublic
from api.requests import ApiRequest
from api.views import ApiView
from core.urls import handler400, handler403, handler404, handler500
from core.urls import urlpatterns as real_urlpatterns

INSIDE = "the password of the database is hunter2"


class FailingView(ApiView):
    permission_classes = (IsPublic,)
    is_list = True  # takes parameters

    def get(self, request: ApiRequest) -> HttpResponse:
        raise RuntimeError(INSIDE)


def failing_page(request: HttpRequest) -> HttpResponse:
    raise RuntimeError(INSIDE)


def page_without_database(request: HttpRequest) -> HttpResponse:
    raise OperationalError(INSIDE)


urlpatterns = [
    *real_urlpatterns,
    path("api/v1/failing/", FailingView.as_view()),
    path("failing/", failing_page),
    path("without-database/", page_without_database),
]

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]
