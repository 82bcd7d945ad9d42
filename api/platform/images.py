"""The objects of an image: its original and its variants, under one name. Whose they are, is their domain's matter."""

import secrets
import string
from typing import Any
from urllib.parse import urlsplit

from api.platform import renditions, storage
from api.platform.renditions import JPEG, VARIANTS, WEBP, Rendition

# Long after every request that could make them an image's, objects that are nobody's go.
DECIDED_SECONDS = 3600
_SUFFIXES = {JPEG: "jpg", WEBP: "webp"}


def new_name() -> str:
    """What the names of an image's objects begin with; nobody can guess it."""
    return "images/" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(24))


def original_of(name: str, media_type: str) -> str:
    return f"{name}/original.{_SUFFIXES[media_type]}"


def objects_of(name: str) -> list[str]:
    """Every object that there can be under a name."""
    return sorted({found for media_type in _SUFFIXES for found in objects_of_image(name, media_type)})


def objects_of_image(name: str, media_type: str) -> list[str]:
    """The objects that there are of an image."""
    return [original_of(name, media_type), *(_variant_of(name, variant) for variant in VARIANTS)]


# The original and its variants.
FILES_OF_ONE = 1 + len(VARIANTS)


def save(name: str, rendition: Rendition) -> None:
    """Raises TemporarilyUnavailable."""
    variants = [(_variant_of(name, variant), content) for variant, content in rendition.variants.items()]
    storage.save_all([(original_of(name, rendition.media_type), rendition.original), *variants])


def delete(name: str) -> None:
    """Raises TemporarilyUnavailable."""
    storage.delete(objects_of(name))


def addresses_of(name: str, media_type: str, width: int, height: int) -> dict[str, Any]:
    """Where an image can be read for a while: the address of the original, and each variant with its size."""
    variants = {}
    for variant, (side, _) in VARIANTS.items():
        wide, high = renditions.size_within(width, height, side)
        variants[variant] = {"url": storage.address_of(_variant_of(name, variant)), "width": wide, "height": high}
    return {"url": storage.address_of(original_of(name, media_type)), "variants": variants}


def origin_of(address: str) -> str:
    """Where a page that shows this address has to be allowed to load from: a bucket is another origin."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else "'self'"


def _variant_of(name: str, variant: str) -> str:
    return f"{name}/{variant}.webp"
