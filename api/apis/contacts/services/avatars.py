"""Avatars of contacts: first the squares, then the contact that names them; whatever dies between, nothing stays (ADR 0012)."""

import uuid
from collections.abc import Collection

from django.db.models import Q

from api.apis.contacts.selectors import require_contact
from api.apis.contacts.services.changing import locked, record, store
from api.models import Contact
from api.platform import avatars, outbox
from api.platform.callers import Caller
from api.platform.transactions import transactional
from api.platform.versions import require_version


def store_avatar(caller: Caller, *, name: str, content: bytes) -> str:
    """Stores a picture's squares under a new name, for `set_avatar`; they are discarded if nothing comes of that.

    Before, and not in, the transaction that sets it. Raises NotThere, Forbidden, TemporarilyUnavailable,
    PictureNotSupported, PictureTooLarge, PictureUnreadable.
    """
    contact_id = require_contact(caller, name, "contacts.update")
    return store_squares(contact_id, avatars.squares_of(content))


def store_squares(contact_id: uuid.UUID, squares: avatars.Squares) -> str:
    """The new name of squares that are stored for a contact, and discarded if it has another avatar in an hour. Raises
    TemporarilyUnavailable.
    """
    stored_as = avatars.new_name(contact_id.hex)
    discard_avatar_later(contact_id, stored_as, delay_seconds=avatars.DECIDED_SECONDS)
    avatars.save(stored_as, squares)
    return stored_as


@transactional
def set_avatar(caller: Caller, *, name: str, stored_as: str, expected: Collection[int] | None = None) -> uuid.UUID:
    """Makes what `store_avatar` has stored a contact's avatar, or nothing if `stored_as` is empty; what it was goes.

    `expected` as for `update_contact`. Raises NotThere, Forbidden, VersionConflict.
    """
    contact, change_seq = locked(caller, name, "contacts.update")
    require_version(contact.version, expected)
    before, contact.avatar = contact.avatar, stored_as
    if before != stored_as:
        store(contact, change_seq, ["avatar"])
        if before:
            discard_avatar_later(contact.id, before)
        record(caller, contact, "contact.avatar_changed", {"avatar": [before or None, stored_as or None]})
    return contact.id


def discard_avatar_later(contact_id: uuid.UUID, name: str, *, delay_seconds: int = 0) -> None:
    arguments = {"contact_id": str(contact_id), "name": name}
    outbox.enqueue("contacts.discard_avatar", arguments, delay_seconds=delay_seconds)


def discard_avatar(*, contact_id: uuid.UUID, name: str) -> None:
    """Deletes pictures, unless they are the avatar of the contact, or of the one that has taken it in."""
    whose = Q(id=contact_id) | Q(id__in=Contact.objects.filter(id=contact_id).values("merged_into"))
    if not Contact.objects.filter(whose, avatar=name).exists():
        avatars.delete(name)
