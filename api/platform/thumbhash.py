"""ThumbHash: a picture in about 25 bytes, which clients blur up while they load it (evanw.github.io/thumbhash).

A cosine transform of a picture of at most 100 by 100 pixels: luminance, two differences of colour, and opacity.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

SIDE_MAX = 100
Rgba = tuple[int, int, int, int]


class _Channel(NamedTuple):
    """The constant part, the others from 0 to 1 around a half, and what they were divided by."""

    constant: float
    waves: list[float]
    scale: float


def thumbhash(width: int, height: int, pixels: Sequence[Rgba]) -> bytes:
    """The hash of a picture, given row by row."""
    opacities = [pixel[3] / 255 for pixel in pixels]
    opaque = sum(opacities)
    # What shows through is taken to be the average colour.
    red, green, blue = (
        sum(pixel[band] / 255 * opacity for pixel, opacity in zip(pixels, opacities, strict=True)) / (opaque or 1)
        for band in range(3)
    )
    has_alpha = opaque < width * height
    luminance, yellowness, redness = [], [], []
    for pixel, opacity in zip(pixels, opacities, strict=True):
        r, g, b = (
            average * (1 - opacity) + opacity * value / 255
            for average, value in zip((red, green, blue), pixel[:3], strict=True)
        )
        luminance.append((r + g + b) / 3)
        yellowness.append((r + g) / 2 - b)
        redness.append(r - g)

    most = 5 if has_alpha else 7
    columns, rows = (max(1, _rounded(most * side / max(width, height))) for side in (width, height))
    size = (width, height)
    light = _transformed(luminance, size, max(3, columns), max(3, rows))
    warm, rosy = _transformed(yellowness, size, 3, 3), _transformed(redness, size, 3, 3)

    is_landscape = width > height
    head = (
        _rounded(63 * light.constant)
        | _rounded(31.5 + 31.5 * warm.constant) << 6
        | _rounded(31.5 + 31.5 * rosy.constant) << 12
        | _rounded(31 * light.scale) << 18
        | has_alpha << 23
    )
    shape = (
        (rows if is_landscape else columns)
        | _rounded(63 * warm.scale) << 3
        | _rounded(63 * rosy.scale) << 9
        | is_landscape << 15
    )
    written = head.to_bytes(3, "little") + shape.to_bytes(2, "little")
    waves = [*light.waves, *warm.waves, *rosy.waves]
    if has_alpha:
        clear = _transformed(opacities, size, 5, 5)
        written += bytes([_rounded(15 * clear.constant) | _rounded(15 * clear.scale) << 4])
        waves += clear.waves
    nibbles = [_rounded(15 * wave) for wave in waves]
    nibbles += [0] * (len(nibbles) % 2)
    return written + bytes(low | high << 4 for low, high in list(pairwise(nibbles))[::2])


def _transformed(channel: Sequence[float], size: tuple[int, int], columns: int, rows: int) -> _Channel:
    width, height = size
    lines = [channel[row * width : (row + 1) * width] for row in range(height)]
    # Along the rows first, so that each is gone over once for each frequency.
    across = [
        [sum(map(float.__mul__, line, cosines)) for line in lines]
        for cosines in (_cosines(width, frequency) for frequency in range(columns))
    ]
    constant, waves = 0.0, []
    for down in range(rows):
        cosines = _cosines(height, down)
        for along in range(columns):
            if along * rows >= columns * (rows - down):
                break
            amount = sum(map(float.__mul__, across[along], cosines)) / (width * height)
            if along or down:
                waves.append(amount)
            else:
                constant = amount
    scale = max(map(abs, waves), default=0.0)
    return _Channel(constant, [0.5 + 0.5 / scale * wave for wave in waves] if scale else waves, scale)


def _cosines(length: int, frequency: int) -> list[float]:
    return [math.cos(math.pi / length * frequency * (place + 0.5)) for place in range(length)]


def _rounded(value: float) -> int:
    """As the original rounds: halves up."""
    return math.floor(value + 0.5)
