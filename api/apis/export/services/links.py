"""The mail that says that an archive is there, and what its link is good for: an address for five minutes, each time that
the button of its page is pressed, while whoever asked for the archive may still have it.
"""

import hmac
import uuid
from typing import NamedTuple

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from api.apis.export.selectors import LINK_SECONDS, Place, require_place
from api.apis.notifications.services import send_mail
from api.exceptions import Forbidden, NotThere
from api.models import ActorKind, Channel, Export, JobState
from api.platform import audit, memberships, storage
from api.platform.callers import Caller
from api.platform.keys import b64url, purpose_key, unb64url
from api.platform.transactions import transactional


class Ready(NamedTuple):
    """What the page shows of an archive."""

    whose: str
    size_bytes: int


def mail_export(export_id: uuid.UUID, *, reference: str) -> None:
    """Mails the link to whoever asked, if there is an archive that they may still have, and an address to mail to."""
    export = _good().filter(id=export_id).first()
    if export is None or export.requester is None or not export.requester.email or not _may_have(export):
        return
    values = {
        "whose": whose_of(export),
        "megabytes": f"{max(1, round((export.size_bytes or 0) / 1e6)):,}",
        "link": f"{settings.FRONTEND_URL}/export?token={token_of(export)}",
        "until": f"{export.expires_at.day} {export.expires_at:%B %Y, %H:%M} UTC",
    }
    send_mail("export.ready", to=export.requester.email, values=values, reference=reference)


def archive_behind(token: str) -> Ready:
    """What a link leads to, while it is good. Raises NotThere."""
    export = _of_token(token)
    return Ready(whose_of(export), export.size_bytes or 0)


@transactional
def address_by_mail(caller: Caller, *, token: str) -> str:
    """Where the archive of a link can be read for five minutes. Raises NotThere."""
    export = _of_token(token)
    audit.record(
        caller,
        "export.downloaded",
        target_kind="export",
        target_id=export.id,
        organization_id=export.organization_id,
        on_behalf_of=export.requester_id or "",
    )
    return storage.short_address_of(export.name, seconds=LINK_SECONDS)


def token_of(export: Export) -> str:
    """What the link carries, for this export and who asked for it: 43 characters of base64url."""
    assert export.requester_id is not None
    facts = export.id.bytes + export.requester_id.bytes + bytes(export.salt)
    return b64url(export.id.bytes + hmac.digest(purpose_key("export"), facts, "sha256")[16:])


def whose_of(export: Export) -> str:
    return export.organization.name if export.organization else "your account"


def place_of(export: Export) -> Place:
    """Whose the export is, if whoever asked for it may still have it. Raises NotThere, Forbidden."""
    user_id = export.requester_id
    if export.requester is None or user_id is None or not export.requester.is_active:
        raise Forbidden
    if export.organization_id is None:
        if export.person_id != user_id:
            raise Forbidden
        return Place(None, user_id)
    places = memberships.of_person(user_id)
    asker = Caller(kind=ActorKind.USER, channel=Channel.JOB, user_id=user_id, memberships=places)
    return require_place(asker, str(export.organization_id))


def _good() -> QuerySet[Export]:
    ready = Export.objects.select_related("organization", "requester").filter(ready_at__isnull=False)
    # The job may not have ended yet, whose last step this was; one that was called off beside it takes the archive along.
    return ready.filter(expires_at__gt=timezone.now()).exclude(job__state__in=(JobState.REVOKED, JobState.FAILURE))


def _of_token(token: str) -> Export:
    try:
        raw = unb64url(token)
    except ValueError:
        raise NotThere from None
    found = _good().filter(id=uuid.UUID(bytes=raw[:16])).first() if len(raw) == 32 else None
    if found is None or found.requester_id is None or not hmac.compare_digest(token_of(found).encode(), token.encode()):
        raise NotThere
    if not _may_have(found):
        raise NotThere
    return found


def _may_have(export: Export) -> bool:
    try:
        place_of(export)
    except (Forbidden, NotThere):
        return False
    return True
