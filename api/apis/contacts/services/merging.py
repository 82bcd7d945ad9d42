"""Making two contacts one: the winner takes in what it lacks, the other becomes a tombstone that points to it."""

import uuid
from collections.abc import Collection, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from django.utils import timezone

from api.apis.contacts.selectors import contact_key
from api.apis.contacts.services.avatars import discard_avatar_later
from api.apis.contacts.services.changing import (
    BLANK,
    CUSTOM_FIELDS_MAX_BYTES,
    ENTRIES_MAX,
    NOTES_MAX_CHARS,
    record,
    store,
)
from api.apis.contacts.services.finding import KEYS, index, set_keys, unindex
from api.apis.images import services as images
from api.apis.tags import services as tags
from api.exceptions import ApiError, InvalidInput, NotThere
from api.models import Contact
from api.models.base import identity_of
from api.platform import changes, kinds
from api.platform.callers import Caller
from api.platform.kinds import Target
from api.platform.transactions import transactional
from api.platform.versions import require_version


class OtherChanged(ApiError):
    """The contact that was to be merged into another was changed since."""

    status = HTTPStatus.CONFLICT
    code = "loser_changed"
    title = "The other contact was changed meanwhile"
    detail = "Read it again, and merge them in view of what it is now."
    remedy = "Show both again, and let the person decide."


class MergedTooLarge(ApiError):
    """Together the two have more in `field` than one contact holds, and nothing is to be lost."""

    status = HTTPStatus.CONFLICT
    code = "merged_too_large"
    title = "Together they are too large for one contact"
    detail = "Shorten one of them first."
    remedy = "Let the person shorten what `field` names in one of them."


@transactional
def merge_contacts(
    caller: Caller,
    *,
    winner: str,
    loser: str,
    expected: Collection[int] | None = None,
    loser_version: int | None = None,
) -> uuid.UUID:
    """Takes one contact into another of the same organization and returns the other's id; once more, it changes nothing.

    `expected` are versions of the winner (None: any). Raises NotThere, Forbidden, InvalidInput, VersionConflict,
    OtherChanged, MergedTooLarge, TooManyTags, TooManyImages.
    """
    winner_id, organization_id = contact_key(caller, winner, "contacts.update")
    loser_id, other_organization_id = contact_key(caller, loser, "contacts.delete")
    if winner_id == loser_id:
        raise InvalidInput.of("loser", "same", "Name two contacts.")
    if organization_id != other_organization_id:
        raise InvalidInput.of("loser", "other_organization", "Both are of one organization.")
    change_seq = changes.lock(organization_id)
    changes.require_not_taken_up(caller)
    keeping, going = _locked(organization_id, winner_id, loser_id)
    if going.merged_into_id == keeping.id:
        return keeping.id
    if going.deleted_at is not None:
        raise NotThere
    require_version(keeping.version, expected)
    if loser_version not in {None, going.version}:
        raise OtherChanged
    _merge(caller, keeping, going, change_seq)
    return keeping.id


def _locked(organization_id: uuid.UUID, winner_id: uuid.UUID, loser_id: uuid.UUID) -> tuple[Contact, Contact]:
    """Both contacts, locked in the order of their ids; the winner is none that was deleted. Raises NotThere."""
    both = Contact.objects.select_for_update().filter(id__in=(winner_id, loser_id), organization_id=organization_id)
    found = {contact.id: contact for contact in both.order_by("id")}
    if len(found) < 2 or found[winner_id].deleted_at is not None:
        raise NotThere
    return found[winner_id], found[loser_id]


def _merge(caller: Caller, keeping: Contact, going: Contact, change_seq: int) -> None:
    before = {field: getattr(keeping, field) for field in (*BLANK, "avatar")}
    for field, value in _together(keeping, going).items():
        setattr(keeping, field, value)
    changed = [field for field, value in before.items() if getattr(keeping, field) != value]
    _bury(going, keeping, change_seq)
    set_keys(keeping)
    store(keeping, change_seq + 1, [*changed, *KEYS])
    index(keeping)
    winner, loser = (Target(kinds.CONTACT, contact.id, contact.organization_id) for contact in (keeping, going))
    count = tags.unite(winner=winner, loser=loser, change_seq=change_seq + 2)
    images.unite(winner=winner, loser=loser, change_seq=count)
    told: dict[str, Any] = {field: [before[field], getattr(keeping, field)] for field in changed}
    record(caller, keeping, "contact.merged", {**told, "taken_in": [None, str(going.id)]})
    record(caller, going, "contact.deleted", {"merged_into": [None, str(keeping.id)]})


def _bury(going: Contact, keeping: Contact, change_seq: int) -> None:
    """Leaves of a contact its names, by which devices know it, and the way to the one that it is now."""
    unindex(going)
    if going.avatar not in {"", keeping.avatar}:
        discard_avatar_later(going.id, going.avatar)
    gone = {field: blank for field, blank in BLANK.items() if field != "display_name"} | {"avatar": ""}
    for field, blank in gone.items():
        setattr(going, field, blank)
    going.deleted_at, going.merged_into = timezone.now(), keeping
    set_keys(going)
    store(going, change_seq, [*gone, *KEYS, "deleted_at", "merged_into"])
    # What was merged into it before leads to the winner at once, however long the chain is.
    Contact.objects.filter(merged_into=going).update(merged_into=keeping)


def _together(keeping: Contact, going: Contact) -> dict[str, Any]:
    """What the winner has afterwards: its own, what it lacks, and both of what there can be several. Raises MergedTooLarge."""
    single = [field for field, blank in BLANK.items() if blank in ("", None)]
    whole = {field: getattr(keeping, field) or getattr(going, field) for field in (*single, "avatar")}
    whole["notes"] = _notes(keeping.notes, going.notes)
    for field in ("emails", "phone_numbers"):
        whole[field] = _entries(getattr(keeping, field), getattr(going, field))
    whole["addresses"] = [*keeping.addresses, *(entry for entry in going.addresses if entry not in keeping.addresses)]
    whole["custom_fields"] = {**going.custom_fields, **keeping.custom_fields}
    for field, size, most in (
        *((field, len(whole[field]), ENTRIES_MAX) for field in ("emails", "phone_numbers", "addresses")),
        ("notes", len(whole["notes"]), NOTES_MAX_CHARS),
        ("custom_fields", len(orjson.dumps(whole["custom_fields"])), CUSTOM_FIELDS_MAX_BYTES),
    ):
        # What was too large before, by another limit then, is no reason.
        if size > most and whole[field] != getattr(keeping, field):
            raise MergedTooLarge(field=field)
    return whole


def _notes(mine: str, others: str) -> str:
    return mine if others in mine else "\n\n".join(text for text in (mine, others) if text)


def _entries(mine: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries of both, each value once; the primary one is the winner's, if it has one."""
    there = {identity_of(entry["value"]) for entry in mine}
    has_primary = any(entry["is_primary"] for entry in mine)
    more = [entry for entry in others if identity_of(entry["value"]) not in there]
    return [*mine, *({**entry, "is_primary": entry["is_primary"] and not has_primary} for entry in more)]
