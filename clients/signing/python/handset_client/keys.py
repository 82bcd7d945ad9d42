"""What signs: a shared secret, or a P-256 key pair where the device has hardware for one."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import ClassVar, Self

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


@dataclass(frozen=True, slots=True)
class HmacKey:
    """A secret that the server can derive too: `hmac-sha256` (RFC 9421 §3.3.3)."""

    secret: bytes = field(repr=False)
    algorithm: ClassVar[str] = "hmac-sha256"

    def sign(self, signature_base: bytes) -> bytes:
        """32 bytes."""
        return hmac.digest(self.secret, signature_base, "sha256")


class P256Key:
    """A key pair on P-256: `ecdsa-p256-sha256` (RFC 9421 §3.3.4).

    On a phone it is born in the Secure Enclave or StrongBox and never leaves it. Here it is an
    ordinary key that is kept as PEM, which makes it a stand-in, not a protection.
    """

    algorithm = "ecdsa-p256-sha256"

    def __init__(self, private_key: ec.EllipticCurvePrivateKey) -> None:
        self._private_key = private_key

    @classmethod
    def generate(cls) -> Self:
        """A new key pair."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: str) -> Self:
        """The key pair that `to_pem` wrote. Raises ValueError for anything else."""
        key = serialization.load_pem_private_key(pem.encode(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise ValueError("not a private key on P-256")
        return cls(key)

    def to_pem(self) -> str:
        """The private key as unencrypted PKCS #8 PEM: a secret."""
        pem = self._private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return pem.decode()

    def public_jwk(self) -> dict[str, str]:
        """The public half as a JWK (RFC 7518 §6.2.1)."""
        point = self._private_key.public_key().public_numbers()
        return {
            "kty": "EC",
            "crv": "P-256",
            "x": b64url(point.x.to_bytes(32)),
            "y": b64url(point.y.to_bytes(32)),
        }

    def sign(self, signature_base: bytes) -> bytes:
        """r‖s, 64 bytes; libraries hand out DER, which the server refuses."""
        der = self._private_key.sign(signature_base, ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(der)
        return r.to_bytes(32) + s.to_bytes(32)

    def proof(self, install_id: str, enrol_key: str) -> str:
        """The `key_proof` of registration and rotation: that who enrols holds the private half."""
        return b64url(self.sign(proof_message(install_id, enrol_key)))


def proof_message(install_id: str, enrol_key: str) -> bytes:
    """What a `key_proof` signs; `enrol_key` is the base64url text that registration sends."""
    digest = hashlib.sha256(unb64url(enrol_key)).digest()
    return f"devauth-v1-key|{install_id}|{b64url(digest)}".encode()


def b64url(data: bytes) -> str:
    """Base64url without padding: how this API writes every secret, proof and coordinate."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text: str) -> bytes:
    """The bytes that `b64url` wrote. Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
