"""Whole pictures of every kind that phones and programs write: upright, in sRGB, silent about where they were taken."""

import io
import struct

import pytest
from PIL import Image, ImageCms
from PIL.ExifTags import GPS, IFD, Base

from api.platform import pictures
from api.platform.pictures import PictureNotSupported, PictureTooLarge, PictureUnreadable
from api.platform.renditions import Rendition, rendition_of
from tests.pictures import corners_of, encoded, gif_of, photo, png_saying, quarters

AS_SEEN = ["red", "lime", "blue", "white"]
# How a picture is stored that has to be turned by 90 degrees to the right to be seen.
LYING = Image.Transpose.ROTATE_90
needs_heic = pytest.mark.skipif(not pictures.HAS_HEIC, reason="pillow-heif is an extra")


def told(*, orientation: int = 1) -> Image.Exif:
    """What a phone says of a picture: how it was held, who took it, and where."""
    exif = Image.Exif()
    exif[Base.Orientation], exif[Base.Artist] = orientation, "CANARY"
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] = (47.0, 22.0, 12.5)
    return exif


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">CANARY</x:xmpmeta>'


def require_clean(made: Rendition, size: tuple[int, int]) -> None:
    """Upright, of this size, and without a word."""
    assert (made.width, made.height) == size
    for content in (made.original, *made.variants.values()):
        assert b"CANARY" not in content
        with Image.open(io.BytesIO(content)) as picture:
            assert not picture.getexif().get_ifd(IFD.GPSInfo)
            assert "xmp" not in picture.info
    assert corners_of(made.variants["large"]) == AS_SEEN
    assert corners_of(made.variants["thumb"]) == AS_SEEN


def turned_by(content: bytes, quarter_turns: int) -> bytes:
    """A HEIC that says, as phones do (ISO 23008-12 §6.5.10), that it is to be turned to the left so many times. Its
    places count from the beginning of the file, so what goes in moves them.
    """
    box = struct.pack(">I4sB", 9, b"irot", quarter_turns)
    ipco, ipma = content.index(b"ipco") - 4, content.index(b"ipma") - 4
    properties = _count_of_boxes(content, ipco)
    grown = bytearray(content)
    # One association more, of the first item: behind how many it has, which is one byte after its number.
    number = ipma + 12 + 4 + 2
    grown[number] += 1
    grown.insert(number + 1, 0x80 | (properties + 1))
    end = ipco + struct.unpack_from(">I", content, ipco)[0]
    grown[end:end] = box
    more = len(box) + 1
    for kind, by in ((b"meta", more), (b"iprp", more), (b"ipco", len(box)), (b"ipma", 1)):
        place = grown.index(kind) - 4
        struct.pack_into(">I", grown, place, struct.unpack_from(">I", grown, place)[0] + by)
    _move_places(grown, more)
    return bytes(grown)


def _count_of_boxes(content: bytes, outer: int) -> int:
    place, end, count = outer + 8, outer + struct.unpack_from(">I", content, outer)[0], 0
    while place < end:
        place += struct.unpack_from(">I", content, place)[0]
        count += 1
    return count


def _move_places(content: bytearray, by: int) -> None:
    """Where `iloc` says that items lie, in the form that the library writes: one extent an item, from a place of its own."""
    iloc = content.index(b"iloc") - 4
    version, sizes = content[iloc + 8], bytes(content[iloc + 12 : iloc + 14])
    assert (version, sizes) == (0, b"\x44\x40")
    for item in range(struct.unpack_from(">H", content, iloc + 14)[0]):
        place = iloc + 16 + item * 18 + 4
        struct.pack_into(">I", content, place, struct.unpack_from(">I", content, place)[0] + by)


@needs_heic
@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_photos_of_iphones(orientation: int, turns: int) -> None:
    """They say twice how they are turned; only one of the two counts."""
    turn = [None, Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_90][turns]
    stored = quarters(640, 480) if turn is None else quarters(640, 480).transpose(turn)
    content = encoded(stored, "HEIF", exif=told(orientation=orientation), xmp=XMP, quality=90)
    assert b"CANARY" in content
    made = rendition_of(turned_by(content, turns) if turns else content)
    require_clean(made, (640, 480))
    assert made.media_type == "image/jpeg"
    assert corners_of(made.original) == AS_SEEN


@needs_heic
def test_heic_is_heic_by_its_bytes_alone() -> None:
    content = encoded(quarters(64, 48), "HEIF")
    assert content[4:8] == b"ftyp"
    with pytest.raises(PictureUnreadable):
        rendition_of(content[: len(content) // 2])


def test_without_the_extra_heic_is_a_kind_that_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "HAS_HEIC", False)
    head = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    with pytest.raises(PictureNotSupported):
        rendition_of(head + b"\0" * 100)


@pytest.mark.parametrize("kind", ["AVIF", "PNG", "WEBP", "JPEG"])
def test_whatever_says_it_lies_is_stood_up(kind: str) -> None:
    content = encoded(quarters(640, 480).transpose(LYING), kind, exif=told(orientation=6), xmp=XMP)
    require_clean(rendition_of(content), (640, 480))


def test_a_progressive_jpeg_stays_one() -> None:
    content = photo(640, 480, progressive=True, exif=told())
    made = rendition_of(content)
    require_clean(made, (640, 480))
    with Image.open(io.BytesIO(made.original)) as original:
        assert original.info["progressive"]


def test_a_jpeg_of_four_inks() -> None:
    made = rendition_of(encoded(quarters(640, 480).convert("CMYK"), "JPEG", exif=told()))
    require_clean(made, (640, 480))
    with Image.open(io.BytesIO(made.variants["large"])) as picture:
        assert picture.mode == "RGB"


def test_sixteen_bits_a_channel() -> None:
    ramp = Image.new("I;16", (256, 64))
    ramp.putdata([column * 257 for _ in range(64) for column in range(256)])
    made = rendition_of(encoded(ramp, "PNG"))
    with Image.open(io.BytesIO(made.original)) as original:
        seen = list(original.convert("L").crop((0, 30, 256, 31)).tobytes())
    assert max(abs(value - column) for column, value in enumerate(seen)) <= 4


def test_of_an_animation_the_first_frame() -> None:
    made = rendition_of(gif_of(200, side=64))
    with Image.open(io.BytesIO(made.original)) as original:
        assert getattr(original, "n_frames", 1) == 1
        assert original.convert("RGB").getpixel((9, 9)) == (0, 0, 0)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", pytest.param("HEIF", marks=needs_heic)])
def test_one_pixel(kind: str) -> None:
    made = rendition_of(encoded(Image.new("RGB", (1, 1), "red"), kind))
    assert (made.width, made.height) == (1, 1)
    assert {Image.open(io.BytesIO(variant)).size for variant in made.variants.values()} == {(1, 1)}


def test_colours_of_a_profile_are_those_of_a_screen_afterwards() -> None:
    """In LAB-built sRGB with its primaries swapped, red is stored where green belongs."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"tmpX").replace(b"gXYZ", b"rXYZ").replace(b"tmpX", b"gXYZ")
    picture = Image.new("RGB", (64, 64), (255, 0, 0))
    for kind in ("PNG", "WEBP"):
        made = rendition_of(encoded(picture, kind, icc_profile=swapped))
        with Image.open(io.BytesIO(made.variants["large"])) as seen:
            pixel = seen.convert("RGB").getpixel((30, 30))
            assert isinstance(pixel, tuple)
            assert pixel[1] > 200
            assert pixel[0] < 60
            assert "icc_profile" not in seen.info


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", pytest.param("HEIF", marks=needs_heic)])
def test_what_is_cut_off_is_refused(kind: str) -> None:
    content = photo(640, 480, kind)
    with pytest.raises((PictureUnreadable, PictureNotSupported)):
        rendition_of(content[: len(content) * 2 // 3])


@pytest.mark.parametrize("more", [b"<script>alert(1)</script>", b"%PDF-1.7", b"<?php x", b"<svg onload=x>"])
@pytest.mark.parametrize("kind", ["JPEG", "AVIF", pytest.param("HEIF", marks=needs_heic)])
def test_what_is_something_else_as_well_is_refused(kind: str, more: bytes) -> None:
    with pytest.raises(PictureNotSupported):
        rendition_of(photo(64, 48, kind) + more)


@needs_heic
def test_a_heic_of_too_many_pixels_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    content = photo(640, 480, "HEIF")
    monkeypatch.setattr(pictures, "PIXELS_MAX", 640 * 480 - 1)
    monkeypatch.setattr(pictures, "loaded", None)  # would fail, were it called
    with pytest.raises(PictureTooLarge):
        rendition_of(content)


def test_a_bomb_is_refused_by_its_header() -> None:
    with pytest.raises(PictureTooLarge):
        rendition_of(png_saying(12_000, 12_000, pixels=b"\0" * 1000))


def segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload


@pytest.mark.parametrize(
    "hidden",
    [
        segment(0xE0, b"JFXX\0\x10" + photo(40, 30) + b"CANARY"),
        segment(0xE0, b"CANARY"),
        segment(0xEE, b"CANARY"),
        segment(0xE2, b"ICC_PROFILE\0\1\1CANARY"),
    ],
    ids=["picture-of-jfxx", "no-jfif", "no-adobe", "no-profile"],
)
def test_no_segment_of_a_jpeg_is_kept_for_its_number(hidden: bytes) -> None:
    plain = photo(300, 200)
    head = 2 + 2 + int.from_bytes(plain[4:6])  # its JFIF header stays the first
    made = rendition_of(plain[:head] + hidden + plain[head:])
    require_clean(made, (300, 200))
    assert made.original == plain


def test_a_jpeg_has_no_small_picture_in_its_header() -> None:
    plain = photo(300, 200)
    head = 2 + 2 + int.from_bytes(plain[4:6])
    pixels = b"CANARY" * 2
    small = segment(0xE0, plain[6 : head - 2] + bytes((2, 2)) + pixels)
    assert rendition_of(plain[:2] + small + plain[head:]).original == plain


def test_what_stands_between_the_pixels_and_the_end_goes() -> None:
    plain = photo(300, 200)
    made = rendition_of(plain[:-2] + segment(0xFE, b"CANARY") + segment(0xED, b"CANARY") + plain[-2:])
    assert made.original == plain


def test_colours_that_adobe_tells_of_stay() -> None:
    inks = encoded(quarters(300, 200).convert("CMYK"), "JPEG")
    assert b"Adobe" in rendition_of(inks).original
    assert rendition_of(inks).original == inks
