"""Taking pictures in: first the objects, then the row that names them; whatever dies between, nothing stays (ADR 0012)."""

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson
from django.db import IntegrityError

from api.apis.orgs import selectors as orgs
from api.exceptions import ApiError, IdConflict
from api.models import Image
from api.models.base import uuid7
from api.platform import audit, changes, images, outbox, renditions
from api.platform.callers import Caller
from api.platform.pictures import PictureNotSupported, PictureTooLarge, PictureUnreadable
from api.platform.transactions import transactional


class Draft(NamedTuple):
    """An image that is to be made, whose objects are stored. Without a name it has been made before, and nothing was
    stored for it.
    """

    organization_id: uuid.UUID
    uid: uuid.UUID
    creation_digest: bytes | None
    name: str
    columns: Mapping[str, Any]


def prepare_image(
    caller: Caller, *, organization: str, uid: uuid.UUID | None, values: Mapping[str, str], content: bytes
) -> Draft:
    """Stores a picture's objects under a new name, for `create_image`; they are discarded if nothing comes of that.

    Before, and not in, the transaction that makes the row: a message that discards the name is committed first, so that
    whatever dies afterwards leaves nothing for good. Raises NotThere, Forbidden, TemporarilyUnavailable,
    PictureNotSupported, PictureTooLarge, PictureUnreadable.
    """
    organization_id = orgs.organization_id_of(caller, organization, "images.write")
    digest = None
    if uid is not None:
        told = orjson.dumps([dict(values), hashlib.sha256(content).hexdigest()], option=orjson.OPT_SORT_KEYS)
        digest = hashlib.sha256(told).digest()
        if Image.objects.filter(uid=uid).exists():
            return Draft(organization_id, uid, digest, "", {})
    rendition = renditions.rendition_of(content)
    name = images.new_name()
    discard_later(name, delay_seconds=images.DECIDED_SECONDS)
    images.save(name, rendition)
    return Draft(organization_id, uid or uuid7(), digest, name, {**values, **rendition.facts})


def prepare_images(caller: Caller, *, organization: str, contents: Iterable[bytes]) -> list[Draft | ApiError]:
    """What `prepare_image` makes of each of several pictures: a draft, or why it is none. Raises NotThere, Forbidden,
    TemporarilyUnavailable.
    """
    drafts: list[Draft | ApiError] = []
    for content in contents:
        try:
            drafts.append(prepare_image(caller, organization=organization, uid=None, values={}, content=content))
        except (PictureNotSupported, PictureTooLarge, PictureUnreadable) as refusal:
            drafts.append(refusal)
    return drafts


def create_image(caller: Caller, draft: Draft) -> tuple[int, bool]:
    """A new image's id, and whether this call made it: the repeat of a creation under the client's uid finds it made.

    Raises NotThere, IdConflict.
    """
    if draft.name:
        try:
            return _insert(caller, draft), True
        except IntegrityError:
            if not Image.objects.filter(uid=draft.uid).exists():
                raise
    made = Image.objects.filter(uid=draft.uid, organization_id=draft.organization_id, creator_id=caller.user_id)
    row = made.values_list("id", "creation_digest").first()
    if row is None or row[1] is None or bytes(row[1]) != draft.creation_digest:
        raise IdConflict
    return row[0], False


@transactional
def _insert(caller: Caller, draft: Draft) -> int:
    """Raises IntegrityError when the uid is taken."""
    change_seq = changes.advance(draft.organization_id)
    changes.require_not_taken_up(caller)
    image = Image.objects.create(
        uid=draft.uid,
        organization_id=draft.organization_id,
        creator_id=caller.user_id,
        creation_digest=draft.creation_digest,
        name=draft.name,
        change_seq=change_seq,
        **draft.columns,
    )
    audit.record(
        caller, "image.created", target_kind="image", target_id=image.uid, organization_id=image.organization_id
    )
    return image.id


def discard_later(name: str, *, delay_seconds: int = 0) -> None:
    outbox.enqueue("images.discard", {"name": name}, delay_seconds=delay_seconds)


def discard_image(*, name: str) -> None:
    """Deletes objects, unless they are an image's."""
    if not Image.objects.filter(name=name).exists():
        images.delete(name)
