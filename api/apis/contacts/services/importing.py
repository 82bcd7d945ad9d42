"""Importing files of contacts: a job, in small transactions, which made again makes nothing twice."""

import secrets
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

from django.db import IntegrityError

from api.apis.contacts.services.avatars import store_squares
from api.apis.contacts.services.cards import Card, cards_of
from api.apis.contacts.services.changing import BLANK, complete_name
from api.apis.contacts.services.finding import index_new, set_keys
from api.apis.orgs import selectors as orgs
from api.apis.tags import services as tags
from api.models import ActorKind, Channel, Contact
from api.models.base import uuid7
from api.platform import audit, avatars, changes, jobs, kinds, memberships, outbox, storage
from api.platform.callers import Caller
from api.platform.ids import slug_for
from api.platform.pictures import PictureNotSupported, PictureTooLarge, PictureUnreadable
from api.platform.statements import insert
from api.platform.transactions import transactional

_CARDS_AT_ONCE = 200
_ROWS_TOLD = 100
_FILE_KEPT_SECONDS = 86_400  # longer than a job waits and is tried again
_ATTEMPTS = 3
# What an import may spend on pictures, of the time that a task has: whoever comes later gets none.
_PHOTO_SECONDS = 60.0


class _Known(NamedTuple):
    """A contact that a card may be: how it is reached, and its slug."""

    reach: frozenset[str]
    slug: str | None


def store_import(caller: Caller, content: bytes) -> str:
    """Stores a file under a new name, for `start_import`; it goes a day later, whatever becomes of that."""
    name = f"imports/{secrets.token_hex(16)}"
    outbox.enqueue("contacts.discard_import", {"name": name}, delay_seconds=_FILE_KEPT_SECONDS, about=caller.user_id)
    storage.save(name, content)
    return name


@transactional
def start_import(
    caller: Caller, *, organization: str | None, name: str, is_dry_run: bool, country: str | None
) -> dict[str, Any]:
    """A job that imports what `store_import` has stored. Raises NotThere, Forbidden, TooManyJobs."""
    assert caller.user_id is not None
    if organization is None:
        organization_id = orgs.personal_organization_id(caller)
        orgs.require_permission(caller, organization_id, "contacts.create")
    else:
        organization_id = orgs.organization_id_of(caller, organization, "contacts.create")
    arguments = {
        "user_id": str(caller.user_id),
        "organization_id": str(organization_id),
        "name": name,
        "is_dry_run": is_dry_run,
        "country": country,
    }
    return jobs.told(jobs.begin(caller.user_id, "contacts.import", arguments, type_="contacts.import"))


def run_import(
    job_id: str, *, user_id: uuid.UUID, organization_id: uuid.UUID, name: str, is_dry_run: bool, country: str | None
) -> dict[str, Any]:
    """Carries an import out and tells how it went. Raises NotThere, Forbidden for somebody who may no more, JobRevoked."""
    caller = Caller(
        kind=ActorKind.USER, channel=Channel.JOB, user_id=user_id, memberships=memberships.of_person(user_id)
    )
    orgs.require_permission(caller, organization_id, "contacts.create")
    with storage.opened(name) as file:
        content = file.read()
    expected = content.upper().count(b"BEGIN:VCARD") or content.count(b"\n") or 1
    run = _Run(caller, organization_id, is_dry_run=is_dry_run)
    for cards in _in_chunks(cards_of(content, country=country)):
        run.take(cards)
        jobs.report(job_id, per_cent=min(99, 100 * run.told["read"] // expected))
    return run.told


def discard_import(name: str) -> None:
    storage.delete([name])


def _in_chunks(cards: Iterable[Card | None]) -> Iterator[list[Card | None]]:
    cards = iter(cards)
    while chunk := list(islice(cards, _CARDS_AT_ONCE)):
        yield chunk


class _Run:
    """One pass over a file. `told` is the job's result; of rows that were not imported, the first hundred."""

    def __init__(self, caller: Caller, organization_id: uuid.UUID, *, is_dry_run: bool) -> None:
        self.caller, self.organization_id, self.is_dry_run = caller, organization_id, is_dry_run
        self.told: dict[str, Any] = {
            "dry_run": is_dry_run,
            "read": 0,
            "created": 0,
            "known": 0,
            "refused": 0,
            "rows": [],
        }
        self.photo_seconds = _PHOTO_SECONDS
        self.seen: dict[str, list[_Known]] = defaultdict(list)

    def take(self, cards: Sequence[Card | None]) -> None:
        contacts = [self._contact(card) if card is not None else None for card in cards]
        if not self.is_dry_run:
            self._store_photos(cards, contacts)
        found = self._stored_by_free_slugs(cards, contacts)
        for key, known in found.made:
            self.seen[key].append(known)
        self.told["created"] += len(found.made)
        for number, code, slug in found.rows:
            self.told["known" if code == "known" else "refused"] += 1
            if len(self.told["rows"]) < _ROWS_TOLD:
                self.told["rows"].append({"row": self.told["read"] + number, "code": code, "contact": slug})
        self.told["read"] += len(cards)

    def _stored_by_free_slugs(self, cards: Sequence[Card | None], contacts: Sequence[Contact | None]) -> "_Found":
        for _ in range(1, _ATTEMPTS):
            with suppress(IntegrityError):  # a random slug was taken: the whole of it was undone
                return self._stored(cards, contacts)
            for contact in filter(None, contacts):
                contact.slug = slug_for(contact.display_name)
        return self._stored(cards, contacts)

    def _store_photos(self, cards: Sequence[Card | None], contacts: Sequence[Contact | None]) -> None:
        """Makes the pictures of contacts that are new by the look of it their avatars, before anything is locked."""
        pictured = [(card, contact) for card, contact in zip(cards, contacts, strict=True) if card and card.photo]
        known = self._known([contact.display_name_key for _, contact in pictured if contact is not None])
        for card, contact in pictured:
            if contact is None or _known_as(contact, known) is not None or self.photo_seconds < 0:
                continue
            began_at = time.monotonic()
            # A picture that cannot be taken is no reason not to take the contact.
            with suppress(PictureNotSupported, PictureTooLarge, PictureUnreadable):
                contact.avatar = store_squares(contact.id, avatars.squares_of(card.photo))
            self.photo_seconds -= time.monotonic() - began_at

    @transactional
    def _stored(self, cards: Sequence[Card | None], contacts: Sequence[Contact | None]) -> "_Found":
        """Stores what is new of some cards, in the order of their rows."""
        change_seq = changes.lock(self.organization_id)
        changes.require_not_taken_up(self.caller)
        found = _Found([], [])
        known = self._known([contact.display_name_key for contact in contacts if contact is not None])
        new: list[tuple[Contact, list[str]]] = []
        for number, (card, contact) in enumerate(zip(cards, contacts, strict=True), 1):
            if card is None or contact is None:
                found.rows.append((number, "unreadable", None))
                continue
            reach, key = _reach_of(contact.emails, contact.phone_numbers), contact.display_name_key
            there = _known_as(contact, known)
            if there is not None:
                found.rows.append((number, "known", there.slug))
                continue
            made = _Known(reach, None if self.is_dry_run else contact.slug)
            known[key].append(made)
            found.made.append((key, made))
            contact.change_seq = change_seq + len(new) + 1
            new.append((contact, card.tags))
        if new and not self.is_dry_run:
            self._insert(new, change_seq)
        return found

    def _contact(self, card: Card) -> Contact:
        contact = Contact(
            id=uuid7(),
            organization_id=self.organization_id,
            creator_id=self.caller.user_id,
            **{**BLANK, **card.values},
        )
        complete_name(contact)
        contact.slug = slug_for(contact.display_name)
        set_keys(contact)
        return contact

    def _known(self, keys: Sequence[str]) -> dict[str, list[_Known]]:
        """What the cards may be: contacts that are there, and in a dry run those that the file has had before."""
        known: dict[str, list[_Known]] = defaultdict(list)
        rows = Contact.objects.filter(
            organization_id=self.organization_id, deleted_at=None, display_name_key__in=set(keys)
        ).values_list("display_name_key", "emails", "phone_numbers", "slug")
        for key, emails, phone_numbers, slug in rows:
            known[key].append(_Known(_reach_of(emails, phone_numbers), slug))
        for key in keys:
            known[key] += self.seen.get(key, [])
        return known

    def _insert(self, new: Sequence[tuple[Contact, list[str]]], change_seq: int) -> None:
        contacts = [contact for contact, _ in new]
        insert(contacts)
        index_new(contacts)
        count = changes.move(self.organization_id, after=change_seq + len(contacts) - 1)
        together: dict[tuple[str, ...], list[kinds.Target]] = defaultdict(list)
        for contact, names in new:
            if names:
                together[tuple(names)].append(kinds.Target(kinds.CONTACT, contact.id, self.organization_id))
        for names_of, targets in together.items():
            count = tags.put_on(self.caller, targets, names_of, count)
        audit.record_each(
            self.caller,
            "contact.created",
            target_kind="contact",
            organization_id=self.organization_id,
            changes={contact.id: {"display_name": [None, contact.display_name]} for contact in contacts},
        )


def _known_as(contact: Contact, known: Mapping[str, Sequence[_Known]]) -> _Known | None:
    """Who of those with its name a contact is: one that is reached as it is, or when neither is reached at all."""
    reach = _reach_of(contact.emails, contact.phone_numbers)
    same_name = known.get(contact.display_name_key, ())
    return next((one for one in same_name if one.reach & reach or not (one.reach or reach)), None)


class _Found(NamedTuple):
    """What was made of a chunk, and its rows that were not: their numbers in it, why, and the contact that is there."""

    made: list[tuple[str, _Known]]
    rows: list[tuple[int, str, str | None]]


def _reach_of(emails: Sequence[dict[str, Any]], phone_numbers: Sequence[dict[str, Any]]) -> frozenset[str]:
    return frozenset(entry["value"].casefold() for entry in (*emails, *phone_numbers))
