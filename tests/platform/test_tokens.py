"""Tokens by themselves: no text whatever is more than refused, and a ring is read or refused as a whole."""

import json
import uuid
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.models import Session
from api.platform import tokens
from api.platform.tokens import TokenInvalid, signing_keys

QUICK = settings(max_examples=100, deadline=None, database=None)


def pem_of(private: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


PEMS = [pem_of(ec.generate_private_key(ec.SECP256R1())) for _ in range(3)]


@QUICK
@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*", fullmatch=True))
@example("eyJhbGciOiJub25lIn0.e30.")
@example("..")
@example("\ud800")
def test_no_text_is_an_access_token(text: str) -> None:
    with pytest.raises(TokenInvalid):
        tokens.verify_access_token(text)
    assert not tokens._verified


@QUICK
@given(st.text() | st.from_regex(r"rt1\.[0-9a-f-]{36}\.[0-9]{1,30}\.[A-Za-z0-9_-]{43}", fullmatch=True))
@example("rt1...")
@example(f"rt1.{uuid.UUID(int=0)}.٣.{'A' * 43}")
@example(f"rt1.{uuid.UUID(int=0)}.{'9' * 80}.x")
@example("\ud800" * 4)
def test_no_text_is_a_refresh_token(text: str) -> None:
    with pytest.raises(TokenInvalid):
        tokens.parse_refresh_token(text)


@QUICK
@given(st.uuids(), st.integers(0, 2**63 - 1))
def test_refresh_token_says_which_session_and_which_turn(session_id: uuid.UUID, counter: int) -> None:
    session = Session(id=session_id, refresh_counter=counter)
    token = tokens.issue_refresh_token(session)
    assert tokens.parse_refresh_token(token) == (session_id, counter)
    assert tokens.issue_refresh_token(session) == token
    assert len(token) <= 128


@QUICK
@given(st.uuids(), st.integers(0, 1000), st.integers(0, 200), st.characters(min_codepoint=0x2D, max_codepoint=0x7A))
def test_any_character_of_a_refresh_token_counts(
    session_id: uuid.UUID, counter: int, place: int, character: str
) -> None:
    token = tokens.issue_refresh_token(Session(id=session_id, refresh_counter=counter))
    place %= len(token)
    changed = token[:place] + character + token[place + 1 :]
    if changed != token:
        with pytest.raises(TokenInvalid):
            tokens.parse_refresh_token(changed)


def test_ring_is_a_pem_or_files_or_a_list(tmp_path: Path) -> None:
    (single,) = signing_keys(PEMS[0])
    assert single.status == "current"
    for number, pem in enumerate(PEMS):
        (tmp_path / f"{number}.pem").write_text(pem)
    files = signing_keys(", ".join(str(tmp_path / f"{number}.pem") for number in range(3)))
    assert [key.status for key in files] == ["current", "retired", "retired"]
    assert files[0].kid == single.kid
    listed = signing_keys(json.dumps([{"pem": PEMS[1], "status": "next"}, {"pem": PEMS[0], "status": "current"}]))
    assert [key.status for key in listed] == ["next", "current"]
    assert listed[1].kid == single.kid


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "[]",
        "[{}]",
        "[1]",
        "{}",
        "/nowhere/key.pem",
        "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----",
        pem_of(ec.generate_private_key(ec.SECP384R1())),
        pem_of(ed25519.Ed25519PrivateKey.generate()),
        json.dumps([{"pem": PEMS[0], "status": "next"}]),
        json.dumps([{"pem": PEMS[0], "status": "retired"}]),
        json.dumps([{"pem": PEMS[0], "status": "best"}]),
        json.dumps([{"pem": PEMS[0]}]),
    ],
    ids=lambda text: text[:20],
)
def test_other_rings_are_refused(text: str) -> None:
    """By one of the errors that the system check turns into a sentence."""
    with pytest.raises((ValueError, OSError, KeyError, TypeError)):
        signing_keys(text)
