"""Reading contacts, always narrowed to the organizations in which the caller may do the action: `searching` the list,
`naming` single ones, `duplicates` those that may be the same.
"""

from api.apis.contacts.selectors.duplicates import DUPLICATE_SORTS, duplicates_of
from api.apis.contacts.selectors.naming import (
    COLUMNS,
    RESTORABLE_DAYS,
    contact_key,
    contact_of,
    contacts_for_staff,
    contacts_made_by_for_staff,
    contacts_named_for_staff,
    contacts_with_for_staff,
    require_contact,
    restorable_since,
    stored_contact,
    stored_contacts,
)
from api.apis.contacts.selectors.searching import (
    SORTS,
    SearchTooBroad,
    all_contacts_of,
    contacts_of,
    state_of_contacts,
)

__all__ = [
    "COLUMNS",
    "DUPLICATE_SORTS",
    "RESTORABLE_DAYS",
    "SORTS",
    "SearchTooBroad",
    "all_contacts_of",
    "contact_key",
    "contact_of",
    "contacts_for_staff",
    "contacts_made_by_for_staff",
    "contacts_named_for_staff",
    "contacts_of",
    "contacts_with_for_staff",
    "duplicates_of",
    "require_contact",
    "restorable_since",
    "state_of_contacts",
    "stored_contact",
    "stored_contacts",
]
