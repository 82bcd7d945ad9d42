"""Background work of mails."""

import uuid

from api.apis.notifications import services
from api.apis.notifications.selectors import Template
from api.platform import outbox


@outbox.task("notifications.send_sample")
def send_sample(user_id: str, kind: str, template: list[str], reference: str) -> None:
    """Mails a member of staff what a mail looks like."""
    subject, body = template
    services.send_sample(user_id=uuid.UUID(user_id), kind=kind, template=Template(subject, body), reference=reference)
