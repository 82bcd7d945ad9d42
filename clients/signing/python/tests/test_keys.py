"""Keys are kept as text and never shown."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fake_api import p256_verifies
from handset_client import HmacKey, P256Key, State
from handset_client.keys import b64url, unb64url


def test_p256_key_survives_storage() -> None:
    key = P256Key.generate()
    again = P256Key.from_pem(key.to_pem())
    assert again.public_jwk() == key.public_jwk()
    assert p256_verifies(key.public_jwk(), b"base", again.sign(b"base"))


def test_p256_signature_is_always_64_bytes() -> None:
    key = P256Key.generate()
    assert {len(key.sign(bytes([i]))) for i in range(64)} == {64}


def test_key_on_another_curve_is_refused() -> None:
    pem = ec.generate_private_key(ec.SECP384R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(ValueError, match="P-256"):
        P256Key.from_pem(pem.decode())


def test_base64url_has_no_padding() -> None:
    for size in range(5):
        data = b"\xff" * size
        assert "=" not in b64url(data)
        assert unb64url(b64url(data)) == data


def test_secrets_are_not_in_what_is_printed() -> None:
    state = State.begin(hardware_key=True)
    assert state.install_id in repr(state)
    assert state.enrol_key not in repr(state)
    assert "PRIVATE" not in repr(state)
    assert "secret" not in repr(HmacKey(b"secret bytes"))
