"""The verbs of contacts: `changing` (one at a time), `bulk` (many), `moving` (all of them), and `finding`, what they are
found by.
"""

from api.apis.contacts.services.bulk import CHANGES_AT_ONCE, Change, Outcome, change_many
from api.apis.contacts.services.changing import (
    BLANK,
    SlugConflict,
    create_contact,
    delete_contact,
    forget_tombstones,
    replace_contact,
    restore_contact,
    update_contact,
)
from api.apis.contacts.services.finding import primary_value
from api.apis.contacts.services.moving import has_any, move_all

__all__ = [
    "BLANK",
    "CHANGES_AT_ONCE",
    "Change",
    "Outcome",
    "SlugConflict",
    "change_many",
    "create_contact",
    "delete_contact",
    "forget_tombstones",
    "has_any",
    "move_all",
    "primary_value",
    "replace_contact",
    "restore_contact",
    "update_contact",
]
