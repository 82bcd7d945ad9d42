"""What staff are, and what they do to others' sessions and for their accounts."""

import uuid
from collections.abc import Collection
from http import HTTPStatus

from django.contrib.auth.models import Group

from api.apis.auth.services import proofs
from api.apis.auth.services.ending import end_sessions
from api.apis.auth.services.people import require_touchable
from api.exceptions import ApiError, InvalidInput, NotThere
from api.models import EndReason, ProofPurpose, Session, StaffNote, User
from api.platform import audit, staff
from api.platform.callers import Caller
from api.platform.staff import ROLES
from api.platform.transactions import transactional


@transactional
def set_staff_roles(caller: Caller, *, user_id: uuid.UUID, roles: Collection[str]) -> None:
    """Makes a person staff with these roles; with none, staff no more, and their session of the CMS ends. From the shell
    only. Raises NotThere, InvalidInput.
    """
    person = User.objects.select_for_update().filter(id=user_id).first()
    if person is None:
        raise NotThere
    if person.is_guest or not ROLES.keys() >= set(roles):
        raise InvalidInput.of("roles", "invalid", f"Roles, of people with an account: {', '.join(ROLES)}.")
    before = sorted(person.groups.values_list("name", flat=True))
    person.groups.set([Group.objects.get_or_create(name=name)[0] for name in sorted(roles)])
    person.is_staff = bool(roles) or person.is_superuser
    person.save(update_fields=["is_staff", "updated_at"])
    changes = {"roles": [before, sorted(roles)]}
    audit.record(caller, "user.staff_roles_changed", target_kind="user", target_id=person.id, changes=changes)


@transactional
def end_session(caller: Caller, *, session_id: uuid.UUID) -> None:
    """Ends one session of somebody; their device stays registered. Harmless when repeated.

    Raises Forbidden, NotThere, StaffProtected.
    """
    staff.require(caller, "sessions.end")
    session = Session.objects.filter(id=session_id).values("user_id").first()
    if session is None:
        raise NotThere
    if session["user_id"] is not None:
        require_touchable(caller, session["user_id"])
    end_sessions(caller, reason=EndReason.ENDED_BY_STAFF, session_id=session_id)


@transactional
def sign_out_person(caller: Caller, *, user_id: uuid.UUID) -> None:
    """Ends every session of a person, on all devices and in the CMS; the account stays as it is.

    Raises Forbidden, NotThere, StaffProtected.
    """
    staff.require(caller, "sessions.end")
    person = require_touchable(caller, user_id)
    person.auth_version += 1
    person.save(update_fields=["auth_version", "updated_at"])
    end_sessions(caller, reason=EndReason.ENDED_BY_STAFF, user_id=person.id)
    audit.record(caller, "user.signed_out_by_staff", target_kind="user", target_id=person.id)


@transactional
def write_note(caller: Caller, *, user_id: uuid.UUID, text: str) -> None:
    """Notes something about a person, for other staff; goes with the account. Raises Forbidden, NotThere."""
    staff.require(caller, "people.note")
    if not User.objects.filter(id=user_id).exists():
        raise NotThere
    note = StaffNote.objects.create(user_id=user_id, author_id=caller.user_id, text=text)
    # Without the text: that the trail keeps for good what an erasure has to reach is not wanted.
    audit.record(caller, "user.noted", target_kind="user", target_id=user_id, changes={"note": [None, str(note.id)]})


class NothingToSend(ApiError):
    """The person has no address, has confirmed it already, is shut out, or was sent as many mails as a day allows."""

    status = HTTPStatus.CONFLICT
    code = "nothing_to_send"
    title = "There is no mail to send"
    detail = "The address is missing or confirmed, the person deactivated, or the day's mails are used up."


@transactional
def resend_confirmation(caller: Caller, *, user_id: uuid.UUID) -> None:
    """Mails a person another link that confirms their address; the one before is void.

    Raises Forbidden, NotThere, StaffProtected, NothingToSend.
    """
    _send(caller, user_id, ProofPurpose.EMAIL_CONFIRM)


@transactional
def send_password_reset(caller: Caller, *, user_id: uuid.UUID) -> None:
    """Mails a person a link that sets a new password; those that they asked for stay good.

    Raises Forbidden, NotThere, StaffProtected, NothingToSend.
    """
    _send(caller, user_id, ProofPurpose.PASSWORD_RESET)


def _send(caller: Caller, user_id: uuid.UUID, purpose: ProofPurpose) -> None:
    staff.require(caller, "requests.send")
    person = require_touchable(caller, user_id)
    is_idle = purpose is ProofPurpose.EMAIL_CONFIRM and person.is_email_confirmed
    about = str(person.id) if purpose is ProofPurpose.EMAIL_CONFIRM else f"staff|{person.id}"
    if person.email is None or not person.is_active or is_idle:
        raise NothingToSend
    if proofs.issue(purpose, about=about, email=person.email, user=person) is None:
        raise NothingToSend
    changes = {"purpose": [None, purpose]}
    audit.record(caller, "user.mailed_by_staff", target_kind="user", target_id=person.id, changes=changes)
