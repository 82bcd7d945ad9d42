"""Writes `vectors.json`, what every kit and the server are tested against.

    PYTHONPATH=python python make_vectors.py

Running it again changes nothing: all inputs are fixed, and an ECDSA signature, which is random, is
kept for as long as it verifies.
"""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from handset_client.keys import HmacKey, P256Key, b64url, proof_message, unb64url
from handset_client.signature import Key, Tag, sign

FILE = Path(__file__).with_name("vectors.json")

CREATED = 1767225600  # 2026-01-01T00:00:00Z
DEVICE_ID = "0199d2c4-7b1e-7c3a-9f10-5a6b7c8d9e0f"
INSTALL_ID = "3f1e9a52-0c4b-4d8e-8a77-1b2c3d4e5f60"
MASTER = bytes(range(32))
ENROL_KEY = bytes(range(100, 132))
APP_KEY = bytes.fromhex("0f9b4bbd2dc5ea10cc69e1a73d52deca5cb161a14d247e4dbc9a405767742ff9")
P256_PRIVATE = int.from_bytes(hashlib.sha256(b"handset devauth-v1 test vectors").digest())
ORIGIN = "https://api.example.com"
BEARER = "Bearer eyJ.test.tok"


def main() -> None:
    """Reads the signatures to be kept, writes the file."""
    known = json.loads(FILE.read_text()) if FILE.exists() else None
    FILE.write_text(json.dumps(vectors(known), indent=2, ensure_ascii=False) + "\n")


def vectors(known: dict[str, Any] | None) -> dict[str, Any]:
    """The whole document; `known` is the one before, if there is one."""
    info = f"devauth/v1|hmac-sha256|m1|{DEVICE_ID}|1"
    salt = hashlib.sha256(ENROL_KEY).digest()
    secret = hkdf_sha256(MASTER, salt, info.encode())
    p256 = KeepingKey(known)
    keys: dict[str, tuple[str, Key]] = {
        "app": ("app:ios-2026-01", HmacKey(APP_KEY)),
        "device": (f"dev:{DEVICE_ID}:1", HmacKey(secret)),
        "p256": (f"dev:{DEVICE_ID}:2", p256),
    }
    return {
        "profile": "devauth-v1",
        "note": (
            "Everything is exact to the byte; bodies are UTF-8. `key` names the key: `app` and"
            " `device` are HMAC secrets (app_key_hex, derivation.secret_hex), `p256` is the key"
            " pair in `p256`. What is marked verify_only was signed by ECDSA, which is random:"
            " verify the signature that is here and one of your own, over the same bytes."
        ),
        "derivation": {
            "master_hex": MASTER.hex(),
            "master_kid": "m1",
            "enrol_key_hex": ENROL_KEY.hex(),
            "salt_hex": salt.hex(),
            "info": info,
            "secret_hex": secret.hex(),
        },
        "app_key_hex": APP_KEY.hex(),
        "p256": {**p256.public_jwk(), "d": b64url(P256_PRIVATE.to_bytes(32))},
        "key_proof": {
            "install_id": INSTALL_ID,
            "enrol_key": b64url(ENROL_KEY),
            "key": "p256",
            "message": proof_message(INSTALL_ID, b64url(ENROL_KEY)).decode(),
            "key_proof": p256.proof(INSTALL_ID, b64url(ENROL_KEY)),
            "verify_only": True,
        },
        "requests": [signed(place, request, *keys[request["key"]]) for place, request in enumerate(REQUESTS)],
    }


class KeepingKey(P256Key):
    """The fixed key pair; where a document has a signature that fits, it makes no other."""

    def __init__(self, known: dict[str, Any] | None) -> None:
        super().__init__(ec.derive_private_key(P256_PRIVATE, ec.SECP256R1()))
        self._kept: list[bytes] = []
        if known is not None:
            self._kept.append(unb64url(known["key_proof"]["key_proof"]))
            for request in known["requests"]:
                value = request["headers"]["Signature"].removeprefix("sig=:").removesuffix(":")
                self._kept.append(base64.b64decode(value))

    def sign(self, signature_base: bytes) -> bytes:
        """r‖s, 64 bytes."""
        fitting = (value for value in self._kept if self._verifies(signature_base, value))
        return next(fitting, None) or super().sign(signature_base)

    def _verifies(self, signature_base: bytes, value: bytes) -> bool:
        der = encode_dss_signature(int.from_bytes(value[:32]), int.from_bytes(value[32:]))
        try:
            self._private_key.public_key().verify(der, signature_base, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


REQUESTS: list[dict[str, str]] = [
    {
        "name": "get-token",
        "method": "POST",
        "url": f"{ORIGIN}/api/v1/auth/get-token/",
        "body": f'{{"device_id":"{DEVICE_ID}"}}',
        "key": "device",
        "tag": Tag.TOKEN,
    },
    {
        "name": "api call with a query",
        "method": "GET",
        "url": f"{ORIGIN}/api/v1/items/?q=caf%C3%A9&limit=20",
        "body": "",
        "key": "device",
        "tag": Tag.REQUEST,
    },
    {
        "name": "register",
        "method": "POST",
        "url": f"{ORIGIN}/api/v1/device/register/",
        "body": f'{{"install_id":"{INSTALL_ID}","enrol_key":"{b64url(ENROL_KEY)}"'
        ',"platform":"ios","app_version":"1.4.0"}',
        "key": "app",
        "tag": Tag.REGISTER,
    },
    {
        "name": "refresh",
        "method": "POST",
        "url": f"{ORIGIN}/api/v1/auth/refresh-token/",
        "body": '{"refresh":"rt1.0199d2c4-9000-7000-8000-000000000001.7.c2lnbmF0dXJl"'
        ',"attempt":"oKGio6SlpqeoqaqrrK2urw"}',
        "key": "device",
        "tag": Tag.TOKEN,
    },
    {
        "name": "POST without a body",
        "method": "POST",
        "url": f"{ORIGIN}/api/v1/device/revoke/",
        "body": "",
        "key": "device",
        "tag": Tag.TOKEN,
    },
    {
        "name": "authority with a port, body beyond ASCII",
        "method": "POST",
        "url": "http://10.0.2.2:8000/api/v1/contacts/",
        "body": '{"first_name":"Zoë","notes":"🍣"}',
        "key": "device",
        "tag": Tag.REQUEST,
    },
    {
        "name": "authority in capitals, with the default port",
        "method": "DELETE",
        "url": "https://API.Example.com:443/api/v1/contacts/ada-lovelace-k7x2qa/",
        "body": "",
        "key": "device",
        "tag": Tag.REQUEST,
    },
    {
        "name": "P-256 device",
        "method": "POST",
        "url": f"{ORIGIN}/api/v1/auth/get-token/",
        "body": f'{{"device_id":"{DEVICE_ID}"}}',
        "key": "p256",
        "tag": Tag.TOKEN,
    },
]


def signed(place: int, request: dict[str, str], keyid: str, key: Key) -> dict[str, Any]:
    """A request with what else goes into its signature, the three headers, and the base."""
    covered = {}
    if request["body"]:
        covered["content_type"] = "application/json"
    if request["tag"] == Tag.REQUEST:
        covered["authorization"] = BEARER
    nonce = b64url(bytes(range(16 * place, 16 * place + 16)))
    signature = sign(
        request["method"],
        request["url"],
        request["body"].encode(),
        key=key,
        keyid=keyid,
        tag=Tag(request["tag"]),
        created=CREATED,
        nonce=nonce,
        **covered,
    )
    return {
        **request,
        **covered,
        "keyid": keyid,
        "created": CREATED,
        "nonce": nonce,
        "headers": signature.headers,
        "signature_base": signature.base,
        **({"verify_only": True} if isinstance(key, P256Key) else {}),
    }


def hkdf_sha256(key: bytes, salt: bytes, info: bytes) -> bytes:
    """32 bytes by HKDF-SHA256 (RFC 5869): one block is enough for them."""
    extracted = hmac.digest(salt, key, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


if __name__ == "__main__":
    main()
