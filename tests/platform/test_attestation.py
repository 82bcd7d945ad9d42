"""What evidence proves: App Attest's keys and assertions, Play Integrity's tokens, and everything that is neither."""

import uuid

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec
from handset_client.keys import b64url, unb64url
from pytest_django import Settings

from api.models import AttestationKind, Trust
from api.platform import attestation
from api.platform.attestation import ChallengeInvalid, Evidence, EvidenceRefused, Verdict
from core.checks import attestation_is_possible, deployment_is_hardened
from tests.attesters import APP_ID, DEVELOPMENT, PACKAGE, PRODUCTION, Apple, Google

INSTALL_ID = uuid.UUID("5f0c7a52-3f0e-4c86-9d8b-6f1c2a7e4b90")
ABOUT = attestation.client_data(INSTALL_ID, bytes(32), "a challenge")
OTHER = attestation.client_data(INSTALL_ID, bytes(32), "another challenge")

APP_ATTEST, ASSERTION, PLAY = AttestationKind


@pytest.fixture(scope="module")
def apple() -> Apple:
    return Apple()


@pytest.fixture(scope="module")
def google() -> Google:
    return Google()


@pytest.fixture(autouse=True)
def _configured(settings: Settings, apple: Apple, google: Google) -> None:
    settings.APP_ATTEST_APP_ID = APP_ID
    settings.APP_ATTEST_ROOT_CA = apple.root_pem
    settings.PLAY_INTEGRITY_PACKAGE = PACKAGE
    settings.PLAY_INTEGRITY_DECRYPTION_KEY = google.decryption_key
    settings.PLAY_INTEGRITY_VERIFICATION_KEY = google.verification_key


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def judged(kind: str, text: str, about: bytes = ABOUT, attested_key: bytes | None = None) -> Verdict:
    return attestation.judge(kind, Evidence(text, about, attested_key))


def assert_refused(kind: str, text: str, why: str, attested_key: bytes | None = None) -> None:
    with pytest.raises(EvidenceRefused) as refused:
        judged(kind, text, attested_key=attested_key)
    assert str(refused.value) == why


# -- challenges


def test_a_challenge_says_when_it_was_made_to_its_installation_only() -> None:
    with time_machine.travel(1_795_253_400, tick=False):
        challenge = attestation.new_challenge(INSTALL_ID)
        assert challenge != attestation.new_challenge(INSTALL_ID)
    assert attestation.challenge_time(challenge, INSTALL_ID) == 1_795_253_400
    with pytest.raises(ChallengeInvalid):
        attestation.challenge_time(challenge, uuid.uuid4())


def test_a_challenge_that_was_changed_is_not_ours() -> None:
    with time_machine.travel(1_795_253_400, tick=False):
        challenge = attestation.new_challenge(INSTALL_ID)
    made_at, nonce, mac = challenge.split(".")
    for bent in (
        "",
        challenge[:-1],
        f"{challenge}\n",
        f"1795253401.{nonce}.{mac}",
        f"{made_at}.{nonce[::-1]}.{mac}",
        f"{made_at}.{nonce}.{mac[::-1]}",
        f"{made_at}.{mac}.{nonce}",
        f"{made_at.replace('1', '١')}.{nonce}.{mac}",
        "a" * 4000,
    ):
        with pytest.raises(ChallengeInvalid):
            attestation.challenge_time(bent, INSTALL_ID)


def test_a_challenge_of_another_server_is_not_ours(settings: Settings) -> None:
    challenge = attestation.new_challenge(INSTALL_ID)
    settings.SECRET_KEY = "another server's secret, which is long enough"
    with pytest.raises(ChallengeInvalid):
        attestation.challenge_time(challenge, INSTALL_ID)


# -- App Attest


def test_app_attest_introduces_a_key(apple: Apple, key: ec.EllipticCurvePrivateKey) -> None:
    verdict = judged(APP_ATTEST, apple.attestation(key, ABOUT))
    assert (verdict.trust, verdict.counter) == (Trust.STRONG, None)
    again = judged(ASSERTION, apple.assertion(key, OTHER, counter=7), OTHER, verdict.attested_key)
    assert again == Verdict(Trust.STRONG, None, 7)


def test_app_attest_of_another_challenge(apple: Apple, key: ec.EllipticCurvePrivateKey) -> None:
    assert_refused(APP_ATTEST, apple.attestation(key, OTHER), "InvalidNonceException")


def test_app_attest_of_another_app(apple: Apple, key: ec.EllipticCurvePrivateKey) -> None:
    made = apple.attestation(key, ABOUT, app_id="A1B2C3D4E5.com.example.other")
    assert_refused(APP_ATTEST, made, "InvalidAppIdException")


def test_app_attest_by_another_root(key: ec.EllipticCurvePrivateKey) -> None:
    assert_refused(APP_ATTEST, Apple().attestation(key, ABOUT), "InvalidCertificateChainException")


def test_without_another_root_apple_s_own_is_the_only_one(
    apple: Apple, key: ec.EllipticCurvePrivateKey, settings: Settings
) -> None:
    settings.APP_ATTEST_ROOT_CA = ""
    assert attestation._AppleConfig().root_ca.subject.native["common_name"] == "Apple App Attestation Root CA"
    assert_refused(APP_ATTEST, apple.attestation(key, ABOUT), "InvalidCertificateChainException")


def test_app_attest_in_a_certificate_that_is_over(apple: Apple, key: ec.EllipticCurvePrivateKey) -> None:
    made = apple.attestation(key, ABOUT)
    with time_machine.travel(2_300_000_000):  # the year 2042
        assert_refused(APP_ATTEST, made, "InvalidCertificateChainException")


def test_app_attest_of_a_key_that_was_used(apple: Apple, key: ec.EllipticCurvePrivateKey) -> None:
    assert_refused(APP_ATTEST, apple.attestation(key, ABOUT, counter=1), "InvalidCounterException")


def test_app_attest_that_names_another_key(apple: Apple, key: ec.EllipticCurvePrivateKey) -> None:
    made = apple.attestation(key, ABOUT, named=ec.generate_private_key(ec.SECP256R1()))
    assert_refused(APP_ATTEST, made, "InvalidKeyIdException")


@pytest.mark.parametrize("environment", [DEVELOPMENT, b"something else.."])
def test_app_attest_of_another_environment(apple: Apple, key: ec.EllipticCurvePrivateKey, environment: bytes) -> None:
    assert_refused(APP_ATTEST, apple.attestation(key, ABOUT, environment=environment), "InvalidAaguidException")


@pytest.mark.parametrize("environment", [DEVELOPMENT, PRODUCTION])
def test_app_attest_under_development(
    apple: Apple, key: ec.EllipticCurvePrivateKey, settings: Settings, environment: bytes
) -> None:
    settings.ATTESTATION_PRODUCTION = False
    assert judged(APP_ATTEST, apple.attestation(key, ABOUT, environment=environment)).trust == Trust.STRONG


def test_app_attest_with_any_byte_changed(apple: Apple, key: ec.EllipticCurvePrivateKey) -> None:
    """But for the receipt, which is for Apple's servers: nothing is read from it."""
    made = unb64url(apple.attestation(key, ABOUT))
    receipt = range(made.index(b"receipt"), made.index(b"authData") - 1)
    accepted = []
    for place in (*range(0, len(made), 13), *range(len(made) - 120, len(made))):
        bent = bytearray(made)
        bent[place] ^= 0x10
        try:
            judged(APP_ATTEST, b64url(bytes(bent)))
        except EvidenceRefused:
            continue
        accepted.append(place)
    assert [place for place in accepted if place not in receipt] == []


# -- assertions


@pytest.fixture
def attested_key(apple: Apple, key: ec.EllipticCurvePrivateKey) -> bytes:
    attested = judged(APP_ATTEST, apple.attestation(key, ABOUT)).attested_key
    assert attested is not None
    return attested


def test_assertion_of_another_challenge(apple: Apple, key: ec.EllipticCurvePrivateKey, attested_key: bytes) -> None:
    assert_refused(ASSERTION, apple.assertion(key, OTHER, counter=1), "InvalidSignature", attested_key)


def test_assertion_of_another_app(apple: Apple, key: ec.EllipticCurvePrivateKey, attested_key: bytes) -> None:
    made = apple.assertion(key, ABOUT, counter=1, app_id="A1B2C3D4E5.com.example.other")
    assert_refused(ASSERTION, made, "InvalidAppIdException", attested_key)


def test_assertion_by_another_key(apple: Apple, attested_key: bytes) -> None:
    made = apple.assertion(ec.generate_private_key(ec.SECP256R1()), ABOUT, counter=1)
    assert_refused(ASSERTION, made, "InvalidSignature", attested_key)


def test_assertion_without_a_key_before(apple: Apple, key: ec.EllipticCurvePrivateKey) -> None:
    with pytest.raises(EvidenceRefused):
        judged(ASSERTION, apple.assertion(key, ABOUT, counter=1))


# -- Play Integrity


@pytest.mark.parametrize(
    ("labels", "trust"),
    [
        (("MEETS_DEVICE_INTEGRITY",), Trust.BASIC),
        (("MEETS_BASIC_INTEGRITY", "MEETS_DEVICE_INTEGRITY", "MEETS_STRONG_INTEGRITY"), Trust.STRONG),
    ],
)
@pytest.mark.parametrize("is_padded", [True, False])
def test_play_integrity_proves_what_google_says(
    google: Google, labels: tuple[str, ...], trust: Trust, is_padded: bool
) -> None:
    assert judged(PLAY, google.token(ABOUT, labels=labels, is_padded=is_padded)) == Verdict(trust)


@pytest.mark.parametrize("labels", [(), ("MEETS_BASIC_INTEGRITY",), ("MEETS_VIRTUAL_INTEGRITY",)])
def test_play_integrity_of_a_phone_that_is_not_whole(google: Google, labels: tuple[str, ...]) -> None:
    assert_refused(PLAY, google.token(ABOUT, labels=labels), "InvalidDeviceIntegrity")


def test_play_integrity_of_another_challenge(google: Google) -> None:
    assert_refused(PLAY, google.token(OTHER), "InvalidNonceException")


def test_play_integrity_of_another_app(google: Google) -> None:
    assert_refused(PLAY, google.token(ABOUT, package="com.example.other"), "InvalidAppIdException")


def test_play_integrity_of_an_app_that_was_changed(google: Google) -> None:
    assert_refused(PLAY, google.token(ABOUT, recognised="UNRECOGNIZED_VERSION"), "InvalidAppIntegrity")


def test_play_integrity_by_another_console(google: Google) -> None:
    assert_refused(PLAY, Google().token(ABOUT), "PyAttestException")


def test_play_integrity_that_google_did_not_sign(google: Google) -> None:
    made = google.token(ABOUT, signed_by=ec.generate_private_key(ec.SECP256R1()))
    assert_refused(PLAY, made, "PyAttestException")


def test_play_integrity_under_development(google: Google, settings: Settings) -> None:
    settings.ATTESTATION_PRODUCTION = False
    made = google.token(ABOUT, recognised="UNRECOGNIZED_VERSION", labels=("MEETS_BASIC_INTEGRITY",))
    assert judged(PLAY, made).trust == Trust.BASIC


@pytest.mark.parametrize("payload", [{}, [], None, 7, {"requestDetails": None}, {"requestDetails": {"nonce": 7}}])
def test_play_integrity_of_another_form(google: Google, payload: object) -> None:
    with pytest.raises(EvidenceRefused):
        judged(PLAY, google.sealed(payload))


# -- neither


@pytest.mark.parametrize("kind", AttestationKind)
@pytest.mark.parametrize(
    "text",
    ["", "AA", "a" * 16_384, "9f" * 8000, "....", "eyJhbGciOiJkaXIifQ....", "ð", "oA", "gQ", "\x00", "{}", "=" * 100],
)
def test_anything_else_is_refused(kind: str, text: str, attested_key: bytes) -> None:
    with pytest.raises(EvidenceRefused):
        judged(kind, text, attested_key=attested_key)


def test_nested_cbor_is_refused(attested_key: bytes) -> None:
    for text in (b64url(b"\x81" * 12_000), b64url(b"\xd8\x1c" * 6_000), b64url(b"\xc2\x5a\x7f\xff\xff\xff" * 100)):
        for kind in (APP_ATTEST, ASSERTION):
            with pytest.raises(EvidenceRefused):
                judged(kind, text, attested_key=attested_key)


def test_a_kind_that_is_not_known_is_refused() -> None:
    assert_refused("safety_net", "", "ValueError")


# -- what is set up


def test_kinds_follow_the_settings(settings: Settings) -> None:
    assert attestation.kinds() == {*AttestationKind}
    settings.PLAY_INTEGRITY_PACKAGE = ""
    assert attestation.kinds() == {APP_ATTEST, ASSERTION}
    settings.APP_ATTEST_APP_ID = ""
    assert attestation.kinds() == frozenset()


@pytest.mark.parametrize(
    ("required", "enough"),
    [("none", {*Trust}), ("basic", {Trust.BASIC, Trust.STRONG}), ("strong", {Trust.STRONG})],
)
def test_what_is_enough(settings: Settings, required: str, enough: set[str]) -> None:
    settings.ATTESTATION_REQUIRED = required
    assert {trust for trust in Trust if attestation.is_enough(trust)} == enough


def errors_of_the_settings() -> list[str | None]:
    return [error.id for error in attestation_is_possible(None)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_ATTEST_APP_ID", "com.example.app"),
        ("APP_ATTEST_ROOT_CA", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ("APP_ATTEST_ROOT_CA", "a path, perhaps"),
        ("PLAY_INTEGRITY_DECRYPTION_KEY", ""),
        ("PLAY_INTEGRITY_DECRYPTION_KEY", "AAAA"),
        ("PLAY_INTEGRITY_VERIFICATION_KEY", ""),
        ("PLAY_INTEGRITY_VERIFICATION_KEY", "ð"),
    ],
)
def test_the_check_finds_what_cannot_be_used(settings: Settings, name: str, value: str) -> None:
    assert errors_of_the_settings() == []
    setattr(settings, name, value)
    assert errors_of_the_settings() == ["handset.E006"]


def test_the_check_finds_what_nobody_can_meet(settings: Settings) -> None:
    settings.ATTESTATION_REQUIRED = "basic"
    assert errors_of_the_settings() == []
    settings.APP_ATTEST_APP_ID = settings.PLAY_INTEGRITY_PACKAGE = ""
    assert errors_of_the_settings() == ["handset.E007"]


def test_the_check_keeps_development_out_of_production(settings: Settings) -> None:
    settings.EMBEDDED, settings.ENVIRONMENT = False, "production"
    assert "handset.E017" not in {error.id for error in deployment_is_hardened(None)}
    settings.ATTESTATION_PRODUCTION = False
    assert "handset.E017" in {error.id for error in deployment_is_hardened(None)}
    settings.ENVIRONMENT = "staging"
    assert "handset.E017" not in {error.id for error in deployment_is_hardened(None)}
