"""Background work of organizations."""

import uuid

from api.apis.orgs import services
from api.platform import outbox


@outbox.task("orgs.erase")
def erase(organization_id: str) -> None:
    """Erases an organization that was deleted."""
    services.erase_organization(uuid.UUID(organization_id))
