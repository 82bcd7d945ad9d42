"""What the job of an export does, from its beginning to its end; and what becomes of archives afterwards."""

import re
import secrets
import string
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from api.apis.export.services import contents
from api.apis.export.services.building import Built, build
from api.apis.export.services.changing import forget_archive
from api.apis.export.services.links import place_of
from api.apis.notifications import services as notifications
from api.exceptions import Forbidden, NotThere
from api.models import UNFINISHED_STATES, Export, Organization, User
from api.platform import audit, callers, leases, outbox, storage
from api.platform.transactions import transactional

# Long after every attempt that is still at work has said so.
_DECIDED_SECONDS = 3600


def run_export(job_id: str) -> dict[str, Any]:
    """Makes the archive, and says how it went. Raises Hopeless where whoever asked may no more, TemporarilyUnavailable,
    and what `jobs.report` raises.
    """
    export = begin_attempt(uuid.UUID(job_id))
    if export.ready_at is None:
        with storage.writing(export.name) as stream:
            built = build(stream, _contents_of(export), job_id=job_id, whose=_whose(export))
        finish_attempt(export, size_bytes=stream.size_bytes, built=built)
    return {"bytes": export.size_bytes, "counts": export.counts}


@transactional
def begin_attempt(export_id: uuid.UUID) -> Export:
    """The export with a new name to write to; whatever an attempt before has left goes. One whose archive is there, though
    its worker died before it could say so, stays as it is. Raises JobRevoked, Hopeless.
    """
    leases.require_held()
    export = Export.objects.select_for_update().filter(id=export_id).first()
    if export is None or (export.organization_id is None and export.person_id is None):
        raise outbox.JobRevoked  # removed, with whatever it was to hold
    if export.ready_at is not None:
        return export
    _require_allowed(export)
    if export.name:
        outbox.enqueue("export.discard", {"name": export.name})
    export.name = _new_name(export)
    export.save(update_fields=["name", "updated_at"])
    outbox.enqueue("export.discard", {"name": export.name}, delay_seconds=_DECIDED_SECONDS)
    return export


def _require_allowed(export: Export) -> None:
    """Raises Hopeless for somebody who may no more."""
    try:
        place_of(export)
    except (Forbidden, NotThere) as refusal:  # and not a store that fails, which is asked again
        raise outbox.Hopeless from refusal


@transactional
def finish_attempt(export: Export, *, size_bytes: int, built: Built) -> None:
    """Makes the archive the export's, unless the attempt is not its own any more, and tells the requester.

    Raises LeaseLost, JobRevoked.
    """
    leases.require_held()
    current = Export.objects.select_for_update().filter(id=export.id, name=export.name).first()
    if current is None:
        outbox.enqueue("export.discard", {"name": export.name})
        return
    now = timezone.now()
    export.ready_at, export.size_bytes = now, size_bytes
    export.expires_at = now + timedelta(days=settings.EXPORT_RETENTION_DAYS)
    export.counts = {**built.counts, "files": built.files, "missing": built.missing}
    export.save(update_fields=["ready_at", "size_bytes", "expires_at", "counts", "updated_at"])
    outbox.enqueue("export.mail", {"export_id": str(export.id)}, dedup_key=f"export-mail:{export.name}")
    if export.requester_id is not None:
        notifications.notify(export.requester_id, "export.ready", data={"export": str(export.id)})
    audit.record(
        callers.job(),
        "export.ready",
        target_kind="export",
        target_id=export.id,
        organization_id=export.organization_id,
        on_behalf_of=export.requester_id or "",
    )


def discard_archive(name: str) -> None:
    """Deletes the object of an attempt, unless it is an archive that is good; one that is still being written waits."""
    export = Export.objects.select_related("job").filter(name=name).first()
    if export is not None and export.ready_at is not None:
        return
    if export is not None and export.job is not None and export.job.state in UNFINISHED_STATES:
        outbox.enqueue("export.discard", {"name": name}, delay_seconds=_DECIDED_SECONDS)
        return
    storage.discard(name)


@transactional
def forget_old_exports(*, most: int = 500) -> int:
    """Removes up to `most` exports whose time is over, or whose organization or person is gone; returns how many."""
    gone = Q(expires_at__lte=timezone.now()) | Q(organization=None, person=None)
    unfinished = Q(job__state__in=UNFINISHED_STATES) & Q(expires_at__gt=timezone.now() - timedelta(days=30))
    found = list(Export.objects.filter(gone).exclude(unfinished)[:most])
    for export in found:
        forget_archive(export)
        export.delete()
    return len(found)


def _contents_of(export: Export) -> contents.Contents:
    if export.organization_id is not None:
        return contents.of_organization(export.organization_id)
    assert export.person_id is not None
    return contents.of_person(export.person_id)


def _whose(export: Export) -> Mapping[str, Any]:
    if export.organization_id is not None:
        row = Organization.objects.filter(id=export.organization_id).values("id", "slug", "name").first()
        return {"organization": {**row, "id": str(row["id"])} if row else None}
    assert export.person_id is not None
    person = User.objects.filter(id=export.person_id).values("id", "username").first()
    return {"person": {**person, "id": str(person["id"])} if person else None}


def _new_name(export: Export) -> str:
    """A name that nobody can guess, by its folder; it ends in one that says what it is."""
    folder = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(24))
    whose = next(iter(_whose(export).values())) or {}
    word = re.sub(r"[^A-Za-z0-9-]+", "-", whose.get("slug") or whose.get("username") or "data")
    return f"exports/{folder}/handset-{word[:80]}-{timezone.now():%Y-%m-%d}.zip"
