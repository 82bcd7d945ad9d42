"""Apple and Google as far as tests need them: whoever vouches for phones and apps, with keys of the suite's own."""

import base64
import hashlib
import json
import os
import struct
from datetime import UTC, datetime
from typing import Any

import cbor2
from asn1crypto.core import OctetString, Sequence
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from handset_client.keys import b64url
from jose import jwe, jws

APP_ID = "A1B2C3D4E5.com.example.app"
PACKAGE = "com.example.app"
PRODUCTION = b"appattest" + bytes(7)
DEVELOPMENT = b"appattestdevelop"

Key = ec.EllipticCurvePrivateKey


class _Nonce(Sequence):
    _fields = [("nonce", OctetString, {"explicit": 1})]


class Apple:
    """A root, an intermediate, and what iOS makes of a challenge in their name."""

    def __init__(self) -> None:
        self._root_key, self._key = (ec.generate_private_key(ec.SECP384R1()) for _ in range(2))
        self._root = _certificate("Root", self._root_key, "Root", self._root_key, is_authority=True)
        self._intermediate = _certificate("CA 1", self._key, "Root", self._root_key, is_authority=True)

    @property
    def root_pem(self) -> str:
        return self._root.public_bytes(Encoding.PEM).decode()

    def attestation(
        self,
        key: Key,
        about: bytes,
        *,
        app_id: str = APP_ID,
        environment: bytes = PRODUCTION,
        counter: int = 0,
        named: Key | None = None,
    ) -> str:
        """Introduces `key`; `named` is another one that the authenticator data claims."""
        key_id = hashlib.sha256(_point(named or key)).digest()
        data = _authenticator_data(app_id, counter, flags=0x40) + environment + struct.pack("!H", 32) + key_id
        nonce = hashlib.sha256(data + hashlib.sha256(about).digest()).digest()
        leaf = _certificate("Leaf", key, "CA 1", self._key, nonce=nonce)
        chain = [leaf.public_bytes(Encoding.DER), self._intermediate.public_bytes(Encoding.DER)]
        statement = {"x5c": chain, "receipt": b"receipt"}
        return b64url(cbor2.dumps({"fmt": "apple-appattest", "attStmt": statement, "authData": data}))

    @staticmethod
    def assertion(key: Key, about: bytes, *, counter: int, app_id: str = APP_ID) -> str:
        data = _authenticator_data(app_id, counter, flags=0x40)
        nonce = hashlib.sha256(data + hashlib.sha256(about).digest()).digest()
        signature = key.sign(nonce, ec.ECDSA(hashes.SHA256()))
        return b64url(cbor2.dumps({"signature": signature, "authenticatorData": data}))


def _authenticator_data(app_id: str, counter: int, *, flags: int) -> bytes:
    return hashlib.sha256(app_id.encode()).digest() + bytes([flags]) + struct.pack("!I", counter)


def _point(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _certificate(
    name: str, key: Key, issuer: str, issuer_key: Key, *, is_authority: bool = False, nonce: bytes | None = None
) -> x509.Certificate:
    usage = dict.fromkeys(
        (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        ),
        False,
    )  # fmt: skip
    usage["key_cert_sign" if is_authority else "digital_signature"] = True
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
    )
    if nonce is not None:
        oid = x509.ObjectIdentifier("1.2.840.113635.100.8.2")
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, _Nonce({"nonce": nonce}).dump()), False)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Google:
    """The two keys of a Play Console, and the token that Google Play makes of a nonce."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._secret = os.urandom(32)

    @property
    def decryption_key(self) -> str:
        return base64.b64encode(self._secret).decode()

    @property
    def verification_key(self) -> str:
        public = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(public).decode()

    def token(
        self,
        about: bytes,
        *,
        labels: tuple[str, ...] = ("MEETS_DEVICE_INTEGRITY",),
        package: str = PACKAGE,
        recognised: str = "PLAY_RECOGNIZED",
        is_padded: bool = False,
        signed_by: Key | None = None,
    ) -> str:
        nonce = hashlib.sha256(about).digest()
        payload = {
            "requestDetails": {
                "requestPackageName": package,
                "nonce": base64.urlsafe_b64encode(nonce).decode() if is_padded else b64url(nonce),
            },
            "appIntegrity": {"appRecognitionVerdict": recognised, "packageName": package},
            "deviceIntegrity": {"deviceRecognitionVerdict": list(labels)},
        }
        return self.sealed(payload, signed_by)

    def sealed(self, payload: Any, signed_by: Key | None = None) -> str:
        signed = jws.sign(json.dumps(payload).encode(), signed_by or self._key, algorithm="ES256")
        return jwe.encrypt(signed, self._secret, algorithm="A256KW", encryption="A256GCM").decode()
