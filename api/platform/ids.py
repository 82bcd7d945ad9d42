"""Names for people: slugs that stay unique and never look like a UUID."""

import base64
import functools
import re
import secrets
import unicodedata
import uuid

_SLUG_MAX = 60  # characters of a slug, its suffix included


def slug_for(name: str) -> str:
    """`name` in ASCII, lower case, joined by hyphens, with six random base32 characters: `ada-lovelace-k7x2qa`.

    The suffix makes collisions rare enough to retry, and keeps a slug from having a UUID's form.
    """
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", ascii_name)[: _SLUG_MAX - 7].strip("-")
    suffix = base64.b32encode(secrets.token_bytes(5))[:6].decode().lower()
    return f"{stem}-{suffix}" if stem else f"x-{suffix}"


# The text of an id. Each request writes those of its caller several times.
spelled = functools.lru_cache(4096)(str)


def as_uuid(text: str) -> uuid.UUID | None:
    """The UUID that `text` spells in its canonical form, or None."""
    if len(text) != 36:
        return None
    try:
        value = uuid.UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None
