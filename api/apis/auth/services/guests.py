"""Guests: people without an address, who may become people with one, or be taken up by them."""

import uuid
from datetime import timedelta
from http import HTTPStatus
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from api.apis.auth.services.giving_up import give_guest_up
from api.apis.auth.services.sessions import (
    TokenGrant,
    grant_of,
    locked_device,
    note_sign_in,
    open_session,
    repeatable_successor,
    require_present,
)
from api.apis.contacts import services as contacts
from api.apis.images import services as images
from api.apis.orgs import selectors as orgs
from api.apis.tags import services as tags
from api.apis.users import services as users
from api.exceptions import ApiError
from api.models import Session, User
from api.platform import audit, callers, changes, idempotency
from api.platform.callers import Caller, principal_of
from api.platform.tokens import TokenRevoked
from api.platform.transactions import transactional

_OPENING = bytes(32)  # a guest has nothing to say that could differ


class AlreadySignedIn(ApiError):
    """A person is signed in on the device that wants to sign another one up."""

    status = HTTPStatus.CONFLICT
    code = "already_signed_in"
    title = "Somebody is signed in on this device"
    detail = "Sign out first."


class GuestHasData(ApiError):
    """The guest of this device has contacts, tags or images of their own: say by `merge_guest` whether the account gets them."""

    status = HTTPStatus.CONFLICT
    code = "guest_has_data"
    title = "What becomes of the guest's data?"
    detail = "Send merge_guest: true keeps it in the account, false erases it."


def open_guest(caller: Caller) -> TokenGrant:
    """The guest of this device, signed in: the one who is, or a new one with a personal organization.

    The same again for the repeat of a lost answer. Raises AlreadySignedIn, TokenRevoked.
    """
    repeated = _repeated(caller)
    if repeated is not None:
        return repeated
    if caller.user_id is not None and not caller.is_guest:
        raise AlreadySignedIn
    return _open_guest(caller)


def _repeated(caller: Caller) -> TokenGrant | None:
    after = repeatable_successor(caller.session_id, opened_by="auth.guest", opening_digest=_OPENING)
    return grant_of(after) if after is not None else None


@transactional
def _open_guest(caller: Caller) -> TokenGrant:
    assert caller.device_id is not None
    device = locked_device(caller.device_id)
    try:
        present = require_present(caller)
    except TokenRevoked:
        repeated = _repeated(caller)
        if repeated is None:
            raise
        return repeated
    if present.user is not None:
        if not present.user.is_guest:
            raise AlreadySignedIn  # the guest has become a person since the token was issued
        present.device = device
        return grant_of(present)
    guest = users.create_guest(caller)
    session = open_session(caller, device=device, user=guest, opened_by="auth.guest", opening_digest=_OPENING)
    note_sign_in(caller, session, guest)
    return grant_of(session)


def guest_of(caller: Caller) -> User | None:
    """The guest who is signed in with the caller's session, locked. Part of the caller's transaction."""
    if caller.user_id is None:
        return None
    return User.objects.select_for_update().filter(id=caller.user_id, is_guest=True, merged_into=None).first()


def upgrade_guest(caller: Caller, **account: Any) -> User | None:
    """Makes the caller's guest a person with the account (as `users.give_account` takes it): the same user with the same
    data. None when the caller is nobody's guest. Part of the caller's transaction. Raises AlreadySignedIn, EmailTaken.
    """
    if caller.is_guest and caller.user_id is not None:
        users.count_new_name(caller.user_id)
    guest = guest_of(caller)
    if guest is not None:
        users.give_account(caller, person=guest, **account)
    return guest


class Meeting(NamedTuple):
    """The organizations of a guest and of the person whose account is opened on its device."""

    person_id: uuid.UUID
    source: uuid.UUID
    target: uuid.UUID


def meet(caller: Caller, **person: Any) -> Meeting | None:
    """Locks what `settle_guest` needs: before any person or device is locked, and so that nothing of the guest's is
    being written any more. None for whoever is no guest, and where nobody is the `person` (as a filter of User) yet.
    """
    person_id = User.objects.filter(**person).values_list("id", flat=True).first() if caller.is_guest else None
    if person_id is None or caller.user_id is None:
        return None
    source, target = (orgs.personal_organization_of(user_id) for user_id in (caller.user_id, person_id))
    if source is None or target is None:
        return None  # the guest was erased, which `guest_of` finds, too
    for organization_id in sorted((source, target)):
        changes.lock(organization_id)
    return Meeting(person_id, source, target)


def settle_guest(caller: Caller, *, person: User, meeting: Meeting | None, merge_guest: bool | None) -> None:
    """What becomes of the caller's guest when an account is opened on its device: its contacts, tags and images move to the
    person's own organization, or are erased. A guest without any goes silently. Part of the caller's transaction, which `meet` began.

    Raises GuestHasData when it has some and `merge_guest` does not say, EmailTaken when the person appeared since.
    """
    guest = guest_of(caller)
    if guest is None:
        return
    if meeting is None or meeting.person_id != person.id:
        raise users.EmailTaken
    if any(kept.has_any(meeting.source) for kept in (contacts, tags, images)):
        if merge_guest is None:
            raise GuestHasData
        if merge_guest:
            contacts.move_all(caller, source=meeting.source, target=meeting.target, creator=(guest.id, person.id))
            # What the guest's phone has not heard of, it repeats as the person.
            idempotency.hand_over(
                principal_of(guest.id), to=principal_of(person.id), organizations=(meeting.source, meeting.target)
            )
    # What is left is erased with the guest, once nobody can ask for the answer of its session any more.
    guest.merged_into = person
    guest.save(update_fields=["merged_into", "updated_at"])
    audit.record(
        caller,
        "auth.guest_merged" if merge_guest else "auth.guest_dismissed",
        target_kind="user",
        target_id=guest.id,
        on_behalf_of=person.id,
    )


def forget_merged_guests(*, most: int = 100) -> int:
    """Has up to `most` guests erased who were taken up by an account longer ago than their answers can be asked for."""
    before = timezone.now() - timedelta(seconds=settings.SESSION_OVERLAP_SECONDS)
    merged = User.objects.filter(merged_into__isnull=False, is_guest=True, deleted_at=None, updated_at__lt=before)
    return _give_up(merged, most=most)


def forget_abandoned_guests(*, most: int = 100) -> int:
    """Has up to `most` guests erased whose last session was forgotten: with it went the only way to be them."""
    sessions = Session.objects.filter(user_id=OuterRef("id"))
    abandoned = User.objects.filter(~Exists(sessions), is_guest=True, merged_into=None, deleted_at=None)
    return _give_up(abandoned, most=most)


def _give_up(guests: QuerySet[User], *, most: int) -> int:
    found = list(guests.values_list("id", flat=True)[:most])
    for user_id in found:
        give_guest_up(callers.job(), user_id=user_id)
    return len(found)
