"""Whatever is changed about a signed request, it is refused by its own code, and nothing has happened."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from gunicorn.http.errors import ParseException
from handset_client import HmacKey, Tag, content_digest
from handset_client.keys import P256Key, unb64url

from api.models import Device
from tests.apis.auth.raw import over_a_socket, spelled
from tests.apis.auth.wire import (
    NOW,
    Draft,
    assert_changes_nothing,
    assert_refused,
    draft,
    get_token,
    prepared,
    remembered_nonces,
    request_of,
    rows,
    send,
)
from tests.conftest import AppKeyOnPhone, Person
from tests.phones import BASE_URL, InProcess, Phone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

MakePhone = Callable[..., tuple[Phone, InProcess]]
PhoneOnWire = tuple[Phone, InProcess]
Change = Callable[[Draft], Draft]

ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture(params=[False, True], ids=["hmac", "p256"])
def device(request: pytest.FixtureRequest, new_phone: MakePhone) -> PhoneOnWire:
    """A registered phone of either kind, with its first tokens."""
    return with_tokens(new_phone(hardware_key=request.param))


@pytest.fixture
def hmac_device(new_phone: MakePhone) -> PhoneOnWire:
    return with_tokens(new_phone())


@pytest.fixture
def p256_device(new_phone: MakePhone) -> PhoneOnWire:
    return with_tokens(new_phone(hardware_key=True))


def with_tokens(made: PhoneOnWire) -> PhoneOnWire:
    made[0].get_token()
    return made


def test_untouched_request_is_accepted(device: PhoneOnWire) -> None:
    """The set-up of every refusal below."""
    phone, transport = device
    assert send(transport, get_token(phone)).status == 200
    assert send(transport, request_of(phone, "GET", "auth/check/")).status == 200
    assert send(transport, prepared(phone, "GET", "auth/check/")).status == 200


# -- what is changed about a request after it was signed


def headers(**changes: str | None) -> Change:
    """Other headers; None leaves one out. `signature_input` is spelled like this."""
    names = {name.replace("_", "-").title(): value for name, value in changes.items()}
    return lambda given: given.with_headers(names)


def header(name: str, change: Callable[[str], str]) -> Change:
    return lambda given: given.with_headers({name: change(given.headers[name])})


def value(change: Callable[[bytes], bytes]) -> Change:
    return lambda given: given.with_value(change(given.value))


def edited(name: str, old: str, new: str) -> Change:
    return lambda given: given.edited(name, old, new)


def to_host(name: str, **environ: str) -> Change:
    return lambda given: replace(given, environ={"HTTP_HOST": name, **environ})


def two_signatures(given: Draft) -> Draft:
    return given.with_headers(
        {
            "Signature-Input": f"{given.headers['Signature-Input']}, two={given.params}",
            "Signature": f"{given.headers['Signature']}, two{given.headers['Signature'].removeprefix('sig')}",
        }
    )


def other_algorithm(params: str) -> str:
    names = "hmac-sha256", "ecdsa-p256-sha256"
    old, new = names if names[0] in params else reversed(names)
    return params.replace(old, new)


CHANGES: dict[str, tuple[Change, str]] = {
    "no headers": (headers(signature_input=None, signature=None, content_digest=None), "signature_missing"),
    "no Signature-Input": (headers(signature_input=None), "signature_missing"),
    "no Signature": (headers(signature=None), "signature_missing"),
    "no Content-Digest": (headers(content_digest=None), "signature_missing"),
    "empty Signature-Input": (headers(signature_input=""), "signature_missing"),
    "empty Signature": (headers(signature=""), "signature_missing"),
    "empty Content-Digest": (headers(content_digest=""), "signature_missing"),
    # A server joins what comes twice by a comma.
    "Signature-Input twice": (header("Signature-Input", lambda text: f"{text},{text}"), "signature_malformed"),
    "Signature twice": (header("Signature", lambda text: f"{text}, {text}"), "signature_malformed"),
    "Content-Digest twice": (header("Content-Digest", lambda text: f"{text},{text}"), "signature_malformed"),
    "Content-Type twice": (header("Content-Type", lambda text: f"{text},{text}"), "signature_invalid"),
    "a second signature": (two_signatures, "signature_malformed"),
    "another label": (header("Signature-Input", lambda text: text.replace("sig=", "s=")), "signature_malformed"),
    "another label of the value": (header("Signature", lambda text: text.replace("sig", "s")), "signature_malformed"),
    "a line feed at the end": (header("Signature-Input", lambda text: f"{text}\n"), "signature_malformed"),
    "a line feed after the value": (header("Signature", lambda text: f"{text}\n"), "signature_malformed"),
    "a line feed after the digest": (header("Content-Digest", lambda text: f"{text}\n"), "signature_malformed"),
    "a folded header": (edited("Signature-Input", ";nonce", "\r\n ;nonce"), "signature_malformed"),
    "8 KB of Signature-Input": (header("Signature-Input", lambda text: text + "a" * 8192), "signature_malformed"),
    "8 KB of Signature": (headers(signature=f"sig=:{'A' * 8192}:"), "signature_malformed"),
    "8 KB of Content-Digest": (headers(content_digest=f"sha-256=:{'A' * 8192}:"), "signature_malformed"),
    "non-ASCII in Signature-Input": (edited("Signature-Input", 'keyid="', 'keyid="\xe9'), "signature_malformed"),
    "non-ASCII in Signature": (edited("Signature", "sig=:", "sig=:\xff"), "signature_malformed"),
    "non-ASCII in Content-Digest": (edited("Content-Digest", "256=:", "256=:\x80"), "signature_malformed"),
    "non-ASCII in Content-Type": (headers(content_type="application/json; x=\xe9"), "signature_malformed"),
    "digits of another script": (edited("Signature-Input", "created=1", "created=\u0661"), "signature_malformed"),
    # The request.
    "path": (lambda given: replace(given, url=f"{BASE_URL}/api/v1/device/revoke/"), "signature_invalid"),
    "trailing slash": (lambda given: replace(given, url=given.url.rstrip("/")), "signature_invalid"),
    "query": (lambda given: replace(given, url=f"{given.url}?a=1"), "signature_invalid"),
    "another name of ours": (to_host("10.0.2.2:8000"), "signature_invalid"),
    "another port": (to_host("localhost:8001"), "signature_invalid"),
    "no port": (to_host("localhost"), "signature_invalid"),
    "a name with a dot at the end": (to_host("localhost.:8000"), "signature_invalid"),
    "a name that is not ours": (to_host("evil.example"), "bad_request"),
    "two names": (to_host("localhost:8000,evil.example"), "bad_request"),
    "a name that a proxy claims": (to_host("10.0.2.2:8000", HTTP_X_FORWARDED_HOST="localhost:8000"), "signature_invalid"),
    "content type": (headers(content_type="application/json; charset=utf-8"), "signature_invalid"),
    "content type in capitals": (headers(content_type="Application/json"), "signature_invalid"),
    "no content type": (headers(content_type=None), "signature_invalid"),
    "the digest of another body": (headers(content_digest=content_digest(b"{}")), "signature_invalid"),
    "body and digest": (
        lambda given: replace(given, body=b"{}").with_headers({"Content-Digest": content_digest(b"{}")}),
        "signature_invalid",
    ),
    "a digest of another kind": (edited("Content-Digest", "sha-256", "sha-512"), "signature_malformed"),
    "two digests": (header("Content-Digest", lambda text: f"{text}, sha-512=:AA==:"), "signature_malformed"),
    "no body": (
        lambda given: replace(given, body=b"").with_headers({"Content-Type": None}),
        "signature_insufficient_coverage",
    ),
    # What the signature says about itself.
    "created": (edited("Signature-Input", f"created={NOW}", f"created={NOW + 1}"), "signature_invalid"),
    "nonce": (edited("Signature-Input", 'nonce="', 'nonce="A'), "signature_invalid"),
    "algorithm": (header("Signature-Input", other_algorithm), "signature_invalid"),
    "the next generation": (edited("Signature-Input", ':1";tag', ':2";tag'), "signature_invalid"),
    "a distant generation": (edited("Signature-Input", ':1";tag', ':99999";tag'), "signature_invalid"),
    "tag of other calls": (edited("Signature-Input", Tag.TOKEN, Tag.REQUEST), "signature_wrong_purpose"),
    "tag of registration": (edited("Signature-Input", Tag.TOKEN, Tag.REGISTER), "signature_wrong_purpose"),
    "an unknown tag": (edited("Signature-Input", Tag.TOKEN, "devauth-v2-token"), "signature_malformed"),
    "coverage": (edited("Signature-Input", ' "content-type"', ""), "signature_insufficient_coverage"),
    # Its value.
    "a bit of it": (value(lambda given: bytes([given[0] ^ 1]) + given[1:]), "signature_invalid"),
    "32 zeroes": (value(lambda _: bytes(32)), "signature_invalid"),
    "64 zeroes": (value(lambda _: bytes(64)), "signature_invalid"),
    "64 times 255": (value(lambda _: b"\xff" * 64), "signature_invalid"),
    "r = s = 1": (value(lambda _: (1).to_bytes(32) * 2), "signature_invalid"),
    "31 bytes": (value(lambda given: given[:31]), "signature_malformed"),
    "33 bytes": (value(lambda given: given[:32] + b"\0"), "signature_malformed"),
    "63 bytes": (value(lambda given: (given * 2)[:63]), "signature_malformed"),
    "65 bytes": (value(lambda given: (given * 3)[:65]), "signature_malformed"),
    "no bytes": (value(lambda _: b""), "signature_malformed"),
    "base64url": (
        headers(signature=f"sig=:{base64.urlsafe_b64encode(bytes([255]) * 32).decode()}:"),
        "signature_malformed",
    ),
    "no padding": (header("Signature", lambda text: text.replace("=:", ":").replace("sig:", "sig=:")), "signature_malformed"),
    "no colons": (header("Signature", lambda text: text.replace(":", "")), "signature_malformed"),
}  # fmt: skip


def test_changed_request_is_refused(device: PhoneOnWire, subtests: pytest.Subtests) -> None:
    phone, transport = device
    for what, (change, code) in CHANGES.items():
        with subtests.test(what=what):
            status = 400 if code == "bad_request" else 401
            answer = assert_changes_nothing(transport, change(get_token(phone)), status, code)
            assert status == 400 or f'tag="{Tag.TOKEN}"' in answer.headers["accept-signature"]
    assert send(transport, get_token(phone)).status == 200


def test_nobody_is_told_what_would_have_fitted(hmac_device: PhoneOnWire, subtests: pytest.Subtests) -> None:
    """`Accept-Signature` names components and parameters, never a value."""
    for code in ["signature_missing", "signature_malformed", "signature_invalid"]:
        with subtests.test(code=code):
            phone, transport = hmac_device
            change = next(change for change, its_code in CHANGES.values() if its_code == code)
            accepted = send(transport, change(get_token(phone))).headers["accept-signature"]
            assert accepted == (
                'sig=("@method" "@authority" "@path" "@query" "content-digest" "content-type");created;nonce;alg;keyid;'
                'tag="devauth-v1-token"'
            )


def test_method_is_covered(alice: Person) -> None:
    given = request_of(alice.phone, "GET", "users/me/")
    assert_changes_nothing(alice.transport, replace(given, method="PATCH"), 401, "signature_invalid")
    assert alice.transport.call("HEAD", given.url, given.headers).status == 401
    assert send(alice.transport, given).status == 200


def test_changed_body_is_told_apart_after_its_signature_held(device: PhoneOnWire) -> None:
    phone, transport = device
    given = get_token(phone)
    before = rows()
    answer = send(transport, replace(given, body=given.body.replace(b"{", b"{ ")))
    assert_refused(answer, 400, "digest_mismatch")
    assert rows() == before


def test_digest_of_other_bytes_is_refused_although_it_is_signed(
    hmac_device: PhoneOnWire, subtests: pytest.Subtests
) -> None:
    for body in [b"", b"{}", b"\0", b"x" * 100]:
        with subtests.test(body=body):
            phone, transport = hmac_device
            given = get_token(phone).with_headers({"Content-Digest": content_digest(body)})
            before = rows()
            assert_refused(send(transport, given.signed_with(phone.state.signer[1])), 400, "digest_mismatch")
            assert rows() == before


# -- what a signer gone astray signs: the signature holds, but not for this profile

COMPONENTS = ["@method", "@authority", "@path", "@query", "content-digest", "content-type"]
LISTED = " ".join(f'"{name}"' for name in COMPONENTS)

ASTRAY: dict[str, tuple[str, str, str]] = {
    **{
        f"without {name}": (
            LISTED,
            " ".join(f'"{other}"' for other in COMPONENTS if other != name),
            "signature_insufficient_coverage",
        )
        for name in COMPONENTS
    },
    "nothing covered": (LISTED, "", "signature_insufficient_coverage"),
    "in another order": ('"@method" "@authority"', '"@authority" "@method"', "signature_insufficient_coverage"),
    "a component twice": ('"@method"', '"@method" "@method"', "signature_insufficient_coverage"),
    "a component more": ('"content-type"', '"content-type" "date"', "signature_insufficient_coverage"),
    "the token's header": ('"content-type"', '"content-type" "authorization"', "signature_insufficient_coverage"),
    "a component's parameter": ('"@query"', '"@query";req', "signature_malformed"),
    "a component in capitals": ('"content-type"', '"Content-Type"', "signature_malformed"),
    "two spaces": ('"@method" ', '"@method"  ', "signature_malformed"),
    "a tab": ('"@method" ', '"@method"\t', "signature_malformed"),
    "created as a float": (f"created={NOW}", f"created={NOW}.0", "signature_malformed"),
    "created below zero": (f"created={NOW}", f"created=-{NOW}", "signature_malformed"),
    "created as a string": (f"created={NOW}", f'created="{NOW}"', "signature_malformed"),
    "created of 13 digits": (f"created={NOW}", "created=1795253400000", "signature_malformed"),
    "created of 12 digits": (f"created={NOW}", "created=999999999999", "clock_skew"),
    "created at zero": (f"created={NOW}", "created=0", "clock_skew"),
    "no created": (f";created={NOW}", "", "signature_malformed"),
    "an expiry": (f"created={NOW}", f"created={NOW};expires={NOW + 60}", "signature_malformed"),
    "alg none": ('alg="', 'alg="none', "signature_malformed"),
    "no alg": (";alg=", ";ALG=", "signature_malformed"),
    "no keyid": (";keyid=", ";kid=", "signature_malformed"),
    "no tag": (f';tag="{Tag.TOKEN}"', "", "signature_malformed"),
    "a parameter more": (f'tag="{Tag.TOKEN}"', f'tag="{Tag.TOKEN}";x=1', "signature_malformed"),
    "generation 0": (':1";tag', ':0";tag', "signature_wrong_purpose"),
    "generation -1": (':1";tag', ':-1";tag', "signature_wrong_purpose"),
    "generation 01": (':1";tag', ':01";tag', "signature_wrong_purpose"),
    "generation 2": (':1";tag', ':2";tag', "signature_invalid"),
    "generation 99999": (':1";tag', ':99999";tag', "signature_invalid"),
    "a generation of 10 digits": (':1";tag', ':4294967297";tag', "signature_wrong_purpose"),
    "no generation": (':1";tag', '";tag', "signature_wrong_purpose"),
    "SQL": ('keyid="dev:', "keyid=\"dev:' OR 1=1 --", "signature_malformed"),
    "SQL without quotes": ('keyid="dev:', 'keyid="dev:0--', "signature_wrong_purpose"),
    "CRLF": ('keyid="dev:', 'keyid="dev:\r\nX-A: 1', "signature_malformed"),
    "a path": ('keyid="dev:', 'keyid="dev:../', "signature_malformed"),
    "another kind of key": ('keyid="dev:', 'keyid="api:', "signature_malformed"),
    "an app key": ('keyid="dev:', 'keyid="app:', "signature_wrong_purpose"),
}


def test_signature_of_another_shape_is_refused_although_it_holds(
    hmac_device: PhoneOnWire, subtests: pytest.Subtests
) -> None:
    for what, (old, new, code) in ASTRAY.items():
        with subtests.test(what=what):
            phone, transport = hmac_device
            assert_changes_nothing(transport, get_token(phone).signed_with(phone.state.signer[1], old, new), 401, code)


def test_only_two_algorithms_have_names(hmac_device: PhoneOnWire, subtests: pytest.Subtests) -> None:
    for algorithm in ["none", "None", "NONE", "nOnE", "", "HS256", "rsa-pss-sha512", "ed25519", "hmac-sha1"]:
        with subtests.test(algorithm=algorithm):
            phone, transport = hmac_device
            key = phone.state.signer[1]
            given = get_token(phone).signed_with(key, f'alg="{key.algorithm}"', f'alg="{algorithm}"')
            assert_changes_nothing(transport, given, 401, "signature_malformed")


def test_nonce_has_22_to_43_characters_of_base64url(hmac_device: PhoneOnWire, subtests: pytest.Subtests) -> None:
    for nonce, is_taken in [
        ("a" * 21, False),
        ("a" * 22, True),
        ("-_" * 21 + "9", True),
        ("a" * 44, False),
        ("a" * 21 + "+", False),
        ("a" * 21 + "=", False),
        ("a" * 21 + " ", False),
        ("", False),
    ]:
        with subtests.test(nonce=nonce, is_taken=is_taken):
            phone, transport = hmac_device
            given = get_token(phone, nonce="n" * 22).signed_with(phone.state.signer[1], "n" * 22, nonce)
            if is_taken:
                assert send(transport, given).status == 200
            else:
                assert_changes_nothing(transport, given, 401, "signature_malformed")


# -- whose key


def test_key_of_another_device_signs_for_that_one_only(hmac_device: PhoneOnWire, new_phone: MakePhone) -> None:
    phone, transport = hmac_device
    other = with_tokens(new_phone())[0]
    keyid, key = other.state.signer
    own_id = phone.state.signer[0]
    body = {"device_id": phone.state.device_id}
    assert_changes_nothing(transport, draft((own_id, key), "POST", "auth/get-token/", body), 401, "signature_invalid")
    # Under its own name, for the other's tokens: what the body says is not what the signature says.
    before = rows()
    assert_refused(send(transport, draft((keyid, key), "POST", "auth/get-token/", body)), 401, "signature_invalid")
    assert rows() == before


def test_unknown_device_is_told_so(hmac_device: PhoneOnWire) -> None:
    phone, transport = hmac_device
    signer = "dev:0199d2c4-7b1e-7c3a-9f10-5a6b7c8d9e0f:1", phone.state.signer[1]
    given = draft(signer, "POST", "auth/get-token/", {"device_id": phone.state.device_id})
    assert_changes_nothing(transport, given, 401, "device_unknown")


def test_device_id_in_capitals_is_no_key_id(hmac_device: PhoneOnWire) -> None:
    phone, transport = hmac_device
    keyid, key = phone.state.signer
    given = draft((f"dev:{keyid[4:].upper()}", key), "POST", "auth/get-token/", {"device_id": phone.state.device_id})
    assert_changes_nothing(transport, given, 401, "signature_wrong_purpose")


def test_app_key_is_no_device(device: PhoneOnWire, app_key: AppKeyOnPhone) -> None:
    phone, transport = device
    signer = f"app:{app_key.row.key_id}", HmacKey(unb64url(app_key.secret))
    given = draft(signer, "POST", "auth/get-token/", {"device_id": phone.state.device_id})
    assert_changes_nothing(transport, given, 401, "signature_wrong_purpose")
    given = draft(signer, "POST", "auth/get-token/", {"device_id": phone.state.device_id}, tag=Tag.REGISTER)
    assert_changes_nothing(transport, given, 401, "signature_wrong_purpose")


def test_device_is_no_app_key(device: PhoneOnWire) -> None:
    phone, transport = device
    given = draft(phone.state.signer, "POST", "device/register/", {}, tag=Tag.REGISTER)
    assert_changes_nothing(transport, given, 401, "signature_wrong_purpose")


def test_signature_of_a_call_is_none_of_a_token_endpoint(device: PhoneOnWire) -> None:
    phone, transport = device
    body = {"device_id": phone.state.device_id}
    given = draft(phone.state.signer, "POST", "auth/get-token/", body, tag=Tag.REQUEST, token=phone.state.access or "")
    assert_changes_nothing(transport, given, 401, "signature_wrong_purpose")
    given = draft(phone.state.signer, "GET", "auth/check/", token=phone.state.access or "")
    assert_changes_nothing(transport, given, 401, "signature_wrong_purpose")


def spellings_of_public_key(pem: str) -> dict[str, bytes]:
    """Whatever a verifier that mixes kinds of keys up might take for a secret."""
    key = P256Key.from_pem(pem)
    public = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), b"\x04" + unb64url(key.public_jwk()["x"]) + unb64url(key.public_jwk()["y"])
    )
    raw, info = serialization.PublicFormat.UncompressedPoint, serialization.PublicFormat.SubjectPublicKeyInfo
    point = public.public_bytes(serialization.Encoding.X962, raw)
    return {
        "x": point[1:33],
        "x and y": point[1:],
        "point": point,
        "DER": public.public_bytes(serialization.Encoding.DER, info),
        "PEM": public.public_bytes(serialization.Encoding.PEM, info),
        "JWK": json.dumps(key.public_jwk()).encode(),
        "canonical JWK": json.dumps(key.public_jwk(), separators=(",", ":"), sort_keys=True).encode(),
        "empty": b"",
    }


def test_public_key_is_nobodys_secret(p256_device: PhoneOnWire, subtests: pytest.Subtests) -> None:
    phone, transport = p256_device
    for spelling, secret in spellings_of_public_key(phone.state.private_key or "").items():
        with subtests.test(spelling=spelling):
            signer = phone.state.signer[0], HmacKey(secret)
            given = draft(signer, "POST", "auth/get-token/", {"device_id": phone.state.device_id})
            assert_changes_nothing(transport, given, 401, "signature_invalid")


def test_key_pair_of_ones_own_is_not_the_devices(device: PhoneOnWire) -> None:
    phone, transport = device
    signer = phone.state.signer[0], P256Key.generate()
    given = draft(signer, "POST", "auth/get-token/", {"device_id": phone.state.device_id})
    assert_changes_nothing(transport, given, 401, "signature_invalid")


def test_der_is_refused(p256_device: PhoneOnWire) -> None:
    """What crypto libraries hand out by default; a P-256 signature of 64 bytes has no room for it."""
    phone, transport = p256_device
    given = get_token(phone)
    der = encode_dss_signature(int.from_bytes(given.value[:32]), int.from_bytes(given.value[32:]))
    assert_changes_nothing(transport, given.with_value(der), 401, "signature_malformed")


def test_the_other_s_is_the_same_signature_and_counts_once(p256_device: PhoneOnWire) -> None:
    """(r, n−s) verifies wherever (r, s) does; the nonce makes it the same signature all the same."""
    phone, transport = p256_device
    given = get_token(phone)
    r, s = given.value[:32], int.from_bytes(given.value[32:])
    twin = given.with_value(r + (ORDER_OF_P256 - s).to_bytes(32))
    assert send(transport, given).status == 200
    before = rows(), remembered_nonces()
    assert_refused(send(transport, twin), 401, "nonce_replayed")
    assert (rows(), remembered_nonces()) == before


# -- calls where a signature is optional


def test_bad_signature_is_refused_where_none_is_needed(device: PhoneOnWire) -> None:
    phone, transport = device
    for given in (
        request_of(phone, "GET", "auth/check/"),
        request_of(phone, "GET", "/.well-known/jwks.json", token=""),
    ):
        answer = assert_changes_nothing(transport, given.with_value(bytes(len(given.value))), 401, "signature_invalid")
        assert f'"authorization");created;nonce;alg;keyid;tag="{Tag.REQUEST}"' in answer.headers["accept-signature"]
        assert_changes_nothing(transport, given.with_headers({"Signature": None}), 401, "signature_missing")
        assert_changes_nothing(transport, given.with_headers({"Signature-Input": None}), 401, "signature_missing")
        assert send(transport, given).status == 200


def test_digest_alone_is_no_signature(device: PhoneOnWire) -> None:
    phone, transport = device
    given = request_of(phone, "GET", "auth/check/").with_headers({"Signature": None, "Signature-Input": None})
    assert send(transport, given).status == 200


def test_signature_covers_the_token(alice: Person, bob: Person) -> None:
    """Another token under the same signature is another request."""
    given = request_of(alice.phone, "GET", "auth/check/")
    alice.phone.refresh()
    for token in (alice.phone.state.access, bob.phone.state.access, f"{alice.phone.state.access} "):
        changed = given.with_headers({"Authorization": f"Bearer {token}"})
        code = "token_invalid" if token.endswith(" ") else "signature_invalid"
        assert_changes_nothing(alice.transport, changed, 401, code)
    assert_changes_nothing(alice.transport, given.with_headers({"Authorization": None}), 401, "signature_invalid")
    assert send(alice.transport, given).status == 200


def test_body_on_a_get_is_covered_or_refused(device: PhoneOnWire) -> None:
    phone, transport = device
    without = request_of(phone, "GET", "auth/check/")
    added = replace(without, body=b"{}").with_headers({"Content-Type": "application/json"})
    assert_changes_nothing(transport, added, 401, "signature_insufficient_coverage")
    assert send(transport, request_of(phone, "GET", "auth/check/", {})).status == 200


def test_content_type_without_a_body_is_not_covered(device: PhoneOnWire) -> None:
    phone, transport = device
    given = request_of(phone, "GET", "auth/check/")
    key = phone.state.signer[1]
    covering = given.with_headers({"Content-Type": "application/json"})
    covering = covering.signed_with(key, '"content-digest" ', '"content-digest" "content-type" ')
    assert_changes_nothing(transport, covering, 401, "signature_insufficient_coverage")


@pytest.mark.parametrize("query", ["a=1&b=2", "a=%2F+%20", "b=2&a=1&a=1", "?"])
def test_query_is_signed_as_it_was_sent(alice: Person, query: str) -> None:
    def signed() -> Draft:
        url = f"{BASE_URL}/api/v1/auth/check/?{query}"
        return draft(
            alice.phone.state.signer, "GET", "", url=url, tag=Tag.REQUEST, token=alice.phone.state.access or ""
        )

    # The signature holds, and then this call takes no parameters.
    assert send(alice.transport, signed()).status == 400
    for other in ("b=2&a=1", "a=%2f+%20", "a=%2F%20%20", "", f"{query}&"):
        changed = replace(signed(), url=f"{BASE_URL}/api/v1/auth/check/?{other}")
        assert_changes_nothing(alice.transport, changed, 401, "signature_invalid")


def test_non_ascii_cannot_stand_for_what_was_signed(device: PhoneOnWire) -> None:
    """A base that spells it with a substitute would be that of a request which holds the substitute itself."""
    phone, transport = device
    body = {"device_id": phone.state.device_id}
    given = draft(phone.state.signer, "POST", "auth/get-token/", body, content_type="application/json; x=?")
    changed = given.with_headers({"Content-Type": "application/json; x=\xe9"})
    assert_changes_nothing(transport, changed, 401, "signature_malformed")
    assert send(transport, given).status == 200


# -- the same through the server's own parser, from the bytes on


def test_bytes_of_a_signed_request_are_accepted(device: PhoneOnWire) -> None:
    phone, _ = device
    assert over_a_socket(spelled(get_token(phone))).status == 200
    assert over_a_socket(spelled(request_of(phone, "GET", "auth/check/"))).status == 200


def test_header_that_comes_twice_is_refused(hmac_device: PhoneOnWire, subtests: pytest.Subtests) -> None:
    for name in ["Signature-Input", "Signature", "Content-Digest"]:
        with subtests.test(name=name):
            phone, _ = hmac_device
            given = get_token(phone)
            twice = spelled(given, extra=[(name, given.headers[name])])
            assert_refused(over_a_socket(twice), 401, "signature_malformed")
            assert_refused(
                over_a_socket(spelled(given, extra=[(name.lower(), "sig=:AAAA:")])), 401, "signature_malformed"
            )


def test_underscore_twin_of_a_header_is_not_seen(hmac_device: PhoneOnWire, subtests: pytest.Subtests) -> None:
    for name in ["Signature_Input", "signature_input", "Content_Digest", "Content_Type"]:
        with subtests.test(name=name):
            phone, _ = hmac_device
            assert over_a_socket(spelled(get_token(phone), extra=[(name, "evil")])).status == 200
            given = get_token(phone)
            original = name.replace("_", "-").title()
            alone = spelled(given.with_headers({original: None}), extra=[(name, given.headers[original])])
            code = "signature_invalid" if original == "Content-Type" else "signature_missing"
            assert_refused(over_a_socket(alone), 401, code)


def test_address_with_a_second_spelling_is_refused(hmac_device: PhoneOnWire, subtests: pytest.Subtests) -> None:
    """Also when it is signed as it was sent. What names nothing is nothing's address and proves nothing."""
    for target in [
        "/api/v1/auth/get%2Dtoken/",
        "/api/v1/auth/%67et-token/",
        "/api/v1/auth/get-token%2f",
        "/api/v1/%2e/../v1/auth/get-token/",
        "/api/v1/auth//get-token/",
        "/api/v1/auth/./get-token/",
        "/api/v1/x/../auth/get-token/",
        "/api/v1/auth/get-token/;x=1",
        "http://localhost:8000/api/v1/auth/get-token/",
        "/api/v1/auth/get-token/?a=%C3%A9&b=\xe9",
    ]:
        with subtests.test(target=target):
            phone, _ = hmac_device
            given = get_token(phone)
            before = rows(), remembered_nonces()
            try:
                answer = over_a_socket(spelled(given, target=target))
            except ParseException:  # the server's own refusal
                pass
            else:
                assert (answer.status, answer.code) in {(401, "signature_target_not_canonical"), (404, "not_found")}
            assert (rows(), remembered_nonces()) == before


def test_address_that_reaches_the_view_by_a_second_spelling_is_refused_by_its_code(
    hmac_device: PhoneOnWire, subtests: pytest.Subtests
) -> None:
    for target in [
        "/api/v1/auth/get%2Dtoken/",
        "/api/v1/auth/%67et-token/",
        "http://localhost:8000/api/v1/auth/get-token/",
    ]:
        with subtests.test(target=target):
            phone, _ = hmac_device
            assert_refused(
                over_a_socket(spelled(get_token(phone), target=target)), 401, "signature_target_not_canonical"
            )


def test_bytes_beyond_ascii_in_a_header_are_a_401(hmac_device: PhoneOnWire, subtests: pytest.Subtests) -> None:
    for byte in [b"\x80", b"\xff", "é".encode(), b"\t"]:
        for name in ["Signature-Input", "Signature", "Content-Digest", "Content-Type"]:
            with subtests.test(name=name, byte=byte):
                phone, _ = hmac_device
                given = get_token(phone)
                raw = spelled(given)
                line = f"{name}: {given.headers[name]}".encode()
                assert line in raw
                answer = over_a_socket(raw.replace(line, line[:-1] + byte + line[-1:]))
                code = "signature_invalid" if (name, byte) == ("Content-Type", b"\t") else "signature_malformed"
                assert_refused(answer, 401, code)


def test_server_refuses_what_could_be_read_in_two_ways(hmac_device: PhoneOnWire, subtests: pytest.Subtests) -> None:
    for line in [
        b"Signature: a\r\n b",
        b"Signature: a\rb",
        b"Signature: a\0b",
        b"Signature : a",
        b"Host: localhost:8000",
    ]:
        with subtests.test(line=line):
            phone, _ = hmac_device
            raw = spelled(get_token(phone)).replace(b"\r\nHost:", b"\r\n" + line + b"\r\nHost:")
            with pytest.raises(ParseException):
                over_a_socket(raw)


def test_chunked_body_is_a_body(hmac_device: PhoneOnWire) -> None:
    phone, _ = hmac_device
    assert over_a_socket(spelled(get_token(phone), chunks=3)).status == 200
    given = get_token(phone)
    changed = replace(given, body=given.body.replace(b"{", b"{ "))
    assert_refused(over_a_socket(spelled(changed, chunks=3)), 400, "digest_mismatch")
    # A chunked body added to a request that was signed without one.
    without = request_of(phone, "GET", "auth/check/")
    added = replace(without, body=b"{}").with_headers({"Content-Type": "application/json"})
    assert_refused(over_a_socket(spelled(added, chunks=1)), 401, "signature_insufficient_coverage")
    # Even an empty one.
    assert_refused(over_a_socket(spelled(replace(added, body=b""), chunks=1)), 401, "signature_insufficient_coverage")


def test_superseded_key_is_told_so_and_another_is_not(hmac_device: PhoneOnWire) -> None:
    phone, transport = hmac_device
    old = phone.state.signer
    phone.rotate_key()
    phone.get_token()
    assert Device.objects.get(id=phone.state.device_id).generation == 2
    body = {"device_id": phone.state.device_id}
    assert_changes_nothing(transport, draft(old, "POST", "auth/get-token/", body), 401, "key_superseded")
    later = old[0].replace(":1", ":2")
    assert_changes_nothing(transport, draft((later, old[1]), "POST", "auth/get-token/", body), 401, "signature_invalid")
