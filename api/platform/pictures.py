"""The one door to Pillow: pictures of strangers in, clean ones out (squares here, whole ones: `api.platform.renditions`).

What a file is, is said by its first bytes; its name and declared type are not asked. Its size is known before anything
is decoded. What comes out is made of pixels alone: upright, in sRGB, without any of the metadata that came in.
"""

import io
import re
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from importlib.util import find_spec
from typing import NamedTuple

from PIL import Image, ImageCms

from api.exceptions import ApiError, TemporarilyUnavailable

PIXELS_MAX = 50_000_000
SIDE_MAX = 12_000
# Pillow asks before it lets a WebP decoder take memory, which is when such a file is opened.
Image.MAX_IMAGE_PIXELS = PIXELS_MAX

# HEIC comes with an extra (pillow-heif): its decoder is large, and its wheel holds code under the GPL.
HAS_HEIC = find_spec("pillow_heif") is not None
if HAS_HEIC:
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False)

# First bytes -> Pillow's name. WebP has its size between the two words.
_MAGIC = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "WEBP"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
)
# The two that are boxes of ISO 14496-12 name their brands in the first one.
_BRANDS = re.compile(rb"\0\0\0([\x10-\x80])ftyp", re.DOTALL)
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis"}
# A progressive JPEG has about ten scans, and its preview some more; each costs as much as all the pixels.
_JPEG_SCANS_MAX = 100
_JPEG_SCAN = b"\xff\xda"

# Where a file is looked at by programs that take it for something else.
_HEAD_BYTES, _TAIL_BYTES = 4096, 65_536
_MARKUP = re.compile(rb"</?(?:script|html|body|svg)[\s>]|<!doctype|<\?php|%PDF-", re.IGNORECASE)

ORIENTATION = 0x0112  # of Exif
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Which of them make its width its height.
ON_THE_SIDE = {_TURNS[orientation] for orientation in (5, 6, 7, 8)}
_SRGB = ImageCms.createProfile("sRGB")
_BAND_ROWS = 256
# One at a time in a process: 50 megapixels with transparency are 200 MB. Whoever waits longer than this comes back later,
# so that the most expensive pictures do not hold every thread.
_decoding = threading.Lock()
_PATIENCE_SECONDS = 5


class PictureNotSupported(ApiError):
    """The file is no picture of a kind that is taken (JPEG, PNG, WebP, GIF, AVIF; HEIC where the server has its decoder), or
    is something else besides.
    """

    status = HTTPStatus.BAD_REQUEST
    code = "picture_not_supported"
    title = "The file is no picture that is taken here"
    detail = "Send a JPEG, PNG, WebP, GIF or AVIF." if not HAS_HEIC else "Send a JPEG, PNG, WebP, GIF, AVIF or HEIC."


class PictureTooLarge(ApiError):
    """The picture has more than 50 megapixels, a side of more than 12,000, or more scans than any camera writes."""

    status = HTTPStatus.BAD_REQUEST
    code = "picture_too_large"
    title = "The picture has too many pixels"
    detail = f"At most {PIXELS_MAX // 1_000_000} megapixels, and {SIDE_MAX} on a side."


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
    with opened(content) as whole:
        picture = _middle_of(whole, wanted[0].side)
        found = []
        for side, quality in wanted:
            picture = picture.resize((side, side), Image.Resampling.LANCZOS)
            found.append(webp(picture, quality))
        return found


@contextmanager
def opened(content: bytes) -> Iterator[Image.Image]:
    """A picture whose size is known and fits, and of which nothing is decoded yet; whoever works on it is alone in doing so.

    Raises PictureNotSupported, PictureTooLarge, TemporarilyUnavailable; PictureUnreadable for whatever goes wrong inside.
    """
    kind = _format_of(content)
    if not _decoding.acquire(timeout=_PATIENCE_SECONDS):
        raise TemporarilyUnavailable
    try:
        picture = Image.open(io.BytesIO(content), formats=[kind])
        _require_bounded(picture)
        yield picture
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
    found = next((name for magic, name in _MAGIC if magic.match(content)), None) or _format_of_boxes(content)
    if found is None:
        raise PictureNotSupported
    edges = (content[:_HEAD_BYTES], content[-_TAIL_BYTES:])
    if any(_MARKUP.search(edge) for edge in edges) or zipfile.is_zipfile(io.BytesIO(edges[1])):
        raise PictureNotSupported("The file is a picture and something else.")
    if found == "JPEG" and content.count(_JPEG_SCAN) > _JPEG_SCANS_MAX:
        raise PictureTooLarge("The picture has too many scans.")
    return found


def _format_of_boxes(content: bytes) -> str | None:
    box = _BRANDS.match(content)
    if box is None:
        return None
    brands = {content[place : place + 4] for place in (8, *range(16, box[1][0], 4))}
    if b"avif" in brands:
        return "AVIF"
    return "HEIF" if HAS_HEIC and brands & _HEIC_BRANDS else None


def _require_bounded(picture: Image.Image) -> None:
    if picture.width * picture.height > PIXELS_MAX or max(picture.size) > SIDE_MAX:
        raise PictureTooLarge


def loaded(picture: Image.Image, least: tuple[int, int] | None = None) -> None:
    """Decodes it; a JPEG that is to be reduced at a fraction of its size, which is no less than `least`."""
    picture.draft(None, least)
    picture.load()
    _require_bounded(picture)  # what the header said of a frame may not be what comes


def _middle_of(picture: Image.Image, side: int) -> Image.Image:
    """The middle square of a picture in RGB or RGBA, upright, in sRGB. It is reduced, but to no less than twice `side`."""
    profile, turn = picture.info.get("icc_profile"), turn_of(picture)
    loaded(picture, (2 * side, 2 * side))
    size = min(picture.size)
    left, top = (picture.width - size) // 2, (picture.height - size) // 2
    middle = in_srgb(reduced(picture, (left, top, left + size, top + size), max(1, size // (2 * side))), profile)
    return middle if turn is None else middle.transpose(turn)


def turn_of(picture: Image.Image) -> Image.Transpose | None:
    """What makes it upright, if anything has to be done."""
    return _TURNS.get(orientation_of(picture))


def orientation_of(picture: Image.Image) -> int:
    """How a picture is turned, as Exif tells it: 1 for upright, up to 8."""
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # noqa: BLE001 -- damaged Exif says nothing, and the pixels are still good
        return 1


def reduced(picture: Image.Image, box: tuple[int, int, int, int], factor: int) -> Image.Image:
    """A part of a picture, by a whole factor smaller; band by band, so that no second picture of full size is made."""
    left, top, right, bottom = box
    whole: Image.Image | None = None
    for row in range(top, bottom, _BAND_ROWS * factor):
        band = picture.crop((left, row, right, min(bottom, row + _BAND_ROWS * factor)))
        small = _in_full_colour(band).reduce(factor)
        whole = whole or Image.new(small.mode, (small.width, -(-(bottom - top) // factor)))
        whole.paste(small, (0, (row - top) // factor))
    assert whole is not None
    return whole


def _in_full_colour(band: Image.Image) -> Image.Image:
    """RGB, RGBA or CMYK; of 16 bits a channel, the upper eight."""
    if band.mode == "CMYK":
        return band
    if band.mode.startswith("I"):
        band = band.convert("I").point(lambda value: value / 256).convert("L")
    return band.convert("RGBA" if band.has_transparency_data else "RGB")


def in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
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


def is_profile(profile: bytes | None) -> bool:
    """Whether these bytes tell how colours are to be seen."""
    with suppress(ImageCms.PyCMSError, OSError):
        return bool(profile) and ImageCms.ImageCmsProfile(io.BytesIO(profile or b"")) is not None
    return False


def webp(picture: Image.Image, quality: int, *, method: int = 4) -> bytes:
    """A picture as WebP, of which nothing but its pixels is written."""
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=quality, method=method)
    return written.getvalue()
