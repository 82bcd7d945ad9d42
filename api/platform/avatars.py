"""Avatars: two squares of a picture, stored under names that belong together. Whose they are, is their domain's matter."""

import secrets
import string
from typing import NamedTuple

from django.utils import timezone

from api.platform import pictures, storage

_LARGE, _SMALL = pictures.Square(600, quality=85), pictures.Square(160, quality=65)
# Long after every request that could make them somebody's, squares that are nobody's go.
DECIDED_SECONDS = 3600


class Squares(NamedTuple):
    small: bytes
    large: bytes


def squares_of(content: bytes) -> Squares:
    """Raises PictureNotSupported, PictureTooLarge, PictureUnreadable, TemporarilyUnavailable."""
    large, small = pictures.squares(content, (_LARGE, _SMALL))
    return Squares(small, large)


def new_name(whose: str) -> str:
    """A name that nobody can guess, by the folder; it ends in one that says whose it was, and when it was new."""
    folder = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(24))
    few = "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(6))
    return f"avatars/{folder}/avatar-{whose}-{timezone.now():%Y%m%dT%H%M%S}-{few}.webp"


def save(name: str, squares: Squares) -> None:
    """Raises TemporarilyUnavailable."""
    storage.save_all([(_large(name), squares.large), (name, squares.small)])


def objects_of(name: str) -> tuple[str, str]:
    """The objects of an avatar."""
    return name, _large(name)


def delete(name: str) -> None:
    """Raises TemporarilyUnavailable."""
    storage.delete(objects_of(name))


def addresses_of(name: str) -> dict[str, str] | None:
    """Where anybody can read an avatar, by size; None where there is none."""
    if not name:
        return None
    return {"small": storage.public_address_of(name), "large": storage.public_address_of(_large(name))}


def _large(name: str) -> str:
    """The name of the large square; that of the small one is the avatar's."""
    return f"{name.removesuffix('.webp')}_lg.webp"
