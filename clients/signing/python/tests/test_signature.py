"""The vectors, which every kit and the server share."""

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fake_api import p256_verifies
from handset_client import HmacKey, P256Key, Tag, new_nonce, sign
from handset_client.keys import proof_message, unb64url
from handset_client.signature import Key, Signature

DIRECTORY = Path(__file__).parents[2]
VECTORS = json.loads((DIRECTORY / "vectors.json").read_text())


def each(vectors: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", vectors, ids=[vector["name"] for vector in vectors])


def key_of(vector: dict[str, Any]) -> Key:
    if vector["key"] == "p256":
        private = int.from_bytes(unb64url(VECTORS["p256"]["d"]))
        return P256Key(ec.derive_private_key(private, ec.SECP256R1()))
    secrets = {
        "app": VECTORS["app_key_hex"],
        "device": VECTORS["derivation"]["secret_hex"],
    }
    return HmacKey(bytes.fromhex(secrets[vector["key"]]))


def signed(vector: dict[str, Any]) -> Signature:
    return sign(
        vector["method"],
        vector["url"],
        vector["body"].encode(),
        key=key_of(vector),
        keyid=vector["keyid"],
        tag=Tag(vector["tag"]),
        created=vector["created"],
        nonce=vector["nonce"],
        content_type=vector.get("content_type", ""),
        authorization=vector.get("authorization", ""),
    )


@each(VECTORS["requests"])
def test_base_and_headers_are_those_of_the_vector(vector: dict[str, Any]) -> None:
    signature = signed(vector)
    assert signature.base == vector["signature_base"]
    expected = dict(vector["headers"])
    if vector.get("verify_only"):
        expected["Signature"] = signature.headers["Signature"]
    assert signature.headers == expected


@each([vector for vector in VECTORS["requests"] if vector.get("verify_only")])
def test_ecdsa_signatures_verify_ours_and_the_vectors(vector: dict[str, Any]) -> None:
    key = key_of(vector)
    base = vector["signature_base"].encode()
    assert p256_verifies(VECTORS["p256"], base, key.sign(base))
    assert p256_verifies(VECTORS["p256"], base, signature_value(vector["headers"]))
    assert not p256_verifies(VECTORS["p256"], base + b"!", key.sign(base))


def test_key_proof_verifies_ours_and_the_vectors() -> None:
    vector = VECTORS["key_proof"]
    message = vector["message"].encode()
    assert proof_message(vector["install_id"], vector["enrol_key"]) == message
    key = key_of(vector)
    assert isinstance(key, P256Key)
    for proof in (vector["key_proof"], key.proof(vector["install_id"], vector["enrol_key"])):
        assert p256_verifies(VECTORS["p256"], message, unb64url(proof))


def test_vectors_are_what_their_script_writes() -> None:
    script = runpy.run_path(str(DIRECTORY / "make_vectors.py"))
    assert script["vectors"](VECTORS) == VECTORS


def test_nonces_have_the_form_of_the_profile_and_differ() -> None:
    nonces = {new_nonce() for _ in range(100)}
    assert len(nonces) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", nonce) for nonce in nonces)


def signature_value(headers: dict[str, str]) -> bytes:
    text = headers["Signature"].removeprefix("sig=:").removesuffix(":")
    return unb64url(text.rstrip("=").replace("+", "-").replace("/", "_"))
