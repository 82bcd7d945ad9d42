"""The one door to Pillow: pictures of strangers in, clean WebP out.

What a file is, is said by its first bytes; its name and declared type are not asked. Its size is known before anything
is decoded. What comes out is made of pixels alone: upright, in sRGB, without any of the metadata that came in.
"""

import io
import re
import threading
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import NamedTuple

from PIL import Image, ImageCms

from api.exceptions import ApiError, TemporarilyUnavailable

PIXELS_MAX = 50_000_000
# Pillow asks before it lets a WebP decoder take memory, which is when such a file is opened.
Image.MAX_IMAGE_PIXELS = PIXELS_MAX

# First bytes -> Pillow's name. WebP has its size between the two words.
_MAGIC = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "WEBP"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
)
# A progressive JPEG has about ten scans, and its preview some more; each costs as much as all the pixels.
_JPEG_SCANS_MAX = 100
_JPEG_SCAN = b"\xff\xda"

# Where a file is looked at by programs that take it for something else.
_HEAD_BYTES, _TAIL_BYTES = 4096, 65_536
_MARKUP = re.compile(rb"</?(?:script|html|body|svg)[\s>]|<!doctype|<\?php|%PDF-", re.IGNORECASE)

_ORIENTATION = 0x0112  # of Exif
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SRGB = ImageCms.createProfile("sRGB")
_BAND_ROWS = 256
# One at a time in a process: 50 megapixels with transparency are 200 MB. Whoever waits longer than this comes back later,
# so that the most expensive pictures do not hold every thread.
_decoding = threading.Lock()
_PATIENCE_SECONDS = 5


class PictureNotSupported(ApiError):
    """The file is no picture of a kind that is taken (JPEG, PNG, WebP, GIF), or is something else besides."""

    status = HTTPStatus.BAD_REQUEST
    code = "picture_not_supported"
    title = "The file is no picture that is taken here"
    detail = "Send a JPEG, PNG, WebP or GIF."


class PictureTooLarge(ApiError):
    """The picture has more than 50 megapixels, or more scans than any camera writes."""

    status = HTTPStatus.BAD_REQUEST
    code = "picture_too_large"
    title = "The picture has too many pixels"
    detail = f"At most {PIXELS_MAX // 1_000_000} megapixels."


class PictureUnreadable(ApiError):
    """The picture is cut off or damaged."""

    status = HTTPStatus.BAD_REQUEST
    code = "picture_unreadable"
    title = "The picture cannot be read"


class Square(NamedTuple):
    side: int
    quality: int


def squares(content: bytes, wanted: Sequence[Square]) -> list[bytes]:
    """The middle of a picture as WebP, once for each of `wanted`, the largest of which comes first. Of an animation,
    its first frame.

    Raises PictureNotSupported, PictureTooLarge, PictureUnreadable, TemporarilyUnavailable.
    """
    kind = _format_of(content)
    if not _decoding.acquire(timeout=_PATIENCE_SECONDS):
        raise TemporarilyUnavailable
    try:
        picture = _middle_of(content, kind, wanted[0].side)
        found = []
        for side, quality in wanted:
            picture = picture.resize((side, side), Image.Resampling.LANCZOS)
            found.append(_webp(picture, quality))
        return found
    except ApiError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureTooLarge from error
    except Exception as error:  # whatever a decoder stumbles over is the file's fault
        raise PictureUnreadable from error
    finally:
        _decoding.release()


def _format_of(content: bytes) -> str:
    """Pillow's name of what the file is, and is alone. Raises PictureNotSupported, PictureTooLarge."""
    found = next((name for magic, name in _MAGIC if magic.match(content)), None)
    if found is None:
        raise PictureNotSupported
    edges = (content[:_HEAD_BYTES], content[-_TAIL_BYTES:])
    if any(_MARKUP.search(edge) for edge in edges) or zipfile.is_zipfile(io.BytesIO(edges[1])):
        raise PictureNotSupported("The file is a picture and something else.")
    if found == "JPEG" and content.count(_JPEG_SCAN) > _JPEG_SCANS_MAX:
        raise PictureTooLarge("The picture has too many scans.")
    return found


def _middle_of(content: bytes, name: str, side: int) -> Image.Image:
    """The middle square of a picture in RGB or RGBA, upright, in sRGB. It is reduced, but to no less than twice `side`."""
    picture = Image.open(io.BytesIO(content), formats=[name])
    if picture.width * picture.height > PIXELS_MAX:
        raise PictureTooLarge
    profile = picture.info.get("icc_profile")
    turn = _TURNS.get(_orientation_of(picture))
    picture.draft(None, (2 * side, 2 * side))  # a JPEG is decoded at a fraction of its size
    picture.load()
    if picture.width * picture.height > PIXELS_MAX:
        raise PictureTooLarge
    middle = _in_srgb(_reduced_middle(picture, 2 * side), profile)
    return middle if turn is None else middle.transpose(turn)


def _orientation_of(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 -- damaged Exif says nothing, and the pixels are still good
        return 1


def _reduced_middle(picture: Image.Image, least: int) -> Image.Image:
    """The middle square, by a whole factor smaller; band by band, so that no second picture of full size is made."""
    size = min(picture.size)
    left, top = (picture.width - size) // 2, (picture.height - size) // 2
    factor = max(1, size // least)
    middle: Image.Image | None = None
    for row in range(0, size, _BAND_ROWS * factor):
        band = picture.crop((left, top + row, left + size, top + min(size, row + _BAND_ROWS * factor)))
        reduced = _in_full_colour(band).reduce(factor)
        middle = middle or Image.new(reduced.mode, (reduced.width, -(-size // factor)))
        middle.paste(reduced, (0, row // factor))
    assert middle is not None
    return middle


def _in_full_colour(band: Image.Image) -> Image.Image:
    """RGB, RGBA or CMYK; of 16 bits a channel, the upper eight."""
    if band.mode == "CMYK":
        return band
    if band.mode.startswith("I"):
        band = band.convert("I").point(lambda value: value / 256).convert("L")
    return band.convert("RGBA" if band.has_transparency_data else "RGB")


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The colours as a screen without profiles shows them. A profile that cannot be used says nothing."""
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    if profile:
        with suppress(ImageCms.PyCMSError, OSError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            opaque = picture.convert("RGB") if mode == "RGBA" else picture
            converted = ImageCms.profileToProfile(opaque, source, _SRGB, outputMode="RGB")
            assert converted is not None
            if mode == "RGBA":
                converted.putalpha(picture.getchannel("A"))
            return converted
    return picture.convert(mode)


def _webp(picture: Image.Image, quality: int) -> bytes:
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=quality, method=4)
    return written.getvalue()
