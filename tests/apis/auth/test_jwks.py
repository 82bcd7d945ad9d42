"""`GET /.well-known/jwks.json`: the public halves of the ring, and nothing else of it."""

import hashlib
import json

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings as configured
from handset_client import Answer
from handset_client.outcomes import accept
from pytest_django import Settings

from api.platform.keys import b64url
from api.platform.tokens import signing_keys
from tests.apis.auth.wire import Draft, lower_rates, send
from tests.conftest import Person
from tests.phones import BASE_URL, InProcess

pytestmark = pytest.mark.django_db


def key_set() -> Answer:
    return accept(send(InProcess(), Draft("GET", f"{BASE_URL}/.well-known/jwks.json", {})))


def pem() -> str:
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def test_anybody_can_verify_a_token_with_it(alice: Person) -> None:
    token = alice.phone.state.access or ""
    keys = jwt.PyJWKSet.from_dict(key_set().json)
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, ["ES256"], audience="handset-api", issuer="handset")
    assert claims["sub"] == str(alice.user.id)


def test_it_may_be_cached() -> None:
    answer = key_set()
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["content-type"] == "application/json"


def test_public_halves_only() -> None:
    (key,) = key_set().json["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
    (own,) = signing_keys(configured.JWT_SIGNING_KEYS)
    private = own.private.private_numbers().private_value.to_bytes(32)
    assert b64url(private) not in json.dumps(key)


def test_next_and_retired_keys_are_there_before_and_after_they_sign(settings: Settings, alice: Person) -> None:
    ring = [{"pem": pem(), "status": status} for status in ("next", "current", "retired")]
    settings.JWT_SIGNING_KEYS = json.dumps(ring)
    kids = [key["kid"] for key in key_set().json["keys"]]
    assert len(set(kids)) == 3
    alice.phone.get_token()
    assert jwt.get_unverified_header(alice.phone.state.access or "")["kid"] == kids[1]


def test_kid_is_the_thumbprint_of_its_key() -> None:
    """RFC 7638, its beginning: the same key has the same name everywhere."""
    (key,) = key_set().json["keys"]
    canonical = json.dumps({name: key[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    assert key["kid"] == b64url(hashlib.sha256(canonical.encode()).digest())[:16]


def test_it_is_there_for_verifiers_at_any_time(settings: Settings) -> None:
    lower_rates(settings, burst=1, sustained=1)
    for _ in range(5):
        key_set()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_it_is_only_read(method: str) -> None:
    assert send(InProcess(), Draft(method, f"{BASE_URL}/.well-known/jwks.json", {})).status == 405
