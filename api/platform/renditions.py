"""Whole pictures: the normalised original, its variants, and what a client shows until they have come.

Decoded once, then made smaller from the largest to the smallest. A JPEG keeps its pixels as they are written: it loses what
it says besides, and is decoded at a fraction of its size. Everything else is written anew.
"""

import hashlib
import io
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from PIL import Image

from api.platform import pictures, thumbhash
from api.platform.pictures import PictureUnreadable


class Variant(NamedTuple):
    """A picture that fits into a square, of `side` pixels or its own."""

    side: int
    quality: int


# From the largest to the smallest: each is made of the one before.
VARIANTS = {
    "large": Variant(1600, quality=80),
    "medium": Variant(800, quality=78),
    "small": Variant(400, quality=75),
    "thumb": Variant(160, quality=65),
}
_LARGEST = next(iter(VARIANTS.values())).side
JPEG, WEBP = "image/jpeg", "image/webp"
_HASH_SIDE = 48  # a picture of 25 bytes says nothing finer
_ORIGINAL_QUALITY = 90


class Rendition(NamedTuple):
    """What is kept of a picture. `width` and `height` are the original's, upright."""

    original: bytes
    media_type: str
    width: int
    height: int
    sha256: bytes
    dominant_color: str  # #rrggbb
    thumbhash: bytes
    variants: dict[str, bytes]

    @property
    def facts(self) -> dict[str, Any]:
        """What is known of it when its bytes are stored, as a row has it."""
        return {
            "media_type": self.media_type,
            "width": self.width,
            "height": self.height,
            "size_bytes": len(self.original),
            "sha256": self.sha256,
            "dominant_color": self.dominant_color,
            "thumbhash": self.thumbhash,
        }


def size_within(width: int, height: int, side: int) -> tuple[int, int]:
    """The size of a variant: never larger than the picture, never nothing."""
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def rendition_of(content: bytes) -> Rendition:
    """Raises PictureNotSupported, PictureTooLarge, PictureUnreadable, TemporarilyUnavailable."""
    with pictures.opened(content) as picture:
        turn = pictures.turn_of(picture)
        width, height = reversed(picture.size) if turn in pictures.ON_THE_SIDE else picture.size
        if picture.format == "JPEG":
            original, media_type = without_metadata(content, picture), JPEG
            small = _clean(picture, least=size_within(*picture.size, _LARGEST))
        else:
            whole = _clean(picture)
            original, media_type = _written(whole)
            small = whole.reduce(max(1, max(whole.size) // _LARGEST))
            del whole
        variants = {}
        for name, variant in VARIANTS.items():
            size = size_within(width, height, variant.side)
            small = small if small.size == size else small.resize(size, Image.Resampling.LANCZOS)
            variants[name] = pictures.webp(small, variant.quality, method=2)
        return Rendition(
            original,
            media_type,
            width,
            height,
            hashlib.sha256(original).digest(),
            _dominant_color_of(small),
            _hash_of(small),
            variants,
        )


def _clean(picture: Image.Image, *, least: tuple[int, int] | None = None) -> Image.Image:
    """A picture upright, in sRGB; if it may be made smaller, to no less than `least`."""
    profile, turn = picture.info.get("icc_profile"), pictures.turn_of(picture)
    pictures.loaded(picture, least)
    factor = max(1, max(picture.size) // max(least)) if least else 1
    clean = pictures.in_srgb(pictures.reduced(picture, (0, 0, *picture.size), factor), profile)
    return clean if turn is None else clean.transpose(turn)


def _written(picture: Image.Image) -> tuple[bytes, str]:
    """An original, as JPEG unless something shows through it."""
    if picture.mode == "RGBA":
        return pictures.webp(picture, _ORIGINAL_QUALITY, method=2), WEBP
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=_ORIGINAL_QUALITY)
    return written.getvalue(), JPEG


def _dominant_color_of(picture: Image.Image) -> str:
    """The middle of the largest of a few groups of colours; what is clear counts for nothing."""
    seen = picture.convert("RGBA")
    seen.thumbnail((_HASH_SIDE, _HASH_SIDE))
    opaque = [pixel[:3] for pixel in _pixels_of(seen) if pixel[3] >= 128] or [(255, 255, 255)]
    line = Image.new("RGB", (len(opaque), 1))
    line.putdata(opaque)
    grouped = line.quantize(8, Image.Quantize.MEDIANCUT)
    palette = grouped.getpalette() or [255, 255, 255]
    counts = grouped.histogram()
    index = counts.index(max(counts))
    return "#" + bytes(palette[3 * index : 3 * index + 3]).hex()


def _hash_of(picture: Image.Image) -> bytes:
    seen = picture.convert("RGBA")
    seen.thumbnail((_HASH_SIDE, _HASH_SIDE))
    return thumbhash.thumbhash(seen.width, seen.height, _pixels_of(seen))


def _pixels_of(picture: Image.Image) -> list[tuple[int, int, int, int]]:
    content = picture.tobytes()
    return list(zip(*(content[band::4] for band in range(4)), strict=True))


# -- a JPEG as it is, without what it says

_SOI, _EOI, _SOS, _APP0, _APP1, _APP2, _APP14 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE
# Frames and tables, scans, the end, DNL and DRI: what pixels are made of.
_PIXELS = {*range(0xC0, 0xD0), 0xDA, 0xD9, 0xDB, 0xDC, 0xDD}
# What ends the pixels of a scan: no stuffed byte, no restart, no filling.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def without_metadata(content: bytes, picture: Image.Image) -> bytes:
    """A JPEG's own segments up to its end (ITU T.81): its tables, its pixels, the profile of its colours if it is one, and
    how it is turned. No other words, no second picture in it or behind it. Raises PictureUnreadable.
    """
    turn, has_profile = pictures.orientation_of(picture), pictures.is_profile(picture.info.get("icc_profile"))
    kept = [bytes((0xFF, _SOI))]
    for marker, segment in _segments_of(content):
        is_ours = marker in _PIXELS or (has_profile and marker == _APP2 and segment[4:15] == b"ICC_PROFILE")
        told = segment if is_ours else _told_of_colours(marker, segment)
        if told:
            kept.append(told)
        if marker == _APP0 and turn != 1 and len(kept) == 2:
            kept.append(_exif_of(turn))
            turn = 1
    if turn != 1:  # there was no JFIF header that it stands behind
        kept.insert(1, _exif_of(turn))
    return b"".join(kept)


def _told_of_colours(marker: int, segment: bytes) -> bytes:
    """What JFIF and Adobe say of how colours are written; without the small picture that the first may carry, which can be
    another one, and without whatever else goes by their numbers.
    """
    if marker == _APP0 and segment[4:9] == b"JFIF\0" and len(segment) >= 18:
        return bytes((0xFF, _APP0, 0, 16)) + segment[4:16] + bytes(2)
    if marker == _APP14 and segment[4:9] == b"Adobe" and len(segment) >= 16:
        return bytes((0xFF, _APP14, 0, 14)) + segment[4:16]
    return b""


def _segments_of(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Each marker with its segment; a scan with its pixels; the end last."""
    place = 2
    while True:
        found = _MARKER.search(content, place)
        if found is None:
            raise PictureUnreadable
        place, marker = found.start(), content[found.end() - 1]
        if marker == _EOI:
            yield marker, content[place : place + 2]
            return
        end = place + 2 + int.from_bytes(content[place + 2 : place + 4])
        if end > len(content):
            raise PictureUnreadable
        if marker == _SOS:
            behind = _MARKER.search(content, end)
            end = behind.start() if behind is not None else len(content)
        yield marker, content[place:end]
        place = end


def _exif_of(turn: int) -> bytes:
    """An APP1 segment that says how the picture is turned, and nothing else."""
    exif = Image.Exif()
    exif[pictures.ORIENTATION] = turn
    payload = exif.tobytes()
    return bytes((0xFF, _APP1)) + (len(payload) + 2).to_bytes(2) + payload
