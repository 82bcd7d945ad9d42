"""Pictures that clients send straight to the store: announced, sent, completed; then a job makes images of them.

What was sent goes a day after it was announced, whatever became of it, by a message that is written with the row.
"""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.db import IntegrityError
from django.utils import timezone

from api.apis.images.services.taking import create_image, prepare_image
from api.apis.orgs import selectors as orgs
from api.exceptions import ApiError, IdConflict, NotThere
from api.models import UNFINISHED_STATES, ActorKind, Channel, Image, ImageUpload, Job, User
from api.models.base import uuid7
from api.platform import jobs, memberships, outbox, uploads
from api.platform.callers import Caller
from api.platform.ids import as_uuid
from api.platform.transactions import transactional

UPLOAD_SECONDS = 86_400  # from the announcement until what was sent goes
_LATER_SECONDS = 3600
WAITING_MAX = 100  # of a person
_TEXTS = ("title", "description", "alt_text")
_ANNOUNCED = ("media_type", "size_bytes", "sha256")


class TooManyUploads(ApiError):
    """The person has announced a hundred pictures within a day that were never completed."""

    status = HTTPStatus.CONFLICT
    code = "too_many_uploads"
    title = "Too many uploads are waiting"
    detail = "Complete some of those that you have begun."
    remedy = "Complete uploads that were begun, or wait for a day."


class UploadIncomplete(ApiError):
    """Not everything that was announced has come: `missing` has the numbers of the parts (1 for a form)."""

    status = HTTPStatus.CONFLICT
    code = "upload_incomplete"
    title = "The file has not come as a whole"
    remedy = "Read the upload again, send what is missing, complete it again."


def begin_upload(
    caller: Caller, *, organization: str, uid: uuid.UUID | None, announced: Mapping[str, Any], values: Mapping[str, str]
) -> tuple[ImageUpload, bool]:
    """A picture that is going to be sent, and whether this call has announced it: under the client's uid, a repeat finds it.

    Raises NotThere, Forbidden, IdConflict, TooManyUploads, TemporarilyUnavailable.
    """
    organization_id = orgs.organization_id_of(caller, organization, "images.write")
    facts = {**dict.fromkeys(_TEXTS, ""), **values, **announced}
    try:
        upload, is_new = _announce(caller, organization_id, uid, facts)
    except IntegrityError:  # by its repeat, at the same time
        upload, is_new = _announce(caller, organization_id, uid, facts)
    if upload.size_bytes > uploads.PART_BYTES and not upload.parts_id:
        _begin_parts(upload)
    return upload, is_new


@transactional
def _announce(
    caller: Caller, organization_id: uuid.UUID, uid: uuid.UUID | None, facts: Mapping[str, Any]
) -> tuple[ImageUpload, bool]:
    """Raises IntegrityError when the uid was taken meanwhile."""
    assert caller.user_id is not None
    User.objects.select_for_update().get(id=caller.user_id)  # several at once are counted one after the other
    present = ImageUpload.objects.filter(id=uid).first() if uid else None
    if present is not None:
        told = {name: getattr(present, name) for name in facts} | {"sha256": bytes(present.sha256)}
        if (present.organization_id, present.creator_id, told) != (organization_id, caller.user_id, dict(facts)):
            raise IdConflict
        return present, False
    if uid and Image.objects.filter(uid=uid).exists():
        raise IdConflict
    if ImageUpload.objects.filter(creator_id=caller.user_id, completed_at=None).count() >= WAITING_MAX:
        raise TooManyUploads
    upload = ImageUpload.objects.create(
        id=uid or uuid7(),
        organization_id=organization_id,
        creator_id=caller.user_id,
        name=uploads.new_name(),
        **facts,
    )
    _discard_later(upload, delay_seconds=UPLOAD_SECONDS)
    return upload, True


def _begin_parts(upload: ImageUpload) -> None:
    """Lets the store expect parts. If two do so at once, the first one's are taken; what the other began goes with all."""
    parts_id = uploads.begin_parts(announced_by(upload))
    ImageUpload.objects.filter(id=upload.id, parts_id="").update(parts_id=parts_id)
    upload.refresh_from_db(fields=["parts_id"])


def announced_by(upload: ImageUpload) -> uploads.Announced:
    return uploads.Announced(
        upload.name, upload.media_type, upload.size_bytes, bytes(upload.sha256), parts_id=upload.parts_id
    )


def upload_of(caller: Caller, *, organization: str, upload_id: str) -> ImageUpload:
    """An upload of the organization. Raises NotThere, Forbidden."""
    organization_id = orgs.organization_id_of(caller, organization, "images.write")
    ours = ImageUpload.objects.filter(organization_id=organization_id).select_related("job")
    key = as_uuid(upload_id)
    upload = ours.filter(id=key).first() if key else None
    if upload is None:
        raise NotThere
    return upload


def complete_upload(caller: Caller, *, organization: str, upload_id: str) -> Job:
    """The job that makes an image of what was sent; completed again, the same one.

    Raises NotThere, Forbidden, UploadIncomplete, TooManyJobs, TemporarilyUnavailable.
    """
    upload = upload_of(caller, organization=organization, upload_id=upload_id)
    if upload.completed_at is None:
        missing = uploads.missing_parts(announced_by(upload))
        if missing:
            raise UploadIncomplete(missing=missing)
    return _begin_job(caller, upload.id)


@transactional
def _begin_job(caller: Caller, upload_id: uuid.UUID) -> Job:
    """Raises NotThere, TooManyJobs."""
    assert caller.user_id is not None
    User.objects.select_for_update().get(id=caller.user_id)
    upload = ImageUpload.objects.select_for_update().filter(id=upload_id).first()
    if upload is None:
        raise NotThere
    if upload.job is None:
        upload.job = jobs.begin(
            caller.user_id, "images.take_upload", {"upload_id": str(upload_id)}, type_="images.upload"
        )
        upload.completed_at = timezone.now()
        upload.save(update_fields=["job", "completed_at", "updated_at"])
    return upload.job


def take_upload(upload_id: uuid.UUID) -> dict[str, Any]:
    """Makes an image of what was sent, once, however often it is begun.

    Raises NotThere, Forbidden, IdConflict, UploadDiffers, PictureNotSupported, PictureTooLarge, PictureUnreadable,
    TemporarilyUnavailable.
    """
    upload = ImageUpload.objects.filter(id=upload_id).first()
    if upload is None:
        raise NotThere
    made = Image.objects.filter(uid=upload_id, organization_id=upload.organization_id).values_list("id", flat=True)
    image_id = made.first() or _make_image(upload)
    return {"image_id": image_id, "uid": str(upload_id)}


def _make_image(upload: ImageUpload) -> int:
    caller = Caller(
        kind=ActorKind.USER,
        channel=Channel.JOB,
        user_id=upload.creator_id,
        memberships=memberships.of_person(upload.creator_id),
    )
    organization = str(upload.organization_id)
    orgs.organization_id_of(caller, organization, "images.write")
    content = uploads.content_of(announced_by(upload))
    values = {name: getattr(upload, name) for name in _TEXTS}
    draft = prepare_image(caller, organization=organization, uid=upload.id, values=values, content=content)
    image_id, _ = create_image(caller, draft)
    _discard_later(upload)
    return image_id


def _discard_later(upload: ImageUpload, *, delay_seconds: int = 0) -> None:
    """What was sent goes; not sooner than it is an image, or can become none any more."""
    facts = {"upload_id": str(upload.id), "name": upload.name, "size_bytes": upload.size_bytes}
    outbox.enqueue("images.discard_upload", facts, delay_seconds=delay_seconds)


def discard_upload(upload_id: uuid.UUID, *, name: str, size_bytes: int) -> None:
    """Deletes what was sent, and the row once a day is over; later, where a job is still at work on it. When the row is gone
    nobody gets addresses any more, but those that were got are good for a while: what is sent there goes as well.
    """
    upload = ImageUpload.objects.filter(id=upload_id, name=name).select_related("job").first()
    is_image = Image.objects.filter(uid=upload_id).exists()
    if upload is not None and upload.job is not None and upload.job.state in UNFINISHED_STATES and not is_image:
        _discard_later(upload, delay_seconds=_LATER_SECONDS)
        return
    uploads.delete(uploads.Announced(name, "", size_bytes, b""))
    if upload is not None and upload.created_at <= timezone.now() - timedelta(seconds=UPLOAD_SECONDS):
        _discard_later(upload, delay_seconds=uploads.SIGNED_SECONDS)
        upload.delete()
