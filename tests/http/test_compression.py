"""JSON of some size is compressed for whoever takes it, and nothing that holds a secret ever is."""

import gzip
import json
from typing import Any

import pytest

from tests.apis.contacts.rows import make_contact
from tests.conftest import Person

pytestmark = pytest.mark.django_db

GZIP = {"Accept-Encoding": "br, gzip;q=0.9"}


@pytest.fixture
def large(alice: Person) -> str:
    return f"/api/v1/contacts/{make_contact(alice, display_name='Ada', notes='word ' * 500).slug}/"


def test_large_answers_are_compressed(alice: Person, send: Any, large: str) -> None:
    plain = send("GET", large, person=alice)
    packed = send("GET", large, person=alice, headers=GZIP)
    assert "Content-Encoding" not in plain
    assert packed["Content-Encoding"] == "gzip"
    assert len(packed.content) == int(packed["Content-Length"]) < len(plain.content) / 2
    assert json.loads(gzip.decompress(packed.content)) == plain.json()
    assert {part.strip() for part in packed["Vary"].split(",")} >= {"Authorization", "Accept-Encoding"}


def test_tag_of_a_compressed_answer_is_good_for_both(alice: Person, send: Any, large: str) -> None:
    packed = send("GET", large, person=alice, headers=GZIP)
    assert packed["ETag"] == f"W/{send('GET', large, person=alice)['ETag']}"
    for accepted in ({}, GZIP):
        again = send("GET", large, person=alice, headers={"If-None-Match": packed["ETag"], **accepted})
        assert (again.status_code, again.content) == (304, b"")
    changed = send("PATCH", large, {"notes": ""}, person=alice, headers={"If-Match": packed["ETag"]})
    assert changed.status_code == 200


def test_small_answers_are_not(alice: Person, send: Any) -> None:
    assert "Content-Encoding" not in send("GET", "/api/v1/auth/check/", person=alice, headers=GZIP)


def test_answers_with_tokens_are_not(alice: Person) -> None:
    answer = alice.phone.request("POST", "token/pair/", {"email": alice.email, "password": "x"}, headers=GZIP)
    assert "content-encoding" not in answer.headers
    tokens = alice.phone.get_token()
    assert len(tokens.body) > 1024
    assert "content-encoding" not in tokens.headers
    assert tokens.headers["cache-control"] == "no-store"


def test_pages_are_not(send: Any) -> None:
    """They hold tokens of their own, beside what a caller may have typed."""
    assert "Content-Encoding" not in send("GET", "/cms/sign-in/", headers={**GZIP, "Accept": "text/html"})
