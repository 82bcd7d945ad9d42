"""What goes away says so, on every answer."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from api.apis.users.views import MeView
from api.views import Deprecation
from tests import documented
from tests.conftest import Person

pytestmark = pytest.mark.django_db

SINCE, SUNSET = datetime(2026, 11, 21, tzinfo=UTC), datetime(2027, 5, 31, 12, tzinfo=UTC)


@pytest.fixture
def deprecated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The profile is to go away, and the document is written anew."""
    monkeypatch.setattr(MeView, "deprecation", Deprecation(SINCE, SUNSET))
    documented.document.cache_clear()
    yield
    documented.document.cache_clear()


@pytest.mark.usefixtures("deprecated")
def test_deprecated_resource_says_since_when_and_until_when(alice: Person, send: Any) -> None:
    for answer in (
        send("GET", "/api/v1/users/me/", person=alice),
        send("PATCH", "/api/v1/users/me/", {"nothing": 1}, person=alice),
    ):
        assert answer["Deprecation"] == f"@{int(SINCE.timestamp())}"  # RFC 9745
        assert answer["Sunset"] == "Mon, 31 May 2027 12:00:00 GMT"  # RFC 8594


def test_others_do_not(alice: Person, send: Any) -> None:
    answer = send("GET", "/api/v1/users/me/", person=alice)
    assert "Deprecation" not in answer
    assert "Sunset" not in answer


@pytest.mark.usefixtures("deprecated")
def test_the_document_says_it_too() -> None:
    paths = documented.document()["paths"]
    assert paths["/api/v1/users/me/"]["get"]["deprecated"] is True
    assert "deprecated" not in paths["/api/v1/contacts/"]["get"]
