"""Making and changing people."""

import re
import secrets
import unicodedata
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from api.apis.orgs.services import create_personal_organization
from api.exceptions import ApiError, InvalidInput, NotThere, SignInRequired
from api.models import Contact, User
from api.models.base import identity_of
from api.platform import audit, avatars, outbox
from api.platform.callers import Caller
from api.platform.changes import advance
from api.platform.transactions import transactional
from api.platform.versions import require_version

USERNAME_MAX_LENGTH = 50
_USERNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._]{0,48}[A-Za-z0-9])?")
_RESERVED_USERNAMES = frozenset(
    "about account admin administrator api app auth billing cms contact contacts deleted device devices guest handset "
    "health help images info invitations login logout mail me moderator null org organization orgs owner postmaster "
    "register root security settings shared signin signup staff status support sync system tags tasks team terms token "
    "tokens undefined user username users webmaster www".split()
)


class EmailTaken(ApiError):
    """Somebody has this address, whatever its capitals and widths."""

    status = HTTPStatus.CONFLICT
    code = "email_taken"
    title = "The e-mail address is taken"
    remedy = "Offer to sign in instead."


class UsernameTaken(ApiError):
    """Somebody has this username, whatever its capitals."""

    status = HTTPStatus.CONFLICT
    code = "username_taken"
    title = "The username is taken"
    remedy = "Let the person choose another one."


_USERNAME_FAULTS = {
    "invalid": "Letters and digits, with single dots or underscores between them.",
    "reserved": "This name is reserved.",
}


def require_username(username: str) -> None:
    """1–50 of letters, digits, dots and underscores, a letter or digit at both ends. Raises InvalidInput."""
    fault = _username_fault(username)
    if fault is not None:
        raise InvalidInput.of("username", fault, _USERNAME_FAULTS[fault])


def _username_fault(username: str) -> str | None:
    if _USERNAME.fullmatch(username) is None or ".." in username:
        return "invalid"
    return "reserved" if identity_of(username) in _RESERVED_USERNAMES else None


def reason_against_username(caller: Caller, username: str) -> str | None:
    """Why the caller cannot have a username at this moment: `invalid`, `reserved` or `taken`; None if they can."""
    fault = _username_fault(username)
    if fault is not None:
        return fault
    owner = User.objects.filter(username_identity=identity_of(username)).values_list("id", flat=True).first()
    return None if owner in {None, caller.user_id} else "taken"


def require_password(password: str, *, person: User, field: str = "password") -> None:
    """Raises InvalidInput with every reason why the password cannot be this person's."""
    if len(password) > settings.PASSWORD_MAX_LENGTH:
        raise InvalidInput.of(field, "too_long", f"At most {settings.PASSWORD_MAX_LENGTH} characters.")
    try:
        validate_password(password, person)
    except ValidationError as error:
        reasons = [
            {"field": field, "code": reason.code or "invalid", "message": "; ".join(reason.messages)}
            for reason in error.error_list
        ]
        raise InvalidInput(reasons) from error


def create_person(caller: Caller, *, email: str, password: str, profile: dict[str, Any]) -> User:
    """A new person with a personal organization. Raises EmailTaken, UsernameTaken, InvalidInput."""
    person = prepared_person(email=email, password=password, profile=profile)
    insert_person(caller, person=person, username=profile.get("username"))
    return person


def prepared_person(*, email: str, password: str, profile: dict[str, Any]) -> User:
    """A person who is not stored yet, checked and with the password hashed: what takes long, before a transaction.

    `profile` holds User's columns. Raises EmailTaken, InvalidInput.
    """
    if "username" in profile:
        require_username(profile["username"])
    person = User(email=email, **profile)
    require_password(password, person=person)
    if User.objects.filter(email_identity=identity_of(email)).exists():
        raise EmailTaken
    person.set_password(password)
    return person


@transactional
def insert_person(caller: Caller, *, person: User, username: str | None) -> None:
    """Stores a prepared person and their personal organization, both or neither; without `username` a free one is
    derived from the address. Raises EmailTaken, UsernameTaken.
    """
    candidates = iter([username]) if username else username_candidates(person.email or "")
    for candidate in candidates:
        person.username = candidate
        try:
            with transaction.atomic():
                person.save(force_insert=True)
        except IntegrityError:
            if User.objects.filter(email_identity=identity_of(person.email or "")).exists():
                raise EmailTaken from None
            continue
        audit.record(
            caller, "user.created", target_kind="user", target_id=person.id, changes={"username": [None, candidate]}
        )
        create_personal_organization(caller, person=person)
        return
    raise UsernameTaken


def create_proved_person(caller: Caller, *, email: str) -> User:
    """A new person, without a password, whose address was proved by what they brought. Raises EmailTaken."""
    person = User(email=email, is_email_confirmed=True)
    person.set_unusable_password()
    insert_person(caller, person=person, username=None)
    return person


def create_guest(caller: Caller) -> User:
    """A new guest, with a personal organization like everybody."""
    guest = User(email=None, is_guest=True)
    guest.set_unusable_password()
    insert_person(caller, person=guest, username=f"guest.{secrets.token_hex(5)}")
    return guest


@transactional
def give_account(
    caller: Caller, *, person: User, email: str, prepared: User | None = None, username: str | None = None
) -> None:
    """Makes a guest, who is locked, a person with an address: one who was prepared like somebody new, or else one who
    has proved the address. Raises EmailTaken, UsernameTaken.
    """
    person.email, person.is_guest = email, False
    person.version += 1
    if prepared is None:
        person.is_email_confirmed = True
    else:
        person.password, silent = prepared.password, User()
        for name in PROFILE_FIELDS - {"username"}:
            said = getattr(prepared, name)
            if said != getattr(silent, name):  # what was not said stays as the guest had it
                setattr(person, name, said)
    for candidate in iter([username]) if username else username_candidates(email):
        before, person.username = person.username, candidate
        try:
            with transaction.atomic():
                person.save()
        except IntegrityError:
            person.username = before
            if User.objects.filter(email_identity=identity_of(email)).exclude(id=person.id).exists():
                raise EmailTaken from None
            continue
        audit.record(
            caller,
            "user.upgraded",
            target_kind="user",
            target_id=person.id,
            on_behalf_of=person.id,
            changes={"username": [before, candidate]},
        )
        return
    raise UsernameTaken


def username_candidates(email: str) -> Iterator[str]:
    """Usernames to try for an address: its local part, then the same with random digits."""
    local = unicodedata.normalize("NFKD", email.partition("@")[0]).encode("ascii", "ignore").decode()
    stem = re.sub(r"[._]{2,}", ".", re.sub(r"[^A-Za-z0-9._]+", ".", local))[: USERNAME_MAX_LENGTH - 7].strip("._")
    stem = stem or "person"
    if identity_of(stem) not in _RESERVED_USERNAMES:
        yield stem
    for digits in (3, 4, 5, 6, 6, 6):
        yield f"{stem}{secrets.randbelow(10**digits):0{digits}d}"


PROFILE_FIELDS = frozenset(
    "username first_name last_name phone_number birth_date location about preferred_language preferred_theme time_zone "
    "has_finished_onboarding".split()
)


@transactional
def update_profile(caller: Caller, *, changes: dict[str, Any], expected: Collection[int] | None = None) -> None:
    """Changes the caller's own profile. Raises SignInRequired, and what `change_profile` raises."""
    if caller.user_id is None:
        raise SignInRequired
    if "username" in changes:
        count_new_name(caller.user_id)
    change_profile(caller, user_id=caller.user_id, changes=changes, expected=expected)


def change_profile(
    caller: Caller, *, user_id: uuid.UUID, changes: dict[str, Any], expected: Collection[int] | None = None
) -> None:
    """Changes a profile, if its version is one of those `expected` (None: any). Of the notifications only what is named.
    Part of the caller's transaction, which has called `count_new_name` for another username.

    Raises VersionConflict, UsernameTaken, InvalidInput.
    """
    person = User.objects.select_for_update().get(id=user_id)
    require_version(person.version, expected)
    if "notification_preferences" in changes:
        chosen = _merged(person.notification_preferences, changes["notification_preferences"])
        changes = {**changes, "notification_preferences": chosen}
    changed = {name: value for name, value in changes.items() if getattr(person, name) != value}
    if not changed:
        return
    assert changed.keys() <= PROFILE_FIELDS | {"notification_preferences"}
    if "username" in changed:
        require_username(changed["username"])
    before = {name: getattr(person, name) for name in changed}
    for name, value in changed.items():
        setattr(person, name, value)
    try:
        with transaction.atomic():
            person.version += 1
            person.save(update_fields=[*changed, "username_identity", "version", "updated_at"])
    except IntegrityError as error:
        raise UsernameTaken from error
    audit.record(
        caller,
        "user.profile_changed",
        target_kind="user",
        target_id=person.id,
        changes={name: [_told(before[name]), _told(value)] for name, value in changed.items()},
    )


def count_new_name(user_id: uuid.UUID) -> None:
    """Counts a change in the organizations whose contacts name the person as their creator: the tags of their lists are
    made of these counts. To be called before the person is locked, as organizations are locked first.
    """
    made = Contact.objects.filter(creator_id=user_id, deleted_at=None, organization__deleted_at=None)
    for organization_id in made.order_by("organization_id").values_list("organization_id", flat=True).distinct():
        with suppress(NotThere):  # deleted since
            advance(organization_id)


def _merged(chosen: Mapping[str, Mapping[str, bool]], more: Mapping[str, Mapping[str, bool]]) -> dict[str, Any]:
    """What was chosen of the channels and topics, with what is chosen now."""
    return {channel: {**chosen.get(channel, {}), **more.get(channel, {})} for channel in {*chosen, *more}}


def _told(value: Any) -> Any:
    """A value as the audit trail keeps it."""
    return value if isinstance(value, str | bool | dict | None) else str(value)


def store_avatar(caller: Caller, *, content: bytes) -> str:
    """Stores a picture's squares under a new name, for `set_avatar`; it is discarded if nothing comes of that.

    Before, and not in, the transaction that sets it: a message that discards the name is committed first, so that
    whatever dies afterwards leaves nothing for good. Raises SignInRequired, NotThere, TemporarilyUnavailable,
    PictureNotSupported, PictureTooLarge, PictureUnreadable.
    """
    if caller.user_id is None:
        raise SignInRequired
    username = User.objects.filter(id=caller.user_id).values_list("username", flat=True).first()
    if username is None:
        raise NotThere
    squares = avatars.squares_of(content)
    name = avatars.new_name(username)
    discard_avatar_later(caller.user_id, name, delay_seconds=avatars.DECIDED_SECONDS)
    avatars.save(name, squares)
    return name


def discard_avatar_later(user_id: uuid.UUID, name: str, *, delay_seconds: int = 0) -> None:
    arguments = {"user_id": str(user_id), "name": name}  # the name begins with the username
    outbox.enqueue("users.discard_avatar", arguments, delay_seconds=delay_seconds, about=user_id)


@transactional
def set_avatar(caller: Caller, *, name: str, expected: Collection[int] | None = None) -> None:
    """Makes what `store_avatar` has stored the caller's avatar, or nothing if `name` is empty; what it was goes.

    `expected` as for `update_profile`. Raises SignInRequired, VersionConflict.
    """
    if caller.user_id is None:
        raise SignInRequired
    person = User.objects.select_for_update().get(id=caller.user_id)
    require_version(person.version, expected)
    before, person.avatar = person.avatar, name
    if before == name:
        return
    person.version += 1
    person.save(update_fields=["avatar", "version", "updated_at"])
    if before:
        discard_avatar_later(person.id, before)
    audit.record(
        caller,
        "user.avatar_changed",
        target_kind="user",
        target_id=person.id,
        changes={"avatar": [before or None, name or None]},
    )


def discard_avatar(*, user_id: uuid.UUID, name: str) -> None:
    """Deletes pictures, unless they are the person's avatar."""
    if not User.objects.filter(id=user_id, avatar=name).exists():
        avatars.delete(name)


@transactional
def promote_to_superuser(caller: Caller, *, user_id: uuid.UUID) -> None:
    """Makes a person staff with every right. Raises NotThere."""
    if not User.objects.filter(id=user_id).update(is_staff=True, is_superuser=True):
        raise NotThere
    audit.record(
        caller, "user.promoted", target_kind="user", target_id=user_id, changes={"is_superuser": [False, True]}
    )
