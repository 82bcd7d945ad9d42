"""Changing contacts. Each change locks the organization, then the contact, and moves both their counts."""

import hashlib
import uuid
from collections.abc import Collection, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from django.utils import timezone

from api.apis.contacts.selectors import contact_key, restorable_since
from api.apis.contacts.services.finding import KEYS, index, index_new, set_keys, unindex
from api.apis.orgs import selectors as orgs
from api.exceptions import ApiError, IdConflict, InvalidInput, NotThere
from api.models import Contact
from api.models.base import uuid7
from api.platform import audit, changes, kinds, outbox
from api.platform.callers import Caller
from api.platform.ids import slug_for
from api.platform.statements import insert
from api.platform.transactions import transactional
from api.platform.versions import require_version


class SlugConflict(ApiError):
    """Several random slugs in a row were taken: a retry takes others."""

    status = HTTPStatus.CONFLICT
    code = "slug_conflict"
    title = "No free slug was found"
    detail = "Try again."
    remedy = "Retry later: other slugs are drawn."


_SLUG_ATTEMPTS = 5
TOMBSTONE_DAYS = 90

# What a client may set, with what absence means on creation and replacement.
BLANK: Mapping[str, Any] = {
    "display_name": "",
    "first_name": "",
    "last_name": "",
    "company": "",
    "title": "",
    "emails": [],
    "phone_numbers": [],
    "addresses": [],
    "birth_date": None,
    "location": "",
    "website": "",
    "notes": "",
    "custom_fields": {},
}
# What a contact holds at most.
ENTRIES_MAX = 20  # addresses, numbers, and postal addresses
NOTES_MAX_CHARS = 10_000
CUSTOM_FIELDS_MAX_BYTES = 8192  # as JSON
# Told in the audit trail by name only.
_UNTOLD = frozenset({"notes", "custom_fields", "addresses"})


def create_contact(
    caller: Caller,
    *,
    organization: str | None,
    contact_id: uuid.UUID | None,
    values: Mapping[str, Any],
    primaries: Mapping[str, str],
) -> tuple[uuid.UUID, bool]:
    """A new contact's id, and whether this call made it: the repeat of a creation under the client's id finds it made.

    `organization` is a slug or UUID, the person's own if absent; `primaries` maps `emails` and `phone_numbers` to the
    value of their primary entry. Raises NotThere, Forbidden, InvalidInput, IdConflict, SlugConflict.
    """
    if organization is None:
        organization_id = orgs.personal_organization_id(caller)
        orgs.require_permission(caller, organization_id, "contacts.create")
    else:
        organization_id = orgs.organization_id_of(caller, organization, "contacts.create")
    contact = Contact(
        id=contact_id or uuid7(),
        organization_id=organization_id,
        creator_id=caller.user_id,
        creation_digest=_digest([values, primaries]) if contact_id else None,
        **{**BLANK, **values},
    )
    _set_primaries(contact, primaries)
    complete_name(contact)
    set_keys(contact)
    for attempt in range(1, _SLUG_ATTEMPTS + 1):
        contact.slug = slug_for(contact.display_name)
        try:
            _insert(caller, contact)
        except IntegrityError:
            # The whole of it was undone. A retry needs another slug, unless it is the id that is taken.
            if Contact.objects.filter(id=contact.id).exists():
                return _made_before(caller, contact), False
            if attempt == _SLUG_ATTEMPTS:
                raise SlugConflict from None
        else:
            break
    return contact.id, True


def _digest(values: list[Mapping[str, Any]]) -> bytes:
    return hashlib.sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).digest()


@transactional
def _insert(caller: Caller, contact: Contact) -> None:
    """Stores a new contact. Raises IntegrityError when its id or its slug is taken."""
    contact.change_seq = changes.advance(contact.organization_id)
    changes.require_not_taken_up(caller)
    insert([contact])
    index_new([contact])
    record(caller, contact, "contact.created", {"display_name": [None, contact.display_name]})


def _made_before(caller: Caller, wanted: Contact) -> uuid.UUID:
    """The contact that the same creation made before. Raises IdConflict when the id belongs to anything else."""
    made = Contact.objects.filter(id=wanted.id, organization_id__in=list(caller.memberships)).first()
    is_same = (
        made is not None
        and made.organization_id == wanted.organization_id
        and made.creator_id == wanted.creator_id
        and made.creation_digest is not None
        and bytes(made.creation_digest) == wanted.creation_digest
    )
    if not is_same:
        raise IdConflict
    return wanted.id


def replace_contact(
    caller: Caller,
    *,
    name: str,
    values: Mapping[str, Any],
    primaries: Mapping[str, str],
    expected: Collection[int] | None = None,
) -> uuid.UUID:
    """Sets everything that a client may set; what is left out is cleared. Raises as `update_contact`."""
    return update_contact(caller, name=name, values={**BLANK, **values}, primaries=primaries, expected=expected)


@transactional
def update_contact(
    caller: Caller,
    *,
    name: str,
    values: Mapping[str, Any],
    primaries: Mapping[str, str],
    expected: Collection[int] | None = None,
) -> uuid.UUID:
    """Changes what is given, if the version is one of those `expected` (None: any); nothing moves when nothing differs.

    Raises NotThere, Forbidden, VersionConflict, InvalidInput.
    """
    contact, change_seq = locked(caller, name, "contacts.update")
    require_version(contact.version, expected)
    before = {field: getattr(contact, field) for field in BLANK}
    for field, value in values.items():
        setattr(contact, field, value)
    _set_primaries(contact, primaries)
    complete_name(contact)
    changed = [field for field in BLANK if getattr(contact, field) != before[field]]
    if changed:
        set_keys(contact)
        store(contact, change_seq, [*changed, *KEYS])
        index(contact)
        record(
            caller, contact, "contact.updated", {field: [before[field], getattr(contact, field)] for field in changed}
        )
    return contact.id


@transactional
def delete_contact(caller: Caller, *, name: str, expected: Collection[int] | None = None) -> None:
    """Makes the contact a tombstone. Raises NotThere (for one that is deleted already too), Forbidden, VersionConflict."""
    contact, change_seq = locked(caller, name, "contacts.delete")
    require_version(contact.version, expected)
    contact.deleted_at = timezone.now()
    store(contact, change_seq, ["deleted_at"])
    unindex(contact)
    record(caller, contact, "contact.deleted", {})


@transactional
def restore_contact(caller: Caller, *, name: str) -> uuid.UUID:
    """Makes a tombstone a contact again; harmless when it is one. Raises NotThere, Forbidden."""
    contact, change_seq = locked(caller, name, "contacts.delete", with_tombstones=True)
    if contact.deleted_at is not None:
        if contact.deleted_at < restorable_since() or contact.merged_into_id is not None:
            raise NotThere
        contact.deleted_at = None
        store(contact, change_seq, ["deleted_at"])
        index(contact)
        record(caller, contact, "contact.restored", {})
    return contact.id


def locked(caller: Caller, name: str, action: str, *, with_tombstones: bool = False) -> tuple[Contact, int]:
    """The contact, locked behind its organization, and the organization's count of changes."""
    contact_id, organization_id = contact_key(caller, name, action)
    change_seq = changes.lock(organization_id)
    changes.require_not_taken_up(caller)
    contact = Contact.objects.select_for_update().filter(id=contact_id, organization_id=organization_id).first()
    if contact is None or (contact.deleted_at is not None and not with_tombstones):
        raise NotThere
    return contact, change_seq


def store(contact: Contact, change_seq: int, columns: list[str]) -> None:
    """Stores columns of a contact as its next version. Its organization is locked at this count of changes, which moves."""
    contact.version += 1
    contact.change_seq = changes.move(contact.organization_id, after=change_seq)
    contact.save(update_fields=[*columns, "version", "change_seq", "updated_at"])


def record(caller: Caller, contact: Contact, action: str, told: dict[str, Any]) -> None:
    """Tells the audit trail what happened to a contact; `told` maps its columns to [before, after]."""
    audit.record(
        caller,
        action,
        target_kind="contact",
        target_id=contact.id,
        organization_id=contact.organization_id,
        changes={field: [_told(field, value) for value in pair] for field, pair in told.items()},
    )


def _told(field: str, value: Any) -> Any:
    """A value as the audit trail keeps it; of what people write at length, only that it changed."""
    if field in _UNTOLD:
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value


def _set_primaries(contact: Contact, primaries: Mapping[str, str]) -> None:
    """Makes each value the primary one of its list: the entry that has it becomes primary, else the primary entry takes it
    over and keeps its label. The empty text removes the primary entry.
    """
    for field, value in primaries.items():
        entries = [dict(entry) for entry in getattr(contact, field)]
        known = next((entry for entry in entries if entry["value"] == value), None)
        primary = next((entry for entry in entries if entry["is_primary"]), None)
        if not value:
            entries = [entry for entry in entries if entry is not primary]
        elif known is not None:
            for entry in entries:
                entry["is_primary"] = entry is known
        elif primary is not None:
            primary["value"] = value
        else:
            entries.insert(0, {"label": "", "value": value, "is_primary": True})
        setattr(contact, field, entries)


def complete_name(contact: Contact) -> None:
    """A contact without a display name is called by its names, its company, or how it is reached. Raises InvalidInput
    when there is nothing to call it by.
    """
    if not contact.display_name:
        full_name = f"{contact.first_name} {contact.last_name}".strip()
        reach = [entry["value"] for entry in (*contact.emails, *contact.phone_numbers)]
        contact.display_name = (full_name or contact.company or "".join(reach[:1]))[:200]
    if not contact.display_name:
        raise InvalidInput.of("display_name", "required", "At least one name is needed.")


def forget_tombstones(*, most: int = 500) -> int:
    """Deletes up to `most` contacts that were deleted longer ago than tombstones live; returns how many. One that was
    merged stays for as long as there is the other, which answers for it.
    """
    before = timezone.now() - timedelta(days=TOMBSTONE_DAYS)
    ids = list(Contact.objects.filter(deleted_at__lt=before, merged_into=None).values_list("id", flat=True)[:most])
    with transaction.atomic():
        kinds.forget(kinds.CONTACT, ids)
        pictured = Contact.objects.filter(id__in=ids).exclude(avatar="").values_list("id", "avatar")
        for contact_id, avatar in list(pictured):
            outbox.enqueue("contacts.discard_avatar", {"contact_id": str(contact_id), "name": avatar})
        deleted = Contact.objects.filter(id__in=ids, deleted_at__lt=before).delete()[1]
    return deleted.get("api.Contact", 0)
