"""What contacts are found and sorted by: keys in their own columns, words and identities in tables of theirs."""

from collections.abc import Mapping, Sequence
from typing import Any

import phonenumbers

from api.apis.contacts.services import identities
from api.models import Contact, ContactTerm
from api.platform import search
from api.platform.statements import insert_values

KEYS = ("display_name_key", "first_name_key", "last_name_key", "email_key")


def set_keys(contact: Contact) -> None:
    """Brings the keys that lists are sorted by up to date."""
    contact.display_name_key = search.sort_key(contact.display_name)
    contact.first_name_key = search.sort_key(contact.first_name)
    contact.last_name_key = search.sort_key(contact.last_name)
    contact.email_key = search.sort_key(primary_value(contact.emails))


def primary_value(entries: list[dict[str, Any]]) -> str:
    """The value of the primary entry, or the empty text."""
    return next((entry["value"] for entry in entries if entry["is_primary"]), "")


# Rows of one statement: SQLite binds no more than 32,766 values.
_WORDS_AT_ONCE = 500

# How much a word counts for the rank, by where it stands.
_NAME, _REACH, _COMPANY, _NOTES = 8, 4, 3, 1


def index(contact: Contact) -> None:
    """Brings what the contact is found by up to date. Its organization is locked."""
    identities.identify(contact)
    weights = weights_of(contact)
    present = dict(ContactTerm.objects.filter(contact=contact).values_list("term", "weight"))
    if present == weights:
        return
    stale = [term for term in present if weights.get(term) != present[term]]
    ContactTerm.objects.filter(contact=contact, term__in=stale).delete()
    _insert(_terms(contact, {word: weight for word, weight in weights.items() if present.get(word) != weight}))


def weights_of(contact: Contact) -> dict[str, int]:
    """The words of a contact, each with what it counts for."""
    weights: dict[str, int] = {}
    for text, weight in _texts(contact):
        for word in search.words(text):
            weights[word] = max(weight, weights.get(word, 0))
    return weights


def index_new(contacts: Sequence[Contact]) -> None:
    """Stores what contacts of one organization, which is locked, are found by; there is nothing of it yet."""
    identities.identify_new(contacts)
    _insert([term for contact in contacts for term in _terms(contact, weights_of(contact))])


def unindex(contact: Contact) -> None:
    """Lets a contact be found no more. Its organization is locked."""
    identities.forget(contact)
    ContactTerm.objects.filter(contact=contact).delete()


def _terms(contact: Contact, weights: Mapping[str, int]) -> list[dict[str, Any]]:
    """The rows of ContactTerm."""
    of_contact = {"organization_id": contact.organization_id, "contact_id": contact.id}
    return [{**of_contact, "term": word, "weight": weight} for word, weight in weights.items()]


def _insert(terms: Sequence[Mapping[str, Any]]) -> None:
    for first in range(0, len(terms), _WORDS_AT_ONCE):
        insert_values(ContactTerm, terms[first : first + _WORDS_AT_ONCE])


def _texts(contact: Contact) -> list[tuple[str, int]]:
    texts = [(name, _NAME) for name in (contact.display_name, contact.first_name, contact.last_name)]
    texts += [(entry["value"], _REACH) for entry in contact.emails]
    for entry in contact.phone_numbers:
        number = phonenumbers.parse(entry["value"])
        national = phonenumbers.national_significant_number(number)
        texts += [(entry["value"], _REACH), (national, _REACH), (f"0{national}", _REACH)]
    return [*texts, (contact.company, _COMPANY), (contact.notes, _NOTES)]
