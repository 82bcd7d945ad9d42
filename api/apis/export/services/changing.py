"""Beginning, calling off and removing exports."""

import os
import uuid
from datetime import timedelta
from http import HTTPStatus

from django.conf import settings
from django.utils import timezone

from api.apis.export.selectors import Place, export_row, require_place
from api.exceptions import ApiError, NotThere
from api.models import UNFINISHED_STATES, ApiKey, Export, JobState
from api.platform import audit, jobs, outbox
from api.platform.callers import Caller
from api.platform.transactions import transactional

TASK = "export.build"


class ExportNotFailed(ApiError):
    """The archive is there, so there is nothing to try again."""

    status = HTTPStatus.CONFLICT
    code = "export_not_failed"
    title = "The export has not failed"
    remedy = "Read it: its archive is there."


@transactional
def begin_export(caller: Caller, *, organization: str | None) -> uuid.UUID:
    """The id of an export of an organization, or of the caller (None), which a job makes; of the one that is under way if
    there is one. Raises NotThere, Forbidden, TooManyJobs, AlreadyRunning.
    """
    place = require_place(caller, organization)
    owner_id = _requester_of(caller)
    job = jobs.begin(owner_id, TASK, {}, type_="export", key=place.key)
    if not Export.objects.filter(id=job.id).exists():
        expires_at = timezone.now() + timedelta(days=settings.EXPORT_RETENTION_DAYS)
        columns = {"organization_id": place.organization_id, "person_id": place.person_id, "requester_id": owner_id}
        Export.objects.create(id=job.id, job=job, salt=os.urandom(16), expires_at=expires_at, **columns)
        _record(caller, "export.begun", job.id, place)
    return job.id


def _requester_of(caller: Caller) -> uuid.UUID:
    """Whose the job is, and who gets the mail: the caller, or the holder of the key. Raises NotThere."""
    if caller.user_id is not None:
        return caller.user_id
    assert caller.key_id is not None
    holder_id = ApiKey.objects.filter(id=caller.key_id).values_list("holder_id", flat=True).first()
    if holder_id is None:
        raise NotThere
    return holder_id


@transactional
def retry_export(caller: Caller, *, organization: str | None, name: str) -> uuid.UUID:
    """Lets an export that failed or was called off start over; harmless for one that is under way.

    Raises NotThere, Forbidden, ExportNotFailed, AlreadyRunning.
    """
    place = require_place(caller, organization)
    export = _locked(place, name)
    job = export.job
    if job is None or job.state == JobState.SUCCESS:
        raise ExportNotFailed
    if job.state not in UNFINISHED_STATES:
        jobs.begin_again(job, TASK, {})
        _record(caller, "export.begun", export.id, place)
    return export.id


@transactional
def remove_export(caller: Caller, *, organization: str | None, name: str) -> None:
    """Calls off an export that is under way, or removes one that has ended, with its archive. Raises NotThere, Forbidden."""
    place = require_place(caller, organization)
    export_id = export_row(place, name)["id"]
    was_under_way = jobs.revoke(export_id)  # before the export is locked, as its end does it
    export = _locked(place, str(export_id))
    forget_archive(export)
    if not was_under_way:
        export.delete()
    _record(caller, "export.revoked" if was_under_way else "export.removed", export_id, place)


def _locked(place: Place, name: str) -> Export:
    """Raises NotThere."""
    export_id = export_row(place, name)["id"]
    export = Export.objects.select_for_update().filter(id=export_id).first()
    if export is None:
        raise NotThere
    return export


def forget_archive(export: Export) -> None:
    """Lets the archive of an export go, finished or not. Part of the caller's transaction, which has locked it."""
    if export.name:
        outbox.enqueue("export.discard", {"name": export.name})
    export.name, export.ready_at, export.size_bytes = "", None, None
    export.save(update_fields=["name", "ready_at", "size_bytes", "updated_at"])


def _record(caller: Caller, action: str, export_id: uuid.UUID, place: Place) -> None:
    audit.record(caller, action, target_kind="export", target_id=export_id, organization_id=place.organization_id)
