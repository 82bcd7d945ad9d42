"""Reading invitations: a group's for those who manage them, and a person's own."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from api.apis.orgs.selectors.permissions import organization_id_of, permitted_roles
from api.exceptions import NotThere
from api.models import Invitation, InvitationState, Membership, Role, User
from api.platform.callers import Caller
from api.platform.ids import as_uuid
from api.platform.keyset import Cursor, Order, Page, page_of

INVITATION_SORTS = {"created_at": "created_at"}
_COLUMNS = (
    "id",
    "email",
    "role",
    "organization__slug",
    "organization__name",
    "invited_by__username",
    "created_at",
    "sent_at",
    "expires_at",
)


def invitations_to(
    caller: Caller,
    *,
    organization: str,
    sort: tuple[tuple[str, bool], ...],
    cursor: Cursor | None,
    limit: int,
    wants_total: bool,
) -> Page:
    """A page of the pending invitations to a group, those whose time is over too. Raises NotThere, Forbidden."""
    organization_id = organization_id_of(caller, organization, "invitations.manage")
    return _page(_pending().filter(organization_id=organization_id), sort, cursor, limit, wants_total=wants_total)


def invitations_of(
    caller: Caller, *, sort: tuple[tuple[str, bool], ...], cursor: Cursor | None, limit: int, wants_total: bool
) -> Page:
    """A page of the invitations that the caller can accept: to the address of theirs that is confirmed."""
    address = confirmed_address(caller)
    rows = vouched_for(_pending()).filter(
        email_identity=address, expires_at__gt=timezone.now(), organization__deleted_at=None
    )
    return _page(rows if address else rows.none(), sort, cursor, limit, wants_total=wants_total)


def confirmed_address(caller: Caller) -> str | None:
    """The identity of the caller's address, if it is confirmed."""
    if caller.user_id is None:
        return None
    person = User.objects.filter(id=caller.user_id, is_email_confirmed=True, is_active=True)
    return person.values_list("email_identity", flat=True).first()


def invitation_key(caller: Caller, *, organization: str, name: str) -> tuple[uuid.UUID, uuid.UUID]:
    """The ids of a pending invitation and its group, whose invitations the caller manages. Raises NotThere, Forbidden."""
    organization_id = organization_id_of(caller, organization, "invitations.manage")
    key = as_uuid(name)
    rows = _pending().filter(organization_id=organization_id).values_list("id", flat=True)
    row = rows.filter(id=key).first() if key else None
    if row is None:
        raise NotThere
    return row, organization_id


def vouched_for(rows: "QuerySet[Invitation]") -> "QuerySet[Invitation]":
    """Those whose sender may still invite into the group, and give the role: nobody who was removed or demoted there comes
    back by an invitation that they left behind. Whoever sends it again vouches for it from then on.
    """
    inviting, giving = (set(permitted_roles(action)) for action in ("invitations.manage", "members.manage"))
    senders = Membership.objects.filter(
        organization_id=OuterRef("organization_id"),
        user_id=OuterRef("invited_by_id"),
        user__is_active=True,
        user__deleted_at=None,
    )
    as_member = Q(Exists(senders.filter(role__in=inviting)), role=Role.MEMBER)
    return rows.filter(as_member | Q(Exists(senders.filter(role__in=inviting & giving))))


def stored_invitation(invitation_id: uuid.UUID) -> dict[str, Any]:
    """An invitation that a service has just returned to its caller."""
    return _told(Invitation.objects.values(*_COLUMNS).get(id=invitation_id))


def _pending() -> "QuerySet[Invitation]":
    return Invitation.objects.filter(state=InvitationState.PENDING)


def _page(
    rows: "QuerySet[Invitation]",
    sort: tuple[tuple[str, bool], ...],
    cursor: Cursor | None,
    limit: int,
    *,
    wants_total: bool,
) -> Page:
    order = [*(Order(INVITATION_SORTS[name], down) for name, down in sort), Order("id", sort[-1][1])]
    found: Any = rows.values(*_COLUMNS)
    page = page_of(found, order=order, cursor=cursor, limit=limit, wants_total=wants_total)
    return page._replace(rows=[_told(row) for row in page.rows])


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "email": row["email"],
        "organization": row["organization__slug"],
        "organization_name": row["organization__name"],
        "role": row["role"],
        "invited_by": row["invited_by__username"],
        "created_at": row["created_at"],
        "sent_at": row["sent_at"],
        "expires_at": row["expires_at"],
    }
