"""What staff are, and what they do to others' sessions and for their accounts."""

import uuid
from collections.abc import Collection
from http import HTTPStatus

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.utils import timezone

from api.apis.auth.services import proofs
from api.apis.auth.services.ending import end_sessions
from api.apis.auth.services.people import require_touchable
from api.exceptions import ApiError, Forbidden, InvalidInput, NotThere
from api.models import EndReason, ProofPurpose, Session, StaffNote, StaffRole, User
from api.platform import audit, staff
from api.platform.callers import Caller
from api.platform.staff import ROLES
from api.platform.transactions import transactional


class RoleChanged(ApiError):
    """Somebody else has changed the role meanwhile."""

    status = HTTPStatus.CONFLICT
    code = "role_changed"
    title = "Somebody else was quicker"
    detail = "Look at what they have made of it, and decide anew."


class GrantBeyondOwn(ApiError):
    """Nobody gives away what they may not do themselves."""

    status = HTTPStatus.FORBIDDEN
    code = "grant_beyond_own"
    title = "You cannot grant what you may not do yourself"


@transactional
def set_staff_roles(caller: Caller, *, user_id: uuid.UUID, roles: Collection[str]) -> None:
    """Makes a person staff with these roles; with none, staff no more, and their browsers are out with the next request.

    Raises Forbidden, NotThere, StaffProtected, GrantBeyondOwn, InvalidInput.
    """
    staff.require(caller, "staff.roles")
    own = _locked_duties(caller, user_id)
    person = require_touchable(caller, user_id)
    if person.is_guest or not ROLES.keys() >= set(roles):
        raise InvalidInput.of("roles", "invalid", f"Roles, of people with an account: {', '.join(ROLES)}.")
    before = sorted(person.groups.values_list("name", flat=True))
    covered = {role.name: role.actions for role in staff.roles()}
    if any(not covered[name] <= own for name in set(roles) - set(before)):
        raise GrantBeyondOwn
    person.groups.set([Group.objects.get_or_create(name=name)[0] for name in sorted(roles)])
    person.is_staff = bool(roles) or person.is_superuser
    person.save(update_fields=["is_staff", "updated_at"])
    changes = {"roles": [before, sorted(roles)]}
    audit.record(caller, "user.staff_roles_changed", target_kind="user", target_id=person.id, changes=changes)


@transactional
def change_role(caller: Caller, *, name: str, actions: Collection[str], version: int) -> None:
    """Has a role cover these actions from here on, for everybody who has it. `version` is the one that was looked at.

    Raises Forbidden, NotThere, InvalidInput, GrantBeyondOwn, RoleChanged.
    """
    staff.require(caller, "staff.roles")
    own = _locked_duties(caller)
    before = next((role for role in staff.roles() if role.name == name), None)
    if before is None:
        raise NotThere
    after = frozenset(actions)
    if not after <= staff.ACTIONS:
        raise InvalidInput.of("actions", "invalid", "There is no such action.")
    if not after - before.actions <= own:
        raise GrantBeyondOwn
    _write_role(name, sorted(after), version)
    changes = {"actions": [sorted(before.actions), sorted(after)]}
    audit.record(caller, "staff.role_changed", target_kind="staff_role", target_id=name, changes=changes)


def _write_role(name: str, actions: list[str], version: int) -> None:
    """Of several at once, one is first. Raises RoleChanged."""
    if version == 0:
        try:
            with transaction.atomic():
                StaffRole.objects.create(name=name, actions=actions)
        except IntegrityError:
            raise RoleChanged from None
        return
    same = StaffRole.objects.filter(name=name, version=version)
    if not same.update(actions=actions, version=version + 1, updated_at=timezone.now()):
        raise RoleChanged


def _locked_duties(caller: Caller, *others: uuid.UUID) -> frozenset[str]:
    """What the caller may do at this moment, which stays so until the transaction ends. Locks the others' rows as well,
    in order. Raises Forbidden.
    """
    if caller.user_id is None:
        return staff.ACTIONS
    people = User.objects.select_for_update().filter(id__in={caller.user_id, *others}).order_by("id")
    present = next((person for person in people if person.id == caller.user_id), None)
    duties = staff.duties_of(present) if present is not None and present.is_active and present.is_staff else frozenset()
    if "staff.roles" not in duties:
        raise Forbidden
    return duties


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
    if proofs.issue(purpose, about=about, email=person.email, asker="staff", user=person) is None:
        raise NothingToSend
    changes = {"purpose": [None, purpose]}
    audit.record(caller, "user.mailed_by_staff", target_kind="user", target_id=person.id, changes=changes)
