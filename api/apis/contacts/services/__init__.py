"""The verbs of contacts: `changing` (one at a time), `avatars`, `merging` (two to one), `bulk` (many), `importing` (from files, which
`cards` reads and writes), `moving` (all of them); and `finding` and `identities`, what they are found by.
"""

from api.apis.contacts.services.avatars import discard_avatar, set_avatar, store_avatar
from api.apis.contacts.services.bulk import CHANGES_AT_ONCE, Change, Outcome, change_many
from api.apis.contacts.services.cards import sheet_head, table_row_of, vcard_of
from api.apis.contacts.services.changing import (
    BLANK,
    CUSTOM_FIELDS_MAX_BYTES,
    ENTRIES_MAX,
    NOTES_MAX_CHARS,
    SlugConflict,
    create_contact,
    delete_contact,
    forget_tombstones,
    replace_contact,
    restore_contact,
    update_contact,
)
from api.apis.contacts.services.finding import primary_value
from api.apis.contacts.services.identities import reason_of
from api.apis.contacts.services.importing import discard_import, run_import, start_import, store_import
from api.apis.contacts.services.merging import MergedTooLarge, OtherChanged, merge_contacts
from api.apis.contacts.services.moving import has_any, move_all

__all__ = [
    "BLANK",
    "CHANGES_AT_ONCE",
    "CUSTOM_FIELDS_MAX_BYTES",
    "ENTRIES_MAX",
    "NOTES_MAX_CHARS",
    "Change",
    "MergedTooLarge",
    "OtherChanged",
    "Outcome",
    "SlugConflict",
    "change_many",
    "create_contact",
    "delete_contact",
    "discard_avatar",
    "discard_import",
    "forget_tombstones",
    "has_any",
    "merge_contacts",
    "move_all",
    "primary_value",
    "reason_of",
    "replace_contact",
    "restore_contact",
    "run_import",
    "set_avatar",
    "sheet_head",
    "start_import",
    "store_avatar",
    "store_import",
    "table_row_of",
    "update_contact",
    "vcard_of",
]
