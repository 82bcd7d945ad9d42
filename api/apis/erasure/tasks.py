"""Background work of erasures."""

import uuid
from typing import Any

from api.apis.erasure import services
from api.exceptions import TemporarilyUnavailable
from api.platform import outbox
from api.platform.outbox import Postponed

_STORE_SECONDS = 120  # a store that fails is asked again after this, for as long as it takes


@outbox.task("erasure.person")
def erase_person(job_id: str, user_id: str, to: str = "") -> dict[str, Any]:
    """Erases somebody who has given their account up, and tells them at the end; the address is read there."""
    try:
        return services.erase_person(uuid.UUID(job_id), user_id=uuid.UUID(user_id))
    except TemporarilyUnavailable as error:
        raise Postponed(seconds=_STORE_SECONDS, because=error) from error


@outbox.task("erasure.organization")
def erase_organization(job_id: str, organization_id: str) -> dict[str, Any]:
    """Erases an organization that was deleted."""
    try:
        return services.erase_organization(uuid.UUID(job_id), organization_id=uuid.UUID(organization_id))
    except TemporarilyUnavailable as error:
        raise Postponed(seconds=_STORE_SECONDS, because=error) from error


@outbox.task("erasure.sweep")
def sweep() -> None:
    """Has erasures that failed tried again."""
    services.go_on_with_failed()
