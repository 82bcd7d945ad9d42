"""By what contacts may be the same person: kept up to date with every change, so that nobody has to look for duplicates.

An address holds an at sign, a number begins with a plus sign, a name is words alone: a value says which of them it is.
"""

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import Exists, Min, OuterRef, Value

from api.models import Contact, ContactIdentity
from api.models.base import IDENTITY_MAX_BYTES, identity_of
from api.platform import search
from api.platform.statements import Rows, insert_values, statement

# Rows of one statement: SQLite binds no more than 32,766 values.
_AT_ONCE = 1000
_NAME_CHARS = 60  # 240 bytes at most
# Most contacts have no more values than these, and are asked about in the same words again and again: they are compiled.
_FEW = 5


def values_of(contact: Contact) -> list[str]:
    """The values of a contact: addresses whatever their capitals, numbers, and its name without accents, in any order."""
    values = [identity_of(entry["value"]) for entry in contact.emails]
    values += [entry["value"] for entry in contact.phone_numbers]
    if not any(contact.display_name == entry["value"] for entry in (*contact.emails, *contact.phone_numbers)):
        values.append(" ".join(sorted(search.words(contact.display_name)))[:_NAME_CHARS].strip())
    fitting = (value for value in values if 0 < len(value.encode()) <= IDENTITY_MAX_BYTES)
    return list(dict.fromkeys(fitting))


def reason_of(value: str) -> str:
    """What a value is: `email`, `phone` or `name`."""
    return "email" if "@" in value else "phone" if value.startswith("+") else "name"


def identify_new(contacts: Sequence[Contact]) -> None:
    """Stores the values of contacts of one organization, which is locked; they have none yet."""
    values = {contact: values_of(contact) for contact in contacts}
    _add(contacts[0].organization_id, [(contact.id, value) for contact in contacts for value in values[contact]])


def identify(contact: Contact) -> None:
    """Brings the values of a contact up to date. Its organization is locked."""
    wanted = values_of(contact)
    present = dict(ContactIdentity.objects.filter(contact=contact).values_list("value", "is_repeat"))
    _remove(contact, {value: is_repeat for value, is_repeat in present.items() if value not in wanted})
    _add(contact.organization_id, [(contact.id, value) for value in wanted if value not in present])


def forget(contact: Contact) -> None:
    """Removes the values of a contact. Its organization is locked."""
    _remove(contact, dict(ContactIdentity.objects.filter(contact=contact).values_list("value", "is_repeat")))


def move_all(*, source: uuid.UUID, target: uuid.UUID) -> None:
    """Moves the values of one organization's contacts to another; who was first there, stays it. Both are locked."""
    there = ContactIdentity.objects.filter(organization_id=target, is_repeat=Value(False), value=OuterRef("value"))
    firsts = ContactIdentity.objects.filter(Exists(there), organization_id=source, is_repeat=Value(False))
    repeated = list(firsts.values_list("id", flat=True))
    for first in range(0, len(repeated), _AT_ONCE):
        ContactIdentity.objects.filter(id__in=repeated[first : first + _AT_ONCE]).update(is_repeat=True)
    ContactIdentity.objects.filter(organization_id=source).update(organization_id=target)


def _add(organization_id: uuid.UUID, new: Sequence[tuple[uuid.UUID, str]]) -> None:
    """Stores values of contacts, in their order: whoever comes first is the first."""
    for first in range(0, len(new), _AT_ONCE):
        part = new[first : first + _AT_ONCE]
        taken = _taken(organization_id, [value for _, value in part])
        rows: list[dict[str, Any]] = []
        for contact_id, value in part:
            is_repeat = value in taken
            rows.append(
                {"organization_id": organization_id, "contact_id": contact_id, "value": value, "is_repeat": is_repeat}
            )
            taken.add(value)
        insert_values(ContactIdentity, rows)


def _taken(organization_id: uuid.UUID, values: Sequence[str]) -> set[str]:
    """Those of some values that a contact of the organization has."""
    asked = _firsts(organization_id, list(values))
    rows = asked.rows() if len(values) <= _FEW else asked.queryset()
    return {row["value"] for row in rows}


@statement
def _firsts(organization_id: Any, values: Sequence[Any]) -> Rows:
    firsts = ContactIdentity.objects.filter(organization__id=organization_id, is_repeat=Value(False), value__in=values)
    return firsts.values("value")


def _remove(contact: Contact, gone: dict[str, bool]) -> None:
    """Removes values of a contact; of each for which it was the first, another one is it."""
    if not gone:
        return
    ContactIdentity.objects.filter(contact=contact, value__in=gone).delete()
    _name_firsts(contact.organization_id, [value for value, is_repeat in gone.items() if not is_repeat])


def _name_firsts(organization_id: uuid.UUID, values: Collection[str]) -> None:
    """Makes somebody the first for each of some values that have none."""
    if not values:
        return
    left = ContactIdentity.objects.filter(organization_id=organization_id, is_repeat=Value(True), value__in=values)
    heirs = list(left.values("value").annotate(heir=Min("id")).values_list("heir", flat=True))
    if heirs:
        ContactIdentity.objects.filter(id__in=heirs).update(is_repeat=False)
