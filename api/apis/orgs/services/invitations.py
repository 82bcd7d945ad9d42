"""Asking addresses into groups: by mail, and in the app of whoever has confirmed the address.

Only the confirmed owner of the address can accept. The mailed token shows the page behind the link, and proves that the
mail was read; it lets nobody in whose address is another.
"""

import hashlib
import hmac
import os
import uuid
from datetime import timedelta
from http import HTTPStatus

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from api.apis.notifications.services import notify, send_mail
from api.apis.orgs.selectors import confirmed_address, invitation_key, permitted_roles, vouched_for
from api.apis.orgs.services.ownership import answerable, lock_for, locked_group, locked_organization, require_room
from api.exceptions import AccountRequired, ApiError, Forbidden, NotThere
from api.models import Invitation, InvitationState, Membership, Organization, Role, User
from api.models.base import identity_of, uuid7
from api.platform import audit, memberships, outbox
from api.platform.callers import Caller
from api.platform.keys import b64url, purpose_key, unb64url
from api.platform.transactions import transactional

INVITATION_DAYS = 7
_PENDING_MOST = 200  # to one group: each of them mails an address that nobody has asked
_KEPT_DAYS = 30  # beyond its time: the repeat of an answer that was lost finds what became of it


class AlreadyMember(ApiError):
    """Whoever has this address belongs to the group."""

    status = HTTPStatus.CONFLICT
    code = "already_member"
    title = "They belong to the group already"


class TooManyInvitations(ApiError):
    """Two hundred invitations to the group are pending, those whose time is over among them."""

    status = HTTPStatus.CONFLICT
    code = "too_many_invitations"
    title = "Too many invitations are pending"
    detail = "Take back those that nobody will answer."
    remedy = "Take back those that nobody will answer, and repeat it."


class AddressNotConfirmed(ApiError):
    """Invitations are for whoever can read the mails to an address: it has to be confirmed first."""

    status = HTTPStatus.FORBIDDEN
    code = "address_not_confirmed"
    title = "Confirm your e-mail address first"
    remedy = "Let the person confirm their address (auth/email/confirm/request/), then repeat it."


@transactional
def invite(caller: Caller, *, organization: str, email: str, role: str) -> tuple[uuid.UUID, bool]:
    """The id of the invitation of an address to a group, and whether it is a new one; one that is pending is sent again,
    with a new time and the role that is given now. Raises NotThere, Forbidden, PersonalOrganization, AlreadyMember,
    TooManyInvitations.
    """
    group, own_role = locked_group(caller, organization, "invitations.manage")
    _require_may_give(role, own_role)
    identity = identity_of(email)
    if Membership.objects.filter(organization=group, user__email_identity=identity).exists():
        raise AlreadyMember
    digest = hashlib.sha256(group.id.bytes + identity.encode()).digest()
    pending = Invitation.objects.filter(live_digest=digest).first()
    if pending is None:
        _require_room_for_another(group)
    invitation = pending or Invitation(
        organization=group, email_identity=identity, salt=os.urandom(16), live_digest=digest
    )
    invitation.email, invitation.role, invitation.invited_by_id = email, role, answerable(caller, group)
    _send(invitation)
    _record(caller, invitation, "org.invitation_sent" if pending is None else "org.invitation_resent")
    return invitation.id, pending is None


@transactional
def resend_invitation(caller: Caller, *, organization: str, invitation: str) -> uuid.UUID:
    """Sends a pending invitation again, with a new time, on the caller's word. Raises NotThere, Forbidden."""
    _, own_role = locked_organization(caller, organization, "invitations.manage")
    again = _locked(*invitation_key(caller, organization=organization, name=invitation))
    _require_may_give(again.role, own_role)
    again.invited_by_id = answerable(caller, again.organization)
    _send(again)
    _record(caller, again, "org.invitation_resent")
    return again.id


@transactional
def revoke_invitation(caller: Caller, *, organization: str, invitation: str) -> None:
    """Takes a pending invitation back. Raises NotThere, Forbidden."""
    lock_for(caller, organization, "invitations.manage")
    revoked = _locked(*invitation_key(caller, organization=organization, name=invitation))
    _end(caller, revoked, InvitationState.REVOKED)


@transactional
def accept_invitation(caller: Caller, *, token: str | None = None, invitation: uuid.UUID | None = None) -> uuid.UUID:
    """Makes the caller a member of the group they are invited to, whose id is returned; harmless when repeated.

    Raises NotThere (also for an invitation of another address), AccountRequired, AddressNotConfirmed,
    TooManyOrganizations.
    """
    found = _invitation_of(caller, token=token, invitation=invitation)
    if found.state == InvitationState.ACCEPTED and _is_member(found, caller.user_id):
        return found.organization_id
    assert caller.user_id is not None
    return _join(caller, found, caller.user_id)


@transactional
def accept_by_mail(caller: Caller, *, token: str) -> None:
    """Accepts on the page behind the link, for whoever has the address and has confirmed it: to have read the mail is
    proof enough of being them. Raises NotThere, TooManyOrganizations; AddressNotConfirmed while nobody has.
    """
    found = _of_token(token)
    person = _holders_of(found).first()
    if person is None:
        raise AddressNotConfirmed
    _join(caller, found, person.id)


@transactional
def decline_invitation(caller: Caller, *, token: str | None = None, invitation: uuid.UUID | None = None) -> None:
    """Turns an invitation down; harmless when repeated. Raises as `accept_invitation`."""
    found = _invitation_of(caller, token=token, invitation=invitation)
    if found.state != InvitationState.DECLINED:
        _end(caller, _locked(found.id, found.organization_id), InvitationState.DECLINED)


def invitation_behind(token: str) -> Invitation:
    """The pending invitation of a mailed token, with its organization, for the page. Raises NotThere."""
    found = _of_token(token)
    if found.state != InvitationState.PENDING or not _is_vouched_for(found):
        raise NotThere
    return found


def _require_may_give(role: str, own_role: str) -> None:
    """Where ORG_PERMISSIONS lets others invite, they invite members: who gives other roles manages those who have them.
    Nobody makes an admin of another address of theirs. Raises Forbidden.
    """
    if role != Role.MEMBER and own_role not in permitted_roles("members.manage"):
        raise Forbidden


def _require_room_for_another(group: Organization) -> None:
    """Counted under the group's lock. Raises TooManyInvitations."""
    if Invitation.objects.filter(organization=group, state=InvitationState.PENDING).count() >= _PENDING_MOST:
        raise TooManyInvitations


def _join(caller: Caller, found: Invitation, user_id: uuid.UUID) -> uuid.UUID:
    invitation = _locked(found.id, found.organization_id)
    # Whose address it is does not change while the person is locked.
    User.objects.select_for_update().get(id=user_id)
    is_theirs = _holders_of(invitation).filter(id=user_id).exists()
    if not is_theirs or invitation.expires_at <= timezone.now() or not _is_vouched_for(invitation):
        raise NotThere
    if not _is_member(invitation, user_id):
        require_room(user_id)
        memberships.changing([user_id], joining=invitation.organization_id)
        Membership.objects.create(user_id=user_id, organization_id=invitation.organization_id, role=invitation.role)
    invitation.accepted_by_id = user_id
    _end(caller, invitation, InvitationState.ACCEPTED)
    return invitation.organization_id


def _invitation_of(caller: Caller, *, token: str | None, invitation: uuid.UUID | None) -> Invitation:
    """An invitation to the caller's address. Raises NotThere, AccountRequired, AddressNotConfirmed."""
    if caller.is_guest:
        raise AccountRequired
    address = confirmed_address(caller)
    if address is None:
        raise AddressNotConfirmed
    found = _of_token(token) if token is not None else _present().filter(id__in=[invitation]).first()
    if found is None or found.email_identity != address:
        raise NotThere
    return found


def _of_token(token: str) -> Invitation:
    try:
        raw = unb64url(token)
    except ValueError:
        raise NotThere from None
    found = _present().filter(id=uuid.UUID(bytes=raw[:16])).first() if len(raw) == 32 else None
    if found is None or not hmac.compare_digest(token_of(found).encode(), token.encode()):
        raise NotThere
    return found


def _present() -> "QuerySet[Invitation]":
    return Invitation.objects.select_related("organization", "invited_by").filter(
        expires_at__gt=timezone.now(), organization__deleted_at=None
    )


def token_of(invitation: Invitation) -> str:
    """What the link carries: 43 characters of base64url."""
    secret = hmac.digest(purpose_key("invitation"), invitation.id.bytes + bytes(invitation.salt), "sha256")
    return b64url(invitation.id.bytes + secret[16:])


def link_of(invitation: Invitation) -> str:
    return f"{settings.FRONTEND_URL}/invitation?token={token_of(invitation)}"


def _holders_of(invitation: Invitation) -> "QuerySet[User]":
    """Whoever has confirmed the address, and has neither been shut out nor given the account up: one person, or nobody."""
    holders = User.objects.filter(email_identity=invitation.email_identity, is_email_confirmed=True)
    return holders.filter(is_active=True, deleted_at=None)


def _is_vouched_for(invitation: Invitation) -> bool:
    return vouched_for(Invitation.objects.filter(id=invitation.id)).exists()


def _is_member(invitation: Invitation, user_id: uuid.UUID | None) -> bool:
    place = Membership.objects.filter(organization_id=invitation.organization_id)
    return user_id is not None and place.filter(user_id=user_id).exists()


def _locked(invitation_id: uuid.UUID, organization_id: uuid.UUID) -> Invitation:
    """A pending invitation behind the lock of its organization. Raises NotThere."""
    group = Organization.objects.select_for_update().filter(id=organization_id, deleted_at=None).first()
    pending = Invitation.objects.filter(id=invitation_id, state=InvitationState.PENDING).first() if group else None
    if pending is None:
        raise NotThere
    return pending


def _send(invitation: Invitation) -> None:
    now = timezone.now()
    invitation.sent_at, invitation.expires_at = now, now + timedelta(days=INVITATION_DAYS)
    invitation.save()
    outbox.enqueue("orgs.mail_invitation", {"invitation_id": str(invitation.id), "reference": str(uuid7())})
    for user_id in _holders_of(invitation).values_list("id", flat=True):
        told = {"invitation_id": str(invitation.id), "organization": invitation.organization.name}
        notify(user_id, "org.invited", data=told, most_a_day=settings.MAILS_PER_DAY)


def _end(caller: Caller, invitation: Invitation, state: InvitationState) -> None:
    invitation.state, invitation.live_digest = state, None
    invitation.save(update_fields=["state", "live_digest", "accepted_by", "updated_at"])
    _record(caller, invitation, f"org.invitation_{state}")


def _record(caller: Caller, invitation: Invitation, action: str) -> None:
    """The trail keeps no addresses."""
    audit.record(
        caller,
        action,
        target_kind="invitation",
        target_id=invitation.id,
        organization_id=invitation.organization_id,
        on_behalf_of=invitation.accepted_by_id or "",
        changes={"role": [None, invitation.role]},
    )


def mail_invitation(invitation_id: uuid.UUID, *, reference: str) -> None:
    """Mails an invitation while it is pending; beyond the day's number for the address it waits in the app only, however
    many groups somebody has made to write to a stranger. To the address as its account has it, not to another spelling.
    """
    invitation = vouched_for(_present()).filter(id=invitation_id, state=InvitationState.PENDING).first()
    if invitation is None:
        return
    values = {
        "organization": invitation.organization.name,
        "inviter": invitation.invited_by.username if invitation.invited_by else "Somebody",
        "link": link_of(invitation),
        "days": str(INVITATION_DAYS),
    }
    to = _holders_of(invitation).values_list("email", flat=True).first() or invitation.email
    group = str(invitation.organization_id)
    send_mail("orgs.invitation", to=to, values=values, reference=reference, sender=group)


def forget_old_invitations(*, most: int = 1000) -> int:
    """Deletes up to `most` invitations that are good for nothing any more; returns how many."""
    before = timezone.now() - timedelta(days=_KEPT_DAYS)
    ids = list(Invitation.objects.filter(expires_at__lt=before).values_list("id", flat=True)[:most])
    return Invitation.objects.filter(id__in=ids).delete()[0]
