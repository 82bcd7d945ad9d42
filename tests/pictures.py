"""Pictures to upload, good ones and others, and the forms that carry them."""

import io
import struct
import zlib
from typing import Any, NamedTuple

from PIL import Image

BOUNDARY = "a-boundary-of-the-suite"


class Field(NamedTuple):
    """A part of a form; a file if it has a file name."""

    name: str
    content: bytes
    file_name: str | None = None
    media_type: str | None = None


def form(*fields: Field, boundary: str = BOUNDARY) -> bytes:
    """The body of a form, as programs on phones write it."""
    written = io.BytesIO()
    for field in fields:
        disposition = f'form-data; name="{field.name}"'
        if field.file_name is not None:
            disposition += f'; filename="{field.file_name}"'
        written.write(f"--{boundary}\r\nContent-Disposition: {disposition}\r\n".encode())
        if field.media_type is not None:
            written.write(f"Content-Type: {field.media_type}\r\n".encode())
        written.write(b"\r\n" + field.content + b"\r\n")
    written.write(f"--{boundary}--\r\n".encode())
    return written.getvalue()


def picture_form(content: bytes, *, file_name: str = "me.jpg", boundary: str = BOUNDARY) -> bytes:
    """A form with one file in the field `file`."""
    return form(Field("file", content, file_name, "image/jpeg"), boundary=boundary)


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    written = io.BytesIO()
    picture.save(written, kind, **options)
    return written.getvalue()


def photo(width: int = 1200, height: int = 900, kind: str = "JPEG", **options: Any) -> bytes:
    """Four quarters of different colours: red and green above, blue and white below."""
    return encoded(quarters(width, height), kind, **options)


def quarters(width: int = 1200, height: int = 900) -> Image.Image:
    picture = Image.new("RGB", (width, height), "white")
    half = (width // 2, height // 2)
    for corner, colour in (((0, 0), "red"), ((half[0], 0), "lime"), ((0, half[1]), "blue")):
        picture.paste(colour, (*corner, corner[0] + half[0], corner[1] + half[1]))
    return picture


def corners_of(content: bytes) -> list[str]:
    """The colours of a picture's quarters by name, from the upper left as one reads."""
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    left, right, upper, lower = (side * part // 4 for side in picture.size for part in (1, 3))
    names = {(255, 0, 0): "red", (0, 255, 0): "lime", (0, 0, 255): "blue", (255, 255, 255): "white"}
    found = []
    for place in ((left, upper), (right, upper), (left, lower), (right, lower)):
        pixel = picture.getpixel(place)
        assert isinstance(pixel, tuple)
        closest = min(names, key=lambda colour: sum(abs(a - b) for a, b in zip(colour, pixel, strict=True)))
        assert sum(abs(a - b) for a, b in zip(closest, pixel, strict=True)) < 60, pixel
        found.append(names[closest])
    return found


def png_saying(width: int, height: int, *, pixels: bytes = b"") -> bytes:
    """A PNG whose header says one thing, whatever its data is."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(pixels, 9)) + chunk(b"IEND", b"")


def gif_of(frames: int, side: int = 8) -> bytes:
    """An animation of tiny frames, each of another colour."""
    pictures = [Image.new("P", (side, side), frame % 250) for frame in range(frames)]
    for picture in pictures:
        picture.putpalette([value for grey in range(256) for value in (grey, grey, grey)])
    return encoded(pictures[0], "GIF", save_all=True, append_images=pictures[1:])


def jpeg_of_scans(scans: int) -> bytes:
    """A progressive JPEG that goes over its pixels again and again."""
    whole = photo(kind="JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * scans + whole[-2:]
