"""Access tokens: what is taken for one, from where, for how long."""

import base64
import hmac
import json
import uuid
from collections.abc import Callable
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.conf import settings as configured
from handset_client import Answer, P256Key
from pytest_django import Settings

from api.apis.auth import services as auth
from api.apis.jobs import services as jobs
from api.apis.onboarding import services as onboarding
from api.models import Membership, Organization, Session
from api.platform import callers, tokens
from api.platform.keys import purpose_key
from api.platform.tokens import SigningKey, signing_keys
from tests.apis.auth.stores import NOBODY_LISTENS, begin_epoch
from tests.apis.auth.wire import (
    NOW,
    Draft,
    MakePhone,
    assert_refused,
    commit,
    draft,
    get_token,
    request_of,
    send,
    with_token,
)
from tests.conftest import Person
from tests.phones import BASE_URL

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

Clock = time_machine.Traveller
CHECK = f"{BASE_URL}/api/v1/auth/check/"
Sign = Callable[[bytes], bytes]
GOOD_HEADER = {"alg": "ES256", "typ": "at+jwt"}


def check(person: Person, token: str) -> Answer:
    return with_token(person.transport, "GET", "auth/check/", token)


def own_key() -> SigningKey:
    return signing_keys(configured.JWT_SIGNING_KEYS)[0]


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def signed(claims: dict[str, Any], header: dict[str, Any] | None = None, key: Any = None) -> str:
    """A token as our own server would sign it, whatever it says."""
    ring = own_key()
    return jwt.encode(claims, key or ring.private, "ES256", headers={"typ": "at+jwt", "kid": ring.kid} | (header or {}))


def spelled(header: Any, claims: Any, sign: Sign) -> str:
    """A token put together by hand, for what no library would write."""

    def part(data: Any) -> str:
        raw = data if isinstance(data, bytes) else json.dumps(data, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    message = f"{part(header)}.{part(claims)}"
    return f"{message}.{part(sign(message.encode()))}"


def by(private: ec.EllipticCurvePrivateKey) -> Sign:
    return lambda message: jwt.get_algorithm_by_name("ES256").sign(message, private)


def es256(message: bytes) -> bytes:
    return by(own_key().private)(message)


def mac(secret: bytes, digest: str = "sha256") -> Sign:
    return lambda message: hmac.digest(secret, message, digest)


def just(signature: bytes) -> Sign:
    return lambda _: signature


def test_hand_made_token_of_our_key_is_taken(alice: Person) -> None:
    """The set-up of every refusal below."""
    claims = claims_of(alice.phone.state.access or "")
    assert check(alice, signed(claims)).status == 200
    assert check(alice, spelled({**GOOD_HEADER, "kid": own_key().kid}, claims, es256)).status == 200


# -- forged signatures


def test_none_is_no_algorithm(alice: Person, subtests: pytest.Subtests) -> None:
    for signature in [b"", b"x", bytes(64)]:
        for algorithm in ["none", "None", "NONE", "nOnE", "NoNe", "", " none", "none ", None, False, 0, []]:
            with subtests.test(algorithm=algorithm, signature=signature):
                claims = claims_of(alice.phone.state.access or "")
                for kid in ({"kid": own_key().kid}, {}):
                    forged = spelled({**GOOD_HEADER, "alg": algorithm, **kid}, claims, just(signature))
                    assert_refused(check(alice, forged), 401, "token_invalid")


def test_token_without_its_signature_is_refused(alice: Person) -> None:
    head, body, signature = (alice.phone.state.access or "").split(".")
    for forged in (
        f"{head}.{body}",
        f"{head}.{body}.",
        f"{head}..{signature}",
        f".{body}.{signature}",
        f"{head}.{body}.{signature}.",
    ):
        assert_refused(check(alice, forged), 401, "token_invalid")


def spellings_of_our_public_key() -> dict[str, bytes]:
    public, jwk = own_key().private.public_key(), own_key().jwk
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = public.public_bytes(serialization.Encoding.PEM, info)
    point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return {
        "PEM": pem,
        "PEM without its end": pem.strip(),
        "DER": public.public_bytes(serialization.Encoding.DER, info),
        "point": point,
        "coordinates": point[1:],
        "JWK": json.dumps(jwk).encode(),
        "JWKS": json.dumps(tokens.jwks()).encode(),
        "x": jwk["x"].encode(),
        "kid": own_key().kid.encode(),
        "nothing": b"",
    }


def test_public_key_is_no_secret(alice: Person, subtests: pytest.Subtests) -> None:
    for spelling, secret in spellings_of_our_public_key().items():
        with subtests.test(spelling=spelling, secret=secret):
            claims = claims_of(alice.phone.state.access or "")
            for algorithm, digest in (("HS256", "sha256"), ("HS512", "sha512"), ("ES256", "sha256")):
                header = {**GOOD_HEADER, "alg": algorithm, "kid": own_key().kid}
                forged = spelled(header, claims, mac(secret, digest))
                assert_refused(check(alice, forged), 401, "token_invalid")


def test_other_keys_sign_nothing(alice: Person) -> None:
    claims = claims_of(alice.phone.state.access or "")
    own = ec.generate_private_key(ec.SECP256R1())
    assert_refused(check(alice, signed(claims, key=own)), 401, "token_invalid")
    other_curve = ec.generate_private_key(ec.SECP384R1())
    header = {"typ": "at+jwt", "kid": own_key().kid}
    assert_refused(check(alice, jwt.encode(claims, other_curve, "ES384", headers=header)), 401, "token_invalid")
    modulus = rsa.generate_private_key(65537, 2048)
    assert_refused(check(alice, jwt.encode(claims, modulus, "RS256", headers=header)), 401, "token_invalid")


def test_server_secret_signs_no_access_token(alice: Person) -> None:
    claims = claims_of(alice.phone.state.access or "")
    for secret in (configured.SECRET_KEY.encode(), purpose_key("refresh")):
        forged = spelled({**GOOD_HEADER, "alg": "HS256", "kid": own_key().kid}, claims, mac(secret))
        assert_refused(check(alice, forged), 401, "token_invalid")


def test_every_part_is_covered(alice: Person, subtests: pytest.Subtests) -> None:
    for part in [0, 1, 2]:
        with subtests.test(part=part):
            token = alice.phone.state.access or ""
            pieces = token.split(".")
            for place in range(0, len(pieces[part]), 7):
                other = "A" if pieces[part][place] != "A" else "B"
                changed = list(pieces)
                changed[part] = pieces[part][:place] + other + pieces[part][place + 1 :]
                assert_refused(check(alice, ".".join(changed)), 401, "token_invalid")
            assert check(alice, token).status == 200


# -- headers


def test_only_a_key_of_the_ring_has_a_name(alice: Person, subtests: pytest.Subtests) -> None:
    for kid in [
        None,
        "",
        "unknown",
        "../../../../dev/null",
        "/dev/null",
        "file:///etc/passwd",
        "http://127.0.0.1:1/key",
        "' OR 1=1 --",
        "x\u0000",
        0,
        -1,
        True,
        [],
        {},
        ["k"],
    ]:
        with subtests.test(kid=kid):
            claims = claims_of(alice.phone.state.access or "")
            for forged in (
                spelled({**GOOD_HEADER, "kid": kid}, claims, es256),
                spelled({**GOOD_HEADER, "kid": kid}, claims, mac(b"")),
            ):
                assert_refused(check(alice, forged), 401, "token_invalid")


def test_token_names_its_key(alice: Person) -> None:
    claims = claims_of(alice.phone.state.access or "")
    assert_refused(check(alice, spelled(GOOD_HEADER, claims, es256)), 401, "token_invalid")
    for cut in (own_key().kid[:-1], own_key().kid + "x", own_key().kid.swapcase()):
        assert_refused(check(alice, signed(claims, {"kid": cut})), 401, "token_invalid")


def test_header_cannot_bring_a_key_or_anything_else(alice: Person, subtests: pytest.Subtests) -> None:
    """Signed by the key that it brings, and even by our own."""
    for name in ["jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "crit", "zip", "cty", "b64", "enc"]:
        with subtests.test(name=name):
            claims = claims_of(alice.phone.state.access or "")
            own = ec.generate_private_key(ec.SECP256R1())
            jwk = {**P256Key(own).public_jwk(), "kid": own_key().kid}
            value: Any = {"jwk": jwk, "x5c": ["MIIB"], "crit": ["exp"], "b64": False}.get(
                name, "http://127.0.0.1:1/jwks.json"
            )
            header = {**GOOD_HEADER, "kid": own_key().kid, name: value}
            assert_refused(check(alice, spelled(header, claims, by(own))), 401, "token_invalid")
            assert_refused(check(alice, spelled(header, claims, es256)), 401, "token_invalid")


def test_token_has_its_own_type(alice: Person, subtests: pytest.Subtests) -> None:
    for kind in ["JWT", "jwt", "AT+JWT", "application/at+jwt", "rt+jwt", "", None, 1]:
        with subtests.test(kind=kind):
            claims = claims_of(alice.phone.state.access or "")
            forged = spelled({"alg": "ES256", "typ": kind, "kid": own_key().kid}, claims, es256)
            assert_refused(check(alice, forged), 401, "token_invalid")


def test_header_that_is_none_is_refused(alice: Person, subtests: pytest.Subtests) -> None:
    for header in [b"", b"{}", b"[]", b"null", b"\xff", b'{"alg":"ES256"', b"1", b'"x"']:
        with subtests.test(header=header):
            claims = claims_of(alice.phone.state.access or "")
            assert_refused(check(alice, spelled(header, claims, es256)), 401, "token_invalid")


# -- claims


def test_missing_claim_is_refused(alice: Person, subtests: pytest.Subtests) -> None:
    for name in [
        "iss",
        "aud",
        "iat",
        "nbf",
        "exp",
        "jti",
        "did",
        "sid",
        "token_type",
        "is_guest",
        "amr",
        "auth_time",
        "scope",
        "atl",
    ]:
        with subtests.test(name=name):
            claims = claims_of(alice.phone.state.access or "")
            del claims[name]
            assert_refused(check(alice, signed(claims)), 401, "token_invalid")


WRONG: list[tuple[str, Any]] = [
    ("iss", "evil"),
    ("iss", ""),
    ("iss", None),
    ("iss", ["handset"]),
    ("aud", "evil"),
    ("aud", ""),
    ("aud", []),
    ("aud", ["evil"]),
    ("aud", None),
    ("aud", 1),
    ("exp", str(NOW + 900)),
    ("exp", NOW + 900.0),
    ("exp", NOW + 900.5),
    ("exp", 1e300),
    ("exp", 10**30),
    ("exp", 2**63),
    ("exp", 2**40),
    ("exp", 253_402_300_800),  # the year 10000
    ("exp", float("inf")),
    ("exp", float("nan")),
    ("exp", None),
    ("exp", []),
    ("exp", {}),
    ("exp", ""),
    ("exp", "never"),
    ("iat", NOW + 60),
    ("iat", str(NOW)),
    ("iat", 10**30),
    ("iat", float(NOW)),
    ("nbf", NOW + 60),
    ("nbf", "x"),
    ("nbf", -(10**30)),
    ("nbf", float(NOW)),
    ("auth_time", str(NOW)),
    ("auth_time", -1),
    ("auth_time", 10**30),
    ("did", "x"),
    ("did", 1),
    ("did", None),
    ("did", []),
    ("sid", "x"),
    ("sid", 1),
    ("sid", {}),
    ("sub", "x"),
    ("sub", 1),
    ("sub", None),
    ("jti", None),
    ("amr", None),
    ("amr", 1),
    ("token_type", "refresh"),
    ("token_type", "sliding"),
    ("token_type", None),
]


def test_claim_of_another_kind_is_refused(alice: Person, subtests: pytest.Subtests) -> None:
    """Though it is our own signature: one server's mistake is not another's failure."""
    for name, value in WRONG:
        with subtests.test(name=name, value=value):
            claims = claims_of(alice.phone.state.access or "") | {name: value}
            forged = spelled({**GOOD_HEADER, "kid": own_key().kid}, claims, es256)
            assert_refused(check(alice, forged), 401, "token_invalid")


def test_token_of_the_past_has_expired(alice: Person, subtests: pytest.Subtests) -> None:
    for expiry in [True, 1, 0, -1, -(10**30), NOW, NOW - 1]:
        with subtests.test(expiry=expiry):
            claims = claims_of(alice.phone.state.access or "") | {"exp": expiry}
            answer = check(alice, signed(claims))
            assert (answer.status, answer.code in {"token_expired", "token_invalid"}) == (401, True)


def test_claims_that_are_none_are_refused(alice: Person, subtests: pytest.Subtests) -> None:
    for claims in [b"", b"[]", b"null", b"1", b'"x"', b"\xff", b'{"exp":', b"{}"]:
        with subtests.test(claims=claims):
            forged = spelled({**GOOD_HEADER, "kid": own_key().kid}, claims, es256)
            assert_refused(check(alice, forged), 401, "token_invalid")


def test_token_lives_as_long_as_it_says_to_the_second(alice: Person, clock: Clock) -> None:
    """Whether a process has seen it before or not."""
    token = alice.phone.state.access or ""
    clock.shift(899)
    assert check(alice, token).json["expires_in"] == 1
    for seen_before in (True, False, False, True):
        clock.move_to(NOW + 899)
        tokens._verified.clear()
        if seen_before:
            assert check(alice, token).status == 200
        for second in (900, 901, 905, 906, 86_400):
            clock.move_to(NOW + second)
            assert_refused(check(alice, token), 401, "token_expired")


def test_clock_of_another_server_may_be_a_little_ahead(alice: Person) -> None:
    claims = claims_of(alice.phone.state.access or "")
    assert check(alice, signed(claims | {"iat": NOW + 5, "nbf": NOW + 5})).status == 200
    assert_refused(check(alice, signed(claims | {"iat": NOW + 6, "nbf": NOW + 6})), 401, "token_invalid")


# -- tokens of other kinds


def test_refresh_token_is_no_access_token(alice: Person) -> None:
    token = alice.phone.state.refresh or ""
    for given in (token, token.replace(".", "", 1), token.partition(".")[2]):
        assert_refused(check(alice, given), 401, "token_invalid")


def test_token_of_a_key_that_left_the_ring_is_refused(alice: Person, settings: Settings) -> None:
    def pem(private: ec.EllipticCurvePrivateKey) -> str:
        return private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    token = alice.phone.state.access or ""
    old, new = pem(own_key().private), pem(ec.generate_private_key(ec.SECP256R1()))
    settings.JWT_SIGNING_KEYS = json.dumps([{"pem": new, "status": "next"}, {"pem": old, "status": "current"}])
    tokens._verified.clear()
    assert check(alice, token).status == 200
    assert check(alice, tokens_of(alice)).status == 200
    settings.JWT_SIGNING_KEYS = json.dumps([{"pem": new, "status": "current"}, {"pem": old, "status": "retired"}])
    tokens._verified.clear()
    newer = tokens_of(alice)
    assert jwt.get_unverified_header(newer)["kid"] != jwt.get_unverified_header(token)["kid"]
    assert check(alice, token).status == check(alice, newer).status == 200
    settings.JWT_SIGNING_KEYS = json.dumps([{"pem": new, "status": "current"}])
    tokens._verified.clear()
    assert_refused(check(alice, token), 401, "token_invalid")
    assert check(alice, newer).status == 200


def tokens_of(person: Person) -> str:
    """A new access token of the person's session."""
    access: str = send(person.transport, get_token(person.phone)).json["access"]
    return access


# -- where a token is looked for


def test_token_anywhere_else_is_not_looked_for(alice: Person, subtests: pytest.Subtests) -> None:
    for name in ["access", "token", "access_token", "jwt", "authorization", "Authorization", "bearer"]:
        with subtests.test(name=name):
            token = alice.phone.state.access
            for given in (
                Draft("GET", f"{CHECK}?{name}={token}", {}),
                Draft("GET", f"{CHECK}?{name}=Bearer%20{token}", {}),
                Draft("GET", CHECK, {"Cookie": f"{name}={token}"}),
                Draft("GET", CHECK, {f"X-{name}": f"Bearer {token}"}),
                Draft("GET", CHECK, {"Proxy-Authorization": f"Bearer {token}"}),
                Draft("POST", f"{BASE_URL}/api/v1/auth/logout/", {"Content-Type": "application/x-www-form-urlencoded"}, f"{name}={token}".encode()),
                Draft("POST", f"{BASE_URL}/api/v1/auth/logout/", {"Content-Type": "application/json"}, json.dumps({name: token}).encode()),
            ):  # fmt: skip
                assert_refused(send(alice.transport, given), 401, "token_missing")
            assert check(alice, token or "").status == 200


def test_no_token_is_told_so(alice: Person) -> None:
    for headers in ({}, {"Authorization": ""}):
        assert_refused(send(alice.transport, Draft("GET", CHECK, headers)), 401, "token_missing")


def test_header_holds_one_token_and_nothing_else(alice: Person, bob: Person) -> None:
    token, other = alice.phone.state.access, bob.phone.state.access
    for header in (
        f"Bearer {token},Bearer {other}",
        f"Bearer {token}, Bearer {token}",
        f"Bearer {token} {other}",
        f"Bearer {token}, {other}",
        f"Bearer {token};",
        f"Bearer  {token}",
        f"Bearer\t{token}",
        f"Bearer {token}\n",
        f"Bearer {token}\x00",
        f"Bearer {token}\xe9",
        f'Bearer "{token}"',
        f"Bearer={token}",
        f"Token {token}",
        f"JWT {token}",
        f"Basic {token}",
        f"DPoP {token}",
        f"{token}",
        "Bearer",
        "Bearer ",
        "Bearer null",
        "Bearer " + "a" * 8000,
        "Bearer " + "a." * 4000,
        f"Bearer {token}" + "A" * 5000,
    ):
        answer = send(alice.transport, Draft("GET", CHECK, {"Authorization": header}))
        assert_refused(answer, 401, "token_invalid")
    for header in (f"Bearer {token}", f"bearer {token}"):
        assert send(alice.transport, Draft("GET", CHECK, {"Authorization": header})).status == 200


def test_token_of_one_device_under_the_signature_of_another_is_refused(alice: Person, bob: Person) -> None:
    given = request_of(bob.phone, "GET", "auth/check/", token=alice.phone.state.access)
    assert_refused(send(bob.transport, given), 401, "token_invalid")
    # Also after the owner's process has seen it.
    assert check(alice, alice.phone.state.access or "").status == 200
    given = request_of(bob.phone, "GET", "auth/check/", token=alice.phone.state.access)
    assert_refused(send(bob.transport, given), 401, "token_invalid")


# -- sessions that have ended


def test_session_that_ended_in_the_same_second_is_over(alice: Person) -> None:
    """Time stands still: nothing here compares times of issue."""
    first = alice.phone.state.access or ""
    second = tokens_of(alice)
    assert check(alice, second).status == 200
    assert with_token(alice.transport, "POST", "auth/logout/", first).status == 204
    for token in (first, second):
        assert_refused(check(alice, token), 401, "token_revoked")
    # A token of the next session is good, in the same second.
    assert check(alice, tokens_of(alice)).status == 200


def revoke_device(alice: Person) -> None:
    commit(onboarding.revoke_device, callers.command(), device_id=uuid.UUID(alice.phone.state.device_id))


def deactivate_person(alice: Person) -> None:
    commit(auth.deactivate_person, callers.command(), user_id=alice.user.id)


@pytest.mark.parametrize("end", [revoke_device, deactivate_person])
def test_whatever_ends_a_session_ends_its_tokens(
    alice: Person, bob: Person, end: Callable[[Person], None], django_capture_on_commit_callbacks: Any
) -> None:
    tokens_before = [alice.phone.state.access or "", tokens_of(alice)]
    with django_capture_on_commit_callbacks(execute=True):
        end(alice)
    for token in tokens_before:
        assert_refused(check(alice, token), 401, "token_revoked")
    assert check(bob, bob.phone.state.access or "").status == 200


@pytest.mark.usefixtures("in_database")
def test_token_of_a_session_that_is_gone_is_revoked(alice: Person) -> None:
    Session.objects.all().delete()
    assert_refused(check(alice, alice.phone.state.access or ""), 401, "token_revoked")


def test_token_of_a_session_that_never_was_is_good_for_nothing(alice: Person, in_database: None) -> None:
    claims = claims_of(alice.phone.state.access or "") | {"sid": str(uuid.UUID(int=1))}
    assert_refused(check(alice, signed(claims)), 401, "token_revoked")


def sign_out(person: Person) -> str:
    """The token that the person had until then."""
    token = person.phone.state.access or ""
    assert with_token(person.transport, "POST", "auth/logout/", token).status == 204
    return token


def test_mark_in_redis_ends_a_session_at_once(own_redis: Any, alice: Person, bob: Person) -> None:
    token = sign_out(alice)
    mark = f"revoked:session:{alice.phone.state.session_id}"
    assert 900 < own_redis.ttl(mark) <= 960  # longer than any token of it lives
    assert_refused(check(alice, token), 401, "token_revoked")
    assert check(bob, bob.phone.state.access or "").status == 200


def test_store_that_lost_its_marks_is_not_believed(own_redis: Any, alice: Person, bob: Person) -> None:
    token = sign_out(alice)
    own_redis.flushdb()
    assert_refused(check(alice, token), 401, "token_revoked")
    assert check(bob, bob.phone.state.access or "").status == 200


def test_restored_store_is_not_believed(own_redis: Any, alice: Person, bob: Person, team: Organization) -> None:
    """Neither about sessions, whose marks came after the snapshot, nor about memberships, which have changed since."""
    of_team = {"filter[org]": team.slug}
    own_redis.delete(*own_redis.keys("members:*"))  # marks of the team's making
    assert bob.get("contacts/", **of_team).status == 200
    token = sign_out(alice)
    own_redis.delete(*own_redis.keys("revoked:session:*"))
    Membership.objects.filter(user=bob.user, organization=team).delete()
    assert check(alice, token).status == bob.get("contacts/", **of_team).status == 200
    begin_epoch(own_redis, 1, run_id="0" * 40)
    assert_refused(check(alice, token), 401, "token_revoked")
    assert bob.get("contacts/", **of_team).status == 404


def test_store_that_is_down_leaves_the_rows(alice: Person, bob: Person, settings: Settings) -> None:
    token = sign_out(alice)
    settings.REDIS_STATE_URL = NOBODY_LISTENS
    assert_refused(check(alice, token), 401, "token_revoked")
    assert check(bob, bob.phone.state.access or "").status == 200


def test_mark_that_was_never_written_is_written_by_the_outbox(own_redis: Any, alice: Person) -> None:
    """The process that ended the session died between its commit and the mark."""
    token = sign_out(alice)
    own_redis.delete(*own_redis.keys("revoked:session:*"))
    assert jobs.run_due() >= 1
    assert_refused(check(alice, token), 401, "token_revoked")


def test_device_without_a_person_is_forbidden_and_not_unknown(new_phone: MakePhone) -> None:
    phone, transport = new_phone()
    phone.get_token()
    answer = with_token(transport, "GET", "users/me/", phone.state.access or "")
    assert_refused(answer, 403, "sign_in_required")
    assert "www-authenticate" not in answer.headers


def test_token_endpoint_takes_no_token_in_place_of_a_signature(alice: Person) -> None:
    given = draft(alice.phone.state.signer, "POST", "auth/get-token/", {"device_id": alice.phone.state.device_id})
    bare = given.with_headers(
        {
            "Signature": None,
            "Signature-Input": None,
            "Content-Digest": None,
            "Authorization": f"Bearer {alice.phone.state.access}",
        }
    )
    assert_refused(send(alice.transport, bare), 401, "signature_missing")
