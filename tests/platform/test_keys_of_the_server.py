"""Rings, derivations and seals: what fits opens, and nothing else does."""

import os

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from api.platform import keys
from api.platform.keys import b64url, unb64url

QUICK = settings(max_examples=100, deadline=None, database=None)
KEY, OTHER = b64url(bytes(range(32))), b64url(bytes(range(1, 33)))


@QUICK
@given(st.binary(max_size=100))
def test_base64url_goes_there_and_back(data: bytes) -> None:
    assert unb64url(b64url(data)) == data


@QUICK
@given(st.text("AB-_+/= \n9é", max_size=12))
@example("AB")  # decodes to the byte of `AA`
@example("AA==")
@example("A")
@example("A A")
def test_bytes_have_one_spelling(text: str) -> None:
    try:
        data = unb64url(text)
    except ValueError:
        return
    assert b64url(data) == text


def test_ring_is_read_in_order() -> None:
    ring = keys.ring(f"new:{KEY}, old:{OTHER}")
    assert ring.current == "new"
    assert list(ring.keys) == ["new", "old"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        KEY,
        f":{KEY}",
        "k1:",
        f"k1:{KEY[:-4]}",
        f"k1:{KEY}=",
        f"k1:{KEY},",
        f"k1:{KEY},k1:{OTHER}",
        f"{'k' * 33}:{KEY}",
        f"k1:{KEY},k2:short",
        "k1:not base64url",
    ],
)
def test_other_rings_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        keys.ring(text)


def test_device_secret_depends_on_everything(settings: Settings) -> None:
    settings.DEVICE_MASTER_KEYS = f"m1:{KEY},m2:{OTHER}"
    same = {"kid": "m1", "enrol_digest": bytes(32), "device_id": "d", "generation": 1}
    secrets = {
        keys.device_secret(**{**same, **change})
        for change in (
            {},
            {"kid": "m2"},
            {"enrol_digest": b"\x01" * 32},
            {"device_id": "e"},
            {"generation": 2},
        )
    }
    assert len(secrets) == 5
    assert keys.device_secret(**same) in secrets
    # The same master key under another name is another key.
    settings.DEVICE_MASTER_KEYS = f"m9:{KEY}"
    assert keys.device_secret(**{**same, "kid": "m9"}) not in secrets
    with pytest.raises(KeyError):
        keys.device_secret(**same)


def test_each_purpose_has_its_own_key(settings: Settings) -> None:
    purposes = {keys.purpose_key(purpose) for purpose in ("refresh", "cursor", "lockout", "opening", "throttle")}
    assert len(purposes) == 5
    settings.SECRET_KEY = "another secret key of this server, long enough"
    assert keys.purpose_key("refresh") not in purposes


def test_seal_opens_in_its_place_only(settings: Settings) -> None:
    settings.FIELD_KEYS = f"k1:{KEY}"
    sealed = keys.seal(b"secret", context="app_key:a")
    assert keys.unseal(sealed, context="app_key:a") == b"secret"
    assert keys.seal(b"secret", context="app_key:a") != sealed
    with pytest.raises(ValueError):
        keys.unseal(sealed, context="app_key:b")
    # A newer key in front: the old one still opens.
    settings.FIELD_KEYS = f"k2:{OTHER},k1:{KEY}"
    assert keys.unseal(sealed, context="app_key:a") == b"secret"
    assert keys.seal(b"x", context="c").startswith("k2.")
    settings.FIELD_KEYS = f"k2:{OTHER}"
    with pytest.raises(ValueError):
        keys.unseal(sealed, context="app_key:a")


def test_changed_seal_does_not_open(settings: Settings) -> None:
    settings.FIELD_KEYS = f"k1:{KEY}"
    sealed = keys.seal(os.urandom(32), context="c")
    for place in range(len(sealed)):
        changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
        with pytest.raises(ValueError):
            keys.unseal(changed, context="c")
    for other in ("", "k1", "k1.", ".", "k1.AAAA"):
        with pytest.raises(ValueError):
            keys.unseal(other, context="c")
