"""Every call by which somebody could be guessed at is counted per device, whatever it is given; docs/accounts.md says so."""

import pytest
from django.urls import URLPattern
from pytest_django import Settings

from api.apis.auth.urls import urlpatterns
from api.apis.auth.views.base import AccountView
from tests.apis.auth.wire import lower_rates
from tests.conftest import Person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

GUESSABLE = [
    pattern
    for pattern in urlpatterns
    if isinstance(pattern, URLPattern) and issubclass(pattern.callback.view_class, AccountView)
]


def path_of(pattern: URLPattern) -> str:
    return str(pattern.pattern).replace("<str:provider>", "google")


@pytest.mark.parametrize("pattern", GUESSABLE, ids=path_of)
def test_the_fourth_call_of_three_is_too_many(alice: Person, settings: Settings, pattern: URLPattern) -> None:
    view = pattern.callback.view_class
    [method] = [name for name in ("post", "patch") if hasattr(view, name)]
    lower_rates(settings, auth_token=3, magic=3)
    body = {} if view.takes_body else None
    answers = [alice.phone.request(method.upper(), path_of(pattern), body) for _ in range(4)]
    assert [answer.status == 429 for answer in answers] == [False, False, False, True]
