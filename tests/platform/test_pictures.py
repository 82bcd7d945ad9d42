"""Pictures of strangers: what comes out is square, upright, in colours that every screen knows, and nothing but pixels."""

import io

import pytest
from PIL import Image, ImageCms
from PIL.ExifTags import GPS, IFD, Base

from api.exceptions import TemporarilyUnavailable
from api.platform import pictures
from api.platform.pictures import PictureNotSupported, PictureTooLarge, PictureUnreadable, Square
from tests.pictures import corners_of, encoded, gif_of, jpeg_of_scans, photo, png_saying, quarters

WANTED = (Square(600, 85), Square(160, 65))
AS_SEEN = ["red", "lime", "blue", "white"]


def squares(content: bytes) -> list[bytes]:
    return pictures.squares(content, WANTED)


def pixel_of(content: bytes) -> tuple[int, ...]:
    """The colour in the middle, with its opacity."""
    pixel = Image.open(io.BytesIO(content)).convert("RGBA").getpixel((80, 80))
    assert isinstance(pixel, tuple)
    return pixel


def assert_close(found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    assert all(abs(a - b) <= 6 for a, b in zip(found, wanted, strict=True)), (found, wanted)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("size", [(1200, 900), (900, 1200), (5000, 4000), (601, 599), (40, 30), (3000, 20)])
def test_every_kind_and_size_becomes_two_squares(kind: str, size: tuple[int, int]) -> None:
    found = squares(photo(*size, kind=kind))
    for content, side in zip(found, (600, 160), strict=True):
        picture = Image.open(io.BytesIO(content))
        assert (picture.format, picture.size) == ("WEBP", (side, side))
        if min(size) > 100:
            assert corners_of(content) == AS_SEEN


def test_the_same_picture_gives_the_same_bytes() -> None:
    content = photo(4000, 3000)
    assert squares(content) == squares(content)
    assert squares(content) != squares(photo(4000, 3000, quality=20))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_it_is_upright(kind: str, orientation: int) -> None:
    """The picture is stored as a camera held that way stores it, so that turned back it is as it was seen."""
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = quarters() if undo is None else quarters().transpose(undo)
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    for content in squares(encoded(stored, kind, exif=exif)):
        assert corners_of(content) == AS_SEEN


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_no_metadata_comes_out(kind: str) -> None:
    exif = Image.Exif()
    exif[Base.Artist] = "CANARY"
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] = (47.0, 22.0, 12.5)
    options = {"exif": exif, "xmp": b"<x:xmpmeta>CANARY 47.37</x:xmpmeta>", "comment": b"CANARY"}
    content = encoded(quarters(), kind, **options, icc_profile=_profile("sRGB"))
    if kind == "JPEG":  # IPTC, where press agencies write
        content = content[:2] + b"\xff\xed\x00\x1cPhotoshop 3.0\x008BIMCANARY" + content[2:]
    assert b"CANARY" in content
    for found in squares(content):
        assert b"CANARY" not in found
        assert not {b"EXIF", b"XMP ", b"ICCP"} & {found[place : place + 4] for place in range(len(found))}
        assert found[12:16] == b"VP8 "  # the simple form, which has room for pixels only
        assert int.from_bytes(found[4:8], "little") + 8 == len(found)


def _profile(name: str) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("picture", "kind", "colour"),
    [
        (Image.new("CMYK", (900, 700), (0, 255, 255, 0)), "JPEG", (255, 0, 0, 255)),
        (Image.new("I;16", (900, 700), 0x8040), "PNG", (128, 128, 128, 255)),
        (Image.new("L", (900, 700), 100), "PNG", (100, 100, 100, 255)),
        (Image.new("1", (900, 700), 1), "PNG", (255, 255, 255, 255)),
        (Image.new("LA", (900, 700), (100, 128)), "PNG", (100, 100, 100, 128)),
        (Image.new("RGBA", (900, 700), (0, 0, 250, 128)), "PNG", (0, 0, 250, 128)),
        (Image.new("RGBA", (900, 700), (0, 0, 250, 128)), "WEBP", (0, 0, 250, 128)),
        (Image.new("RGB", (1, 1), (10, 200, 30)), "PNG", (10, 200, 30, 255)),
    ],
    ids=["cmyk", "16-bit", "grey", "black-and-white", "grey-with-alpha", "alpha", "webp-with-alpha", "one-pixel"],
)
def test_every_way_to_write_colours(picture: Image.Image, kind: str, colour: tuple[int, ...]) -> None:
    assert_close(pixel_of(squares(encoded(picture, kind))[1]), colour)


def test_colours_are_those_of_their_profile() -> None:
    lab = Image.new("RGB", (900, 700), (120, 180, 40))
    srgb = ImageCms.createProfile("sRGB")
    kept = encoded(lab, "PNG", icc_profile=ImageCms.ImageCmsProfile(srgb).tobytes())
    assert_close(pixel_of(squares(kept)[1]), (120, 180, 40, 255))
    for nonsense in (b"CANARY", b"\0" * 200, _profile("LAB")):
        assert_close(pixel_of(squares(encoded(lab, "PNG", icc_profile=nonsense))[1]), (120, 180, 40, 255))


def test_of_an_animation_the_first_frame_is_taken() -> None:
    for content in (gif_of(2000), gif_of(1)):
        assert_close(pixel_of(squares(content)[1]), (0, 0, 0, 255))
    frames = [Image.new("RGB", (90, 70), colour) for colour in ("red", "blue", "lime")]
    animated = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    assert_close(pixel_of(squares(animated)[1]), (255, 0, 0, 255))


def test_who_would_wait_for_long_comes_back_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is refused for what it is need not wait at all."""
    monkeypatch.setattr(pictures, "_PATIENCE_SECONDS", 0.01)
    with pictures._decoding:
        with pytest.raises(TemporarilyUnavailable):
            squares(photo())
        with pytest.raises(PictureNotSupported):
            squares(b"CANARY")
    assert len(squares(photo())) == 2


# -- what is refused


def _with(content: bytes, place: int, new: bytes) -> bytes:
    return content[:place] + new + content[place + len(new) :]


GIF = gif_of(2)
WEBP = photo(kind="WEBP")
FRAME = GIF.index(b"\x2c\0\0\0\0\x08\0\x08\0")
HUGE = b"\xff\xff\xff\xff"


@pytest.mark.parametrize(
    "content",
    [
        png_saying(50_000, 50_000),
        png_saying(2**31 - 1, 2**31 - 1),
        png_saying(8000, 6251),
        png_saying(8000, 6251, pixels=b"\0" * 8001 * 6251),
        _with(GIF, 6, HUGE),
        _with(GIF, FRAME + 5, HUGE),
        _with(WEBP, 26, b"\xff\x3f\xff\x3f"),
        jpeg_of_scans(200),
    ],
    ids=["png", "png-of-integers", "a-row-too-many", "all-of-it-there", "gif", "gif-frame", "webp", "scans"],
)
def test_too_many_pixels_are_refused_before_they_are_made(content: bytes) -> None:
    with pytest.raises(PictureTooLarge):
        squares(content)


def test_fifty_megapixels_are_taken() -> None:
    assert_close(pixel_of(squares(png_saying(8000, 6250, pixels=b"\0" * 8001 * 6250))[1]), (0, 0, 0, 255))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_what_is_cut_off_is_refused(kind: str) -> None:
    whole = photo(kind=kind)
    for length in (12, 40, len(whole) // 3, len(whole) - 40):
        with pytest.raises(PictureUnreadable):
            squares(whole[:length])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_any_byte_may_be_wrong(kind: str) -> None:
    """It is a picture or it is refused; a decoder's own error does not come out."""
    whole = photo(120, 90, kind=kind)
    taken = refused = 0
    for place in range(0, len(whole), max(1, len(whole) // 50)):
        try:
            assert len(squares(_with(whole, place, bytes([whole[place] ^ 0xFF])))) == 2
            taken += 1
        except (PictureNotSupported, PictureTooLarge, PictureUnreadable):
            refused += 1
    assert refused > 0
    assert taken + refused >= 40


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"CANARY",
        b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        b"<!doctype html><script>alert(1)</script>",
        b"%PDF-1.7\n",
        b"PK\x03\x04" + b"\0" * 60,
        encoded(quarters(), "BMP"),
        encoded(quarters(), "TIFF"),
        encoded(quarters(), "ICO"),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    ],
    ids=["nothing", "text", "svg", "html", "pdf", "zip", "bmp", "tiff", "ico", "eps"],
)
def test_other_kinds_of_files_are_refused(content: bytes) -> None:
    with pytest.raises(PictureNotSupported):
        squares(content)


ZIP = b"PK\x05\x06" + b"\0" * 18


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize(
    "more",
    [ZIP, b"<script>alert(1)</script>", b"<?php system($_GET[0]);", b"\n<SVG onload=alert(1)></SVG>"],
    ids=["zip", "script", "php", "svg"],
)
def test_what_is_something_else_as_well_is_refused(kind: str, more: bytes) -> None:
    whole = photo(kind=kind)
    assert len(squares(whole)) == 2
    with pytest.raises(PictureNotSupported):
        squares(whole + more)


def test_what_cameras_put_behind_their_pictures_is_let_pass() -> None:
    """A film, a second picture with the brightness of each pixel: neither comes out."""
    for more in (b"\0\0\0\x18ftypmp42" + b"CANARY" * 4000, photo(400, 300)):
        assert squares(photo() + more) == squares(photo())
