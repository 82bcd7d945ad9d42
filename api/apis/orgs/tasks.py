"""Background work of organizations."""

import uuid

from api.apis.orgs import services
from api.platform import outbox


@outbox.task("orgs.mail_invitation")
def mail_invitation(invitation_id: str, reference: str) -> None:
    """Mails an invitation, unless it is void by now."""
    services.mail_invitation(uuid.UUID(invitation_id), reference=reference)


@outbox.task("orgs.sweep")
def sweep() -> None:
    """Forgets invitations that are good for nothing any more."""
    while services.forget_old_invitations():
        pass
