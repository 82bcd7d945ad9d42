"""Contacts as other programs read them: a table and vCards, made of the rows that are read for the lines of JSON."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Self

from api.apis.contacts import services as contacts
from api.apis.export.services.tables import Row
from api.models import TagLink
from api.platform import kinds
from api.platform.archives import Aside
from api.platform.statements import read


class Sheets:
    """The two files, which wait until the one that is being written is whole."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._table, self._cards = Aside(), Aside()
        self._table.write(contacts.sheet_head().encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._table.close()
        self._cards.close()

    def take(self, rows: list[Row]) -> None:
        names = self._tags_of([row["id"] for row in rows])
        tagged = [{**row, "tags": names.get(row["id"], [])} for row in rows]
        self._table.write("".join(map(contacts.table_row_of, tagged)).encode())
        self._cards.write("".join(map(contacts.vcard_of, tagged)).encode())

    def files(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        yield "contacts.csv", self._table.pieces()
        yield "contacts.vcf", self._cards.pieces()

    def _tags_of(self, ids: list[uuid.UUID]) -> Mapping[uuid.UUID, list[Row]]:
        links: Any = TagLink.objects.filter(kind=kinds.CONTACT, object_id__in=ids).order_by("tag_id")
        found: dict[uuid.UUID, list[Row]] = {}
        for link in read(links.values("object_id", "tag__name"), self._alias):
            found.setdefault(link["object_id"], []).append({"name": link["tag__name"]})
        return found
