"""The verbs of contacts: `changing` (one at a time), `bulk` (many), `importing` (from files,
which `cards` reads and writes), `moving` (all of them), and `finding`, what they are
found by.
"""

from api.apis.contacts.services.bulk import CHANGES_AT_ONCE, Change, Outcome, change_many
from api.apis.contacts.services.cards import sheet_head, table_row_of, vcard_of
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
from api.apis.contacts.services.importing import discard_import, run_import, start_import, store_import
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
    "discard_import",
    "forget_tombstones",
    "has_any",
    "move_all",
    "primary_value",
    "replace_contact",
    "restore_contact",
    "run_import",
    "sheet_head",
    "start_import",
    "store_import",
    "table_row_of",
    "update_contact",
    "vcard_of",
]
