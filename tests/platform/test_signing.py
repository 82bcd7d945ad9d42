"""The signature profile by itself: against the vectors that every kit shares, and against another implementation."""

import base64
import json
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import handset_client
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from django.core.exceptions import DisallowedHost
from django.test import RequestFactory
from handset_client import HmacKey, P256Key, content_digest, new_nonce, sign
from handset_client.keys import b64url, unb64url
from handset_client.signature import Key
from http_message_signatures import HTTPMessageVerifier, MappingKeyResolver
from http_message_signatures.algorithms import ECDSA_P256_SHA256, HMAC_SHA256
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from api.exceptions import ApiError
from api.platform import keys, signing
from api.platform.signing import Signature, SignatureMalformed, SignatureTargetNotCanonical, Tag, Target
from api.requests import signed_target

VECTORS = json.loads((Path(__file__).parents[2] / "clients/signing/vectors.json").read_text())
SECRET = bytes(range(32))
KEY_PAIR = P256Key.generate()
KEYS: dict[str, Key] = {"hmac": HmacKey(SECRET), "p256": KEY_PAIR}
KEYID = "dev:0199d2c4-7b1e-7c3a-9f10-5a6b7c8d9e0f:1"


@dataclass(frozen=True)
class Message:
    """A request as it goes over the wire; what the other implementation calls a message too."""

    method: str
    scheme: str
    authority: str
    path: str
    query: str  # with its question mark, or empty
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}{self.query}"

    def target(self) -> Target:
        """What the server makes of it."""
        environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in self.headers.items()}
        environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
        request = RequestFactory().generic(self.method, "/", secure=self.scheme == "https")
        request.META |= environ | {
            "HTTP_HOST": self.authority,
            "RAW_URI": f"{self.path}{self.query}",
            "CONTENT_LENGTH": str(len(self.body)),
        }
        return signed_target(request)


def holds(key: Key, signature: Signature, base: bytes) -> bool:
    if signature.algorithm != key.algorithm:
        return False
    if isinstance(key, P256Key):
        return signing.verify_p256(key.public_jwk(), base, signature.value)
    return signing.verify_hmac(SECRET, base, signature.value)


def is_accepted(message: Message, key: Key, tag: Tag) -> bool:
    """What the server does about a signature, up to its stores."""
    try:
        target = message.target()
        signature = signing.parse(
            message.headers["Signature-Input"],
            message.headers["Signature"],
            message.headers["Content-Digest"],
            tag=tag,
            has_body=target.has_body,
        )
        signing.require_canonical(target, tag)
        signing.require_fresh(signature, time.time(), past_seconds=300, future_seconds=60)
    except (ApiError, DisallowedHost):
        return False
    base = signing.signature_base(signature.params, signature.content_digest, target)
    return holds(key, signature, base) and signature.content_digest == signing.content_digest(message.body)


def oracle_accepts(message: Message, key: Key, tag: Tag) -> bool:
    """The same by a library that knows nothing of the profile but what a caller can ask of it."""
    is_pair = isinstance(key, P256Key)
    public = key._private_key.public_key() if isinstance(key, P256Key) else SECRET
    verifier = HTTPMessageVerifier(
        signature_algorithm=ECDSA_P256_SHA256 if is_pair else HMAC_SHA256,
        key_resolver=MappingKeyResolver(public_keys={KEYID: public}, private_keys={}),
    )
    required = ["@method", "@authority", "@path", "@query", "content-digest"]
    required += ["content-type"] if message.body else []
    required += ["authorization"] if tag is Tag.REQUEST else []
    try:
        verifier.verify(message, expect_tag=tag, require_components=required, body=message.body)
    except Exception:  # noqa: BLE001 -- whatever it cannot read, it does not accept
        return False
    return True


# -- the vectors


def each(vectors: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", vectors, ids=[vector["name"] for vector in vectors])


def message_of(vector: dict[str, Any]) -> Message:
    scheme, _, rest = vector["url"].partition("://")
    authority, _, path = rest.partition("/")
    path, mark, query = path.partition("?")
    headers = dict(vector["headers"])
    headers |= {name: vector[key] for name, key in (("Content-Type", "content_type"), ("Authorization", "authorization")) if key in vector}  # fmt: skip
    return Message(vector["method"], scheme, authority, f"/{path}", mark + query, headers, vector["body"].encode())


@each(VECTORS["requests"])
def test_server_sees_the_base_of_the_vector(vector: dict[str, Any]) -> None:
    message, tag = message_of(vector), Tag(vector["tag"])
    target = message.target()
    signature = signing.parse(
        message.headers["Signature-Input"],
        message.headers["Signature"],
        message.headers["Content-Digest"],
        tag=tag,
        has_body=target.has_body,
    )
    base = signing.signature_base(signature.params, signature.content_digest, target)
    assert base.decode() == vector["signature_base"]
    assert (signature.created, signature.nonce, signature.keyid) == (
        vector["created"],
        vector["nonce"],
        vector["keyid"],
    )
    assert signature.content_digest == signing.content_digest(message.body)
    if vector["key"] == "p256":
        jwk = {name: VECTORS["p256"][name] for name in ("kty", "crv", "x", "y")}
        assert signing.verify_p256(signing.parse_jwk(jwk), base, signature.value)
    else:
        secret = VECTORS["app_key_hex"] if vector["key"] == "app" else VECTORS["derivation"]["secret_hex"]
        assert signing.verify_hmac(bytes.fromhex(secret), base, signature.value)
        assert signing.sign_hmac(bytes.fromhex(secret), base) == base64.b64encode(signature.value).decode()


@each(VECTORS["requests"])
def test_vector_is_canonical_and_of_its_time(vector: dict[str, Any]) -> None:
    message, tag = message_of(vector), Tag(vector["tag"])
    signing.require_canonical(message.target(), tag)
    signature = signing.parse(
        *(message.headers[name] for name in ("Signature-Input", "Signature", "Content-Digest")),
        tag=tag,
        has_body=bool(message.body),
    )
    for now, is_fresh in ((-61, False), (-60, True), (0, True), (300, True), (301, False)):
        try:
            signing.require_fresh(signature, vector["created"] + now, past_seconds=300, future_seconds=60)
            assert is_fresh
        except ApiError as error:
            assert not is_fresh
            assert (error.code, error.members["server_time"]) == ("clock_skew", vector["created"] + now)


def test_secret_is_derived_as_in_the_vectors(settings: Settings) -> None:
    given_by = VECTORS["derivation"]
    settings.DEVICE_MASTER_KEYS = f"{given_by['master_kid']}:{b64url(bytes.fromhex(given_by['master_hex']))}"
    device_id = given_by["info"].split("|")[3]
    secret = keys.device_secret(
        kid=given_by["master_kid"],
        enrol_digest=bytes.fromhex(given_by["salt_hex"]),
        device_id=device_id,
        generation=1,
    )
    assert secret.hex() == given_by["secret_hex"]


def test_key_proof_is_that_of_the_vectors() -> None:
    proof = VECTORS["key_proof"]
    digest = bytes.fromhex(VECTORS["derivation"]["salt_hex"])
    message = signing.key_proof_message(proof["install_id"], digest)
    assert message.decode() == proof["message"]
    jwk = {name: VECTORS["p256"][name] for name in ("kty", "crv", "x", "y")}
    assert signing.verify_p256(jwk, message, unb64url(proof["key_proof"]))


# -- another implementation

SEGMENTS = st.text("abcXYZ019._~-", min_size=1, max_size=8).filter(lambda text: text not in {".", ".."})
PATHS = st.tuples(st.lists(SEGMENTS, min_size=1, max_size=4), st.sampled_from(["", "/"])).map(
    lambda parts: "/" + "/".join(parts[0]) + parts[1]
)
QUERIES = st.lists(st.sampled_from("aZ09._~-=&+/?:@!$'()*,;").map(str) | st.just("%C3%A9"), max_size=12).map("".join)
VISIBLE = st.text([chr(code) for code in range(0x21, 0x7F)], min_size=1, max_size=20)


@st.composite
def messages(draw: st.DrawFn) -> tuple[Message, Key, Tag]:
    """A request with a signature that is good."""
    key = KEYS[draw(st.sampled_from(["hmac", "p256"]))]
    tag = draw(st.sampled_from([Tag.TOKEN, Tag.REQUEST]))
    body = draw(st.binary(max_size=40))
    query = draw(QUERIES)
    headers = {"Content-Type": draw(st.sampled_from(["application/json", "text/plain; x=?"]) | VISIBLE)} if body else {}
    if tag is Tag.REQUEST:
        headers["Authorization"] = f"Bearer {draw(VISIBLE)}"
    message = Message(
        method=draw(st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"])),
        scheme=draw(st.sampled_from(["http", "https"])),
        authority=draw(
            st.sampled_from(["api.example.com", "localhost:8000", "10.0.2.2:8000", "API.Example.COM", "[::1]:8000"])
        ),
        path=draw(PATHS),
        query=f"?{query}" if query or draw(st.booleans()) else "",
        headers=headers,
        body=body,
    )
    signature = sign(
        message.method,
        message.url,
        body,
        key=key,
        keyid=KEYID,
        tag=handset_client.Tag(tag),
        created=int(time.time()) - draw(st.integers(0, 200)),
        nonce=new_nonce(),
        content_type=headers.get("Content-Type", ""),
        authorization=headers.get("Authorization", ""),
    )
    return replace(message, headers=headers | signature.headers), key, tag


@settings(max_examples=100, deadline=None, database=None)
@given(messages())
def test_good_signature_is_accepted_by_both(signed: tuple[Message, Key, Tag]) -> None:
    message, key, tag = signed
    assert is_accepted(message, key, tag)
    assert oracle_accepts(message, key, tag)


def other(text: str, place: int, character: str) -> str:
    """`text` with another character at `place`."""
    place %= len(text)
    assume(text[place].lower() != character.lower())
    return text[:place] + character + text[place + 1 :]


PARTS = ["method", "authority", "path", "query", "body", "Content-Type", "Authorization", "Content-Digest", "Signature-Input", "Signature"]  # fmt: skip


@settings(max_examples=300, deadline=None, database=None)
@given(
    messages(),
    st.sampled_from(PARTS),
    st.integers(0, 10_000),
    st.sampled_from([chr(code) for code in range(0x20, 0x7F)]) | st.characters(max_codepoint=0xFF),
)
def test_any_byte_changed_is_accepted_by_neither(
    signed: tuple[Message, Key, Tag], part: str, place: int, character: str
) -> None:
    message, key, tag = signed
    if part in {"method", "authority", "path", "query"}:
        before = getattr(message, part)
        assume(before)
        # The empty query and none are one, by RFC 9421 §2.2.7.
        changed = replace(message, **{part: other(before, place, character)})
        assume(part != "query" or changed.query.startswith("?"))
        assume(part not in {"path", "query"} or character not in "?#")
    elif part == "body":
        assume(message.body)
        place %= len(message.body)
        flipped = message.body[place] ^ (1 << (ord(character) % 8))
        changed = replace(message, body=message.body[:place] + bytes([flipped]) + message.body[place + 1 :])
    elif part == "Signature":
        value = bytearray(base64.b64decode(message.headers[part].removeprefix("sig=:").removesuffix(":")))
        value[place % len(value)] ^= 1 << (ord(character) % 8)
        header = f"sig=:{base64.b64encode(bytes(value)).decode()}:"
        changed = replace(message, headers={**message.headers, part: header})
    else:
        assume(part in message.headers)
        text = message.headers[part]
        prefix = "sig=" if part == "Signature-Input" else ""  # the label is not signed, and only ours is taken
        text = prefix + other(text.removeprefix(prefix), place, character)
        assume(text == text.strip())  # servers take spaces at the ends away
        changed = replace(message, headers={**message.headers, part: text})
    assert not is_accepted(changed, key, tag)
    assert not oracle_accepts(changed, key, tag)


@settings(max_examples=50, deadline=None, database=None)
@given(
    messages(),
    st.sampled_from([" ", "\t", "a", "\xe9", "\r\n", "\x00", ","]),
    st.sampled_from(PARTS[5:]),
    st.integers(0, 10_000),
)
def test_any_byte_added_is_accepted_by_neither(
    signed: tuple[Message, Key, Tag], added: str, part: str, place: int
) -> None:
    message, key, tag = signed
    assume(part in message.headers)
    text = message.headers[part]
    assume(len(text) > 1)
    place = 1 + place % (len(text) - 1)
    changed = replace(message, headers={**message.headers, part: text[:place] + added + text[place:]})
    assert not is_accepted(changed, key, tag)
    # The library unfolds lines and reads optional space, as it may; the profile has one spelling.
    if not added.isspace():
        assert not oracle_accepts(changed, key, tag)


@settings(max_examples=30, deadline=None, database=None)
@given(messages(), messages())
def test_signature_of_another_request_is_accepted_by_neither(
    one: tuple[Message, Key, Tag], another: tuple[Message, Key, Tag]
) -> None:
    """Everything may be swapped for another request's but nothing alone."""
    message, key, tag = one
    headers = another[0].headers
    assume(headers["Signature"] != message.headers["Signature"])
    for name in ("Signature", "Signature-Input"):
        changed = replace(message, headers={**message.headers, name: headers[name]})
        assert not is_accepted(changed, key, tag)
        assert not oracle_accepts(changed, key, tag)


# -- the parts


CANONICAL = ["/", "/a", "/a/", "/a.b/c-d/e_f", "/.well-known/x", "/...", "/a/.../b", "/~x", "/a..b/..c/d..", "/.a"]
NOT_CANONICAL = [
    "", "a", "//", "//a", "/a//b", "/a//", "/./", "/.", "/..", "/../a", "/a/..", "/a/../b", "/a/./b", "/a/.", "/%61", "/a%2fb",
    "/%2e%2e/", "/a;b", "/a b", "/a\\b", "/a\n", "/\n", "/a\x00", "/é", "/a:b", "/a@b", "/a+b", "/a,b", "/a*", "http://x/a",
]  # fmt: skip


@pytest.mark.parametrize("path", CANONICAL)
def test_address_with_one_spelling_can_be_signed(path: str) -> None:
    signing.require_canonical(target(path=path), Tag.TOKEN)


@pytest.mark.parametrize("path", NOT_CANONICAL)
def test_address_with_another_spelling_cannot(path: str) -> None:
    with pytest.raises(SignatureTargetNotCanonical):
        signing.require_canonical(target(path=path), Tag.TOKEN)


@pytest.mark.parametrize("query", ["?", "?a=b", "?a=%20&b", "??", "?'\"<>"])
def test_query_is_visible_ascii(query: str) -> None:
    signing.require_canonical(target(query=query), Tag.TOKEN)


@pytest.mark.parametrize("query", ["", "a=b", "?a b", "?a\n", "?é", "?a\x7f", "?\x00"])
def test_other_queries_cannot_be_signed(query: str) -> None:
    with pytest.raises(SignatureTargetNotCanonical):
        signing.require_canonical(target(query=query), Tag.TOKEN)


@pytest.mark.parametrize("value", ["é", "a\n", 'a\n"@path": /b', "a\x00", "\x7f", "ａ"])
@pytest.mark.parametrize("name", ["content_type", "authorization"])
def test_headers_hold_nothing_that_the_base_cannot_spell(name: str, value: str) -> None:
    with pytest.raises(SignatureMalformed):
        signing.require_canonical(target(**{name: value}), Tag.REQUEST)


def target(**changes: Any) -> Target:
    plain = {
        "method": "POST",
        "authority": "x",
        "path": "/",
        "query": "?",
        "has_body": True,
        "content_type": "application/json",
        "authorization": "",
    }
    return Target(**{**plain, **changes})


@pytest.mark.parametrize("length", [0, 1, 32, 63, 65, 70, 71, 72, 128])
def test_p256_signature_has_64_bytes(length: int) -> None:
    base = b"base"
    value = (KEY_PAIR.sign(base) * 3)[:length]
    assert not signing.verify_p256(KEY_PAIR.public_jwk(), base, value)


def test_p256_takes_no_der_and_no_zeroes() -> None:
    base = b"base"
    raw = KEY_PAIR.sign(base)
    r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
    jwk = KEY_PAIR.public_jwk()
    assert signing.verify_p256(jwk, base, raw)
    assert not signing.verify_p256(jwk, base, encode_dss_signature(r, s))
    for values in ((0, 0), (r, 0), (0, s), (2**256 - 1, s), (r, 2**256 - 1), (s, r)):
        assert not signing.verify_p256(jwk, base, values[0].to_bytes(32) + values[1].to_bytes(32))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_hmac_of_another_length_is_none(length: int) -> None:
    assert not signing.verify_hmac(SECRET, b"base", (HmacKey(SECRET).sign(b"base") * 2)[:length])


def test_digest_is_that_of_the_kit() -> None:
    for body in (b"", b"{}", bytes(range(256))):
        assert signing.content_digest(body) == content_digest(body)


def test_key_of_another_curve_is_none() -> None:
    point = ec.generate_private_key(ec.SECP256K1()).public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-256", "x": b64url(point.x.to_bytes(32)), "y": b64url(point.y.to_bytes(32))}
    with pytest.raises(ValueError):
        signing.parse_jwk(jwk)
