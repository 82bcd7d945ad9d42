"""Background work of exports."""

import uuid
from typing import Any

from api.apis.export import services
from api.platform import outbox

_LIMIT_SECONDS = 6 * 3600


@outbox.task("export.build", job_limit_seconds=_LIMIT_SECONDS)
def build(job_id: str) -> dict[str, Any]:
    """Makes the archive of an export."""
    return services.run_export(job_id)


@outbox.task("export.mail")
def mail(export_id: str) -> None:
    """Mails the link to an archive."""
    services.mail_export(uuid.UUID(export_id), reference=f"export-{export_id}")


@outbox.task("export.discard")
def discard(name: str) -> None:
    """Deletes an archive, or what there is of it."""
    services.discard_archive(name)


@outbox.task("export.sweep")
def sweep() -> None:
    """Removes archives whose time is over, or whose organization or person is gone."""
    while services.forget_old_exports():
        pass
