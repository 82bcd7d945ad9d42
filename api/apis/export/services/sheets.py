"""Contacts as other programs read them: a table and vCards, made of the rows that are read for the lines of JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.apis.contacts import services as contacts
from api.apis.export.services.tables import Row
from api.models import TagLink
from api.platform import kinds
from api.platform.archives import Archive
from api.platform.statements import columns_of


class Sheets:
    """The two files, which wait until the one that is being written is whole."""

    def __init__(self, archive: Archive, alias: str) -> None:
        self._archive, self._alias = archive, alias
        self._table, self._cards = archive.aside("contacts.csv"), archive.aside("contacts.vcf")
        self._table.write(contacts.sheet_head().encode())

    def take(self, rows: list[Row]) -> None:
        tags = self._tags_of([row["id"] for row in rows])
        for row in rows:
            row["tags"] = tags.get(row["id"], ())
        self._table.write("".join(map(contacts.table_row_of, rows)).encode())
        self._cards.write("".join(map(contacts.vcard_of, rows)).encode())

    def place(self) -> None:
        self._archive.place(self._table)
        self._archive.place(self._cards)

    def _tags_of(self, ids: Sequence[Any]) -> Mapping[Any, Sequence[Row]]:
        links: Any = TagLink.objects.filter(kind=kinds.CONTACT, object_id__in=ids).order_by("tag_id")
        found = columns_of(links.values("object_id", "tag__name"), self._alias)
        tags: dict[Any, list[Row]] = {}
        for contact_id, name in zip(*found.values(), strict=True):
            tags.setdefault(contact_id, []).append({"name": name})
        return tags
