"""Bodies that are read in pieces: the same as if they were in memory."""

import hashlib
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.parsers import MalformedBody, parts_in
from api.platform import bodies
from api.platform.bodies import Body, collected
from tests.pictures import BOUNDARY, Field, form

# Few letters, so that what is sought is there in parts again and again.
TEXTS = st.text("ab\r\n-", max_size=60).map(str.encode)


@given(TEXTS, TEXTS.filter(len), st.integers(0, 60), st.integers(0, 60), st.integers(1, 7))
def test_what_is_found_is_what_bytes_find(content: bytes, sought: bytes, start: int, stop: int, piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bodies, "_PIECE_BYTES", piece)
        body = Body.of(content)
        assert body.find(sought, start, stop) == content.find(sought, start, stop)
        assert body.find(sought, start) == content.find(sought, start)
        assert body[start:stop] == content[start:stop]
        assert b"".join(body.pieces(min(start, len(content)), min(stop, len(content)))) == content[start:stop]
        assert body.sha256() == hashlib.sha256(content).digest()


def test_much_is_collected_into_a_file_and_little_in_memory() -> None:
    for size, is_in_file in ((bodies.MEMORY_MAX_BYTES, False), (bodies.MEMORY_MAX_BYTES + 1, True)):
        source = io.BytesIO(b"x" * (size + 5))
        with collected(source.read, most=size) as file:
            assert len(Body(file)) == size
            is_in_memory = isinstance(vars(file)["_file"], io.BytesIO)
            assert is_in_memory != is_in_file
        assert source.read() == b"xxxxx"


def test_whoever_fails_in_the_middle_leaves_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    real = bodies.tempfile.SpooledTemporaryFile
    monkeypatch.setattr(bodies.tempfile, "SpooledTemporaryFile", lambda size: made.append(real(size)) or made[-1])
    pieces = iter([b"x" * 2_000_000])
    with pytest.raises(StopIteration):
        collected(lambda _: next(pieces), most=3_000_000)
    assert made[0].closed


@pytest.mark.parametrize("piece", [1, 7, 64, 100_000])
def test_a_form_is_split_wherever_its_boundaries_lie(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_PIECE_BYTES", piece)
    content = b"\r\n--" + BOUNDARY.encode()[:-1] + b"x\r\n"  # nearly a boundary
    sent = form(Field("title", b""), Field("file", content, "a.jpg", "image/jpeg"), Field("more", b"\r\n"))
    parts = parts_in(Body.of(sent), f"multipart/form-data; boundary={BOUNDARY}")
    assert [(part.name, part.file_name, part.content) for part in parts] == [
        ("title", None, b""),
        ("file", "a.jpg", content),
        ("more", None, b"\r\n"),
    ]
    assert parts[1].size_bytes == len(content)
    with pytest.raises(MalformedBody):
        parts_in(Body.of(sent + b"x"), f"multipart/form-data; boundary={BOUNDARY}")
