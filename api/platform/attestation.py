"""Whether a device runs the genuine app on a genuine phone: the one door to `pyattest` (App Attest, Play Integrity).

A challenge is made and recognised without a store; evidence is judged without one as well, so whatever goes wrong here
is the evidence's fault. That a challenge counts once, and what a verdict changes, is decided by the domain.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.conf import settings
from pyattest.assertion import Assertion
from pyattest.attestation import Attestation
from pyattest.configs.apple import AppleConfig
from pyattest.configs.google_play_integrity_api import GooglePlayIntegrityApiConfig
from pyattest.exceptions import (
    InvalidAppIdException,
    InvalidCertificateChainException,
    InvalidNonceException,
    PyAttestException,
)
from pyattest.verifiers.apple_assertion import AppleAssertionVerifier
from pyattest.verifiers.apple_attestation import AppleAttestationVerifier
from pyattest.verifiers.google_play_integrity_attestation import GooglePlayIntegrityAttestationVerifier
from pyattest.verifiers.utils import _load_certificate
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathBuildingError, PathValidationError

from api.exceptions import ApiError
from api.models import AttestationKind, Trust
from api.platform.keys import b64url, purpose_key, unb64url

_APP_ID = re.compile(r"[A-Z0-9]{10}\.[A-Za-z0-9.-]+")
_CHALLENGE = re.compile(r"([0-9]{10})\.([A-Za-z0-9_-]{22})\.[A-Za-z0-9_-]{43}")


class ChallengeInvalid(ApiError):
    """The challenge is not ours, made for another installation, older than two minutes, or was used for other evidence."""

    status = HTTPStatus.CONFLICT
    code = "challenge_invalid"
    title = "The challenge does not count"
    remedy = "Attest anew, for a new challenge of device/challenge/."


def new_challenge(install_id: uuid.UUID) -> str:
    """A challenge for one installation: `<seconds>.<random>.<mac>`. Nothing is stored."""
    return _challenge(install_id, int(time.time()), b64url(secrets.token_bytes(16)))


def _challenge(install_id: uuid.UUID, made_at: int, nonce: str) -> str:
    mac = hmac.digest(purpose_key("attestation"), f"{install_id}|{made_at}|{nonce}".encode(), "sha256")
    return f"{made_at}.{nonce}.{b64url(mac)}"


def challenge_time(challenge: str, install_id: uuid.UUID) -> int:
    """When a challenge was made for this installation (seconds since the epoch). Raises ChallengeInvalid."""
    form = _CHALLENGE.fullmatch(challenge)
    if form is None or not hmac.compare_digest(_challenge(install_id, int(form[1]), form[2]), challenge):
        raise ChallengeInvalid
    return int(form[1])


def client_data(install_id: uuid.UUID, enrol_digest: bytes, challenge: str) -> bytes:
    """What evidence has to be about: this installation, the enrolment its key comes from, and the challenge."""
    return f"devauth-v1-attest|{install_id}|{b64url(enrol_digest)}|{challenge}".encode()


class Evidence(NamedTuple):
    """What a device brought. `text` is base64url of what App Attest makes, or Play Integrity's token as it came.

    `attested_key` is the key that App Attest introduced before (DER), of which an assertion is made.
    """

    text: str
    client_data: bytes
    attested_key: bytes | None = None


class Verdict(NamedTuple):
    """What evidence proves: how far the device is to be trusted; the key that it introduces (DER); the counter of an
    assertion, which has to be higher than the one before.
    """

    trust: Trust
    attested_key: bytes | None = None
    counter: int | None = None


class EvidenceRefused(Exception):
    """Evidence that does not hold; the text says what kind of error refused it."""


def judge(kind: str, evidence: Evidence) -> Verdict:
    """What evidence proves. Raises EvidenceRefused, whatever is wrong with it."""
    try:
        return _VERIFIERS[AttestationKind(kind)](evidence)
    except Exception as error:
        raise EvidenceRefused(type(error).__name__) from error


class _AppleRootOnly(AppleAttestationVerifier):  # type: ignore[misc]  # pyattest has no types
    """pyattest's own, which would take a chain that ends in any root of the operating system as well."""

    async def verify_certificate_chain(self, chain: list[bytes]) -> Any:
        leaf, *others = map(_load_certificate, chain)
        context = ValidationContext(trust_roots=[self.attestation.config.root_ca])
        try:
            validator = CertificateValidator(leaf, others, context)
            return await validator.async_validate_usage({"digital_signature"})  # type: ignore[no-untyped-call]
        except (PathBuildingError, PathValidationError) as error:
            raise InvalidCertificateChainException from error


class _AppleConfig(AppleConfig):  # type: ignore[misc]  # pyattest has no types
    attestation_verifier_class = _AppleRootOnly

    def __init__(self, key_id: bytes = b"") -> None:
        root = settings.APP_ATTEST_ROOT_CA.encode() or None
        super().__init__(key_id, settings.APP_ATTEST_APP_ID, settings.ATTESTATION_PRODUCTION, root)


def _judge_app_attest(evidence: Evidence) -> Verdict:
    """A new key of Apple's hardware. Its id is the one that the attestation itself names, which is compared with it."""
    raw = unb64url(evidence.text)
    said = AppleAttestationVerifier.unpack(raw)
    if said["raw"]["fmt"] != "apple-appattest":
        raise PyAttestException
    attestation = Attestation(raw, evidence.client_data, _AppleConfig(said["credential_id"]))
    asyncio.run(attestation.verify())
    return Verdict(Trust.STRONG, attested_key=attestation.data["certs"].last.public_key.dump())


def _judge_assertion(evidence: Evidence) -> Verdict:
    """That key once more. pyattest verifies the signature; for which app it was made, and how often, is ours to see."""
    raw = unb64url(evidence.text)
    key = load_der_public_key(evidence.attested_key or b"")
    assert isinstance(key, ec.EllipticCurvePublicKey)
    Assertion(raw, hashlib.sha256(evidence.client_data).digest(), key, _AppleConfig()).verify()
    said = AppleAssertionVerifier.unpack(raw)
    if said["rp_id"] != hashlib.sha256(settings.APP_ATTEST_APP_ID.encode()).digest():
        raise InvalidAppIdException
    return Verdict(Trust.STRONG, counter=said["counter"])


class _PlayIntegrity(GooglePlayIntegrityAttestationVerifier):  # type: ignore[misc]  # pyattest has no types
    """pyattest's own, which would refuse a nonce whose base64 has no padding."""

    def verify_nonce(self, nonce: str) -> None:
        if unb64url(nonce.rstrip("=")) != self.attestation.nonce:
            raise InvalidNonceException


class _PlayIntegrityConfig(GooglePlayIntegrityApiConfig):  # type: ignore[misc]  # pyattest has no types
    attestation_verifier_class = _PlayIntegrity

    def __init__(self) -> None:
        super().__init__(
            decryption_key=settings.PLAY_INTEGRITY_DECRYPTION_KEY,
            verification_key=settings.PLAY_INTEGRITY_VERIFICATION_KEY,
            apk_package_name=settings.PLAY_INTEGRITY_PACKAGE,
            production=settings.ATTESTATION_PRODUCTION,
        )


def _judge_play_integrity(evidence: Evidence) -> Verdict:
    """Google's verdict about the app and the phone; at least MEETS_DEVICE_INTEGRITY, unless this is no production."""
    nonce = hashlib.sha256(evidence.client_data).digest()
    attestation = Attestation(evidence.text, nonce, _PlayIntegrityConfig())
    asyncio.run(attestation.verify())
    labels = attestation.data["data"]["deviceIntegrity"]["deviceRecognitionVerdict"]
    return Verdict(Trust.STRONG if "MEETS_STRONG_INTEGRITY" in labels else Trust.BASIC)


_VERIFIERS: Mapping[AttestationKind, Callable[[Evidence], Verdict]] = {
    AttestationKind.APP_ATTEST: _judge_app_attest,
    AttestationKind.APP_ATTEST_ASSERTION: _judge_assertion,
    AttestationKind.PLAY_INTEGRITY: _judge_play_integrity,
}


def kinds() -> frozenset[AttestationKind]:
    """The kinds of evidence that this server is set up to judge; none by default."""
    found: set[AttestationKind] = set()
    if settings.APP_ATTEST_APP_ID:
        found |= {AttestationKind.APP_ATTEST, AttestationKind.APP_ATTEST_ASSERTION}
    if settings.PLAY_INTEGRITY_PACKAGE:
        found |= {AttestationKind.PLAY_INTEGRITY}
    return frozenset(found)


def require_readable() -> None:
    """Raises ValueError where what is set up could not judge anything."""
    if settings.APP_ATTEST_APP_ID:
        if _APP_ID.fullmatch(settings.APP_ATTEST_APP_ID) is None:
            raise ValueError("APP_ATTEST_APP_ID is the team id, a dot and the bundle id")
        _AppleConfig().root_ca.native  # noqa: B018 -- certificates are parsed as they are looked at
    if settings.PLAY_INTEGRITY_PACKAGE:
        config = _PlayIntegrityConfig()
        if len(config.decryption_key) != 32:
            raise ValueError("PLAY_INTEGRITY_DECRYPTION_KEY has 32 bytes")
        if not isinstance(config.verification_key, ec.EllipticCurvePublicKey):
            raise ValueError("PLAY_INTEGRITY_VERIFICATION_KEY is an EC key")


_ENOUGH: Mapping[str, frozenset[str]] = {
    "none": frozenset(Trust),
    "basic": frozenset({Trust.BASIC, Trust.STRONG}),
    "strong": frozenset({Trust.STRONG}),
}


def is_enough(trust: str) -> bool:
    """Whether ATTESTATION_REQUIRED is met."""
    return trust in _ENOUGH[settings.ATTESTATION_REQUIRED]
