"""Background work of contacts."""

import uuid
from typing import Any

from api.apis.contacts import services
from api.platform import outbox


@outbox.task("contacts.sweep")
def sweep() -> None:
    """Removes tombstones that every device has had time to hear of."""
    while services.forget_tombstones():
        pass


@outbox.task("contacts.import")
def import_file(
    job_id: str, user_id: str, organization_id: str, name: str, is_dry_run: bool, country: str | None
) -> dict[str, Any]:
    """Imports a file of contacts that somebody has sent."""
    people = {"user_id": uuid.UUID(user_id), "organization_id": uuid.UUID(organization_id)}
    return services.run_import(job_id, **people, name=name, is_dry_run=is_dry_run, country=country)


@outbox.task("contacts.discard_import")
def discard_import(name: str) -> None:
    """Deletes a file that was imported, or was never to be."""
    services.discard_import(name)


@outbox.task("contacts.discard_avatar")
def discard_avatar(contact_id: str, name: str) -> None:
    """Deletes the pictures of an avatar that was replaced, removed, or never became one."""
    services.discard_avatar(contact_id=uuid.UUID(contact_id), name=name)
