"""Contacts as vCards and rows of tables, in both directions. What has no place of its own goes into the notes."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from api.apis.contacts.services.changing import ENTRIES_MAX, NOTES_MAX_CHARS
from api.apis.tags import services as tags
from api.platform import sheets, vcards
from api.platform.vcards import Property, escaped

_CHARS = {"display_name": 200, "first_name": 100, "last_name": 100, "company": 200, "title": 200, "website": 500}
_TAGS, _TAG_CHARS = 50, 50
# Of one cell, in characters and, where it holds several values, in these: a hundred times what people have.
_CELL_CHARS, _VALUES = 20_000, 200
# How programs say where a number rings; all else is not said.
_LABELS = ("home", "work", "mobile", "cell", "fax", "other")


class Card(NamedTuple):
    """What a card says: columns of a contact, names of tags, and a picture, which nobody has looked at yet."""

    values: dict[str, Any]
    tags: list[str]
    photo: bytes = b""


def cards_of(content: bytes, *, country: str | None) -> Iterator[Card | None]:
    """The cards in a file, vCards or a table, None for one that cannot be read. `country` (ISO 3166-1) is that of numbers
    which do not say it.
    """
    text = vcards.text_of(content)
    if "BEGIN:VCARD" in text[:1000].upper():
        for properties in vcards.cards_in(text):
            yield _Reader(country).of_properties(properties) if properties is not None else None
    else:
        for row in sheets.rows_in(text):
            yield _Reader(country).of_row(row)


class _Reader:
    def __init__(self, country: str | None) -> None:
        self.country = country
        self.values: dict[str, Any] = {"emails": [], "phone_numbers": [], "addresses": []}
        self.notes: list[str] = []
        self.tags: list[str] = []
        self.photo = b""

    def of_properties(self, properties: Sequence[Property]) -> Card | None:
        labels = {
            found.group: re.sub(r"^_\$!<|>!\$_$", "", found.text)
            for found in properties
            if found.name == "X-ABLABEL" and found.group
        }
        for found in properties:
            label = labels.get(found.group) or next((word for word in _LABELS if word in found.types), "")
            self._take(found, "mobile" if label == "cell" else label)
        photos = (found.content for found in properties if found.name == "PHOTO")
        self.photo = next(filter(None, photos), b"")
        return self._card()

    def _take(self, found: Property, label: str) -> None:
        if found.name in _PROPERTIES:
            self._set(_PROPERTIES[found.name], found.text)
            return
        match found.name:
            case "N":
                last, first = (*found.parts(), "")[:2]
                self._set("last_name", last)
                self._set("first_name", first)
            case "ORG":
                self._set("company", found.parts()[0])
            case "EMAIL":
                self._email(found.text, label, is_primary="pref" in found.types)
            case "TEL":
                self._phone(re.sub(r"^(?i:tel):", "", found.text), label, is_primary="pref" in found.types)
            case "ADR":
                self._address(found.parts(), label)
            case "BDAY":
                self._birth_date(found.text)
            case "NOTE":
                self.notes.append(found.text)
            case "CATEGORIES":
                self.tags += found.parts(",")

    def of_row(self, row: Mapping[str, str]) -> Card | None:
        for name, cell in row.items():
            if cell:
                self._take_cell(name, cell[:_CELL_CHARS])
        return self._card()

    def _take_cell(self, name: str, cell: str) -> None:
        if name in _COLUMNS:
            self._set(_COLUMNS[name], cell)
        elif name in {"notes", "note"}:
            self.notes.append(cell)
        elif name in {"birth_date", "birthday"}:
            self._birth_date(cell)
        elif name in {"tags", "categories", "group membership", "labels"}:
            self.tags += [tag for tag in re.split(r" ::: |[;,]", cell) if not tag.strip().startswith("*")]
        elif re.fullmatch(r"(primary |secondary )?e-?mails?( \d+ - value| address| \d+ address)?", name):
            for value in re.split(r" ::: |[;,\s]+", cell)[:_VALUES]:
                self._email(value, "")
        elif re.search(r"phone|mobile", name) and not re.search(r"type|label|phonetic", name):
            for value in re.split(r" ::: |[;,]", cell)[:_VALUES]:
                self._phone(value, "mobile" if "mobile" in name else "")

    def _set(self, column: str, text: str) -> None:
        self.values.setdefault(column, _clean(text)[: _CHARS[column]].strip())

    def _email(self, text: str, label: str, *, is_primary: bool = False) -> None:
        address = _clean(text)
        try:
            validate_email(address)
        except ValidationError:
            self._note("E-mail", text)
        else:
            self._add("emails", address, label, is_primary=is_primary)

    def _phone(self, text: str, label: str, *, is_primary: bool = False) -> None:
        try:
            number = phonenumbers.parse(text, self.country)
        except phonenumbers.NumberParseException:
            self._note("Phone", text)
            return
        spelled = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if phonenumbers.is_possible_number(number) and len(spelled) <= 16:
            self._add("phone_numbers", spelled, label, is_primary=is_primary)
        else:
            self._note("Phone", text)

    def _add(self, column: str, value: str, label: str, *, is_primary: bool) -> None:
        entries = self.values[column]
        if len(value) > 254 or len(entries) >= ENTRIES_MAX:
            self._note(column, value)
        elif all(entry["value"] != value for entry in entries):
            is_first = is_primary and not any(entry["is_primary"] for entry in entries)
            entries.append({"label": _clean(label)[:50], "value": value, "is_primary": is_first})

    def _address(self, parts: Sequence[str], label: str) -> None:
        box, more, street, city, region, postal_code, country = (
            *(_clean(part, is_multiline=True) for part in parts),
            *[""] * 7,
        )[:7]
        if country and not re.fullmatch("[A-Z]{2}", country):
            region = f"{region}, {country}".strip(", ")
        whole = {
            "street": "\n".join(line for line in (street, more, box) if line)[:200],
            "postal_code": _clean(postal_code)[:20],
            "city": _clean(city)[:100],
            "region": _clean(region)[:100],
        }
        if any(whole.values()) and len(self.values["addresses"]) < ENTRIES_MAX:
            code = {"country": country} if re.fullmatch("[A-Z]{2}", country) else {}
            self.values["addresses"].append({"label": _clean(label)[:50], **whole, **code})

    def _birth_date(self, text: str) -> None:
        match = re.match(r"(\d{4})-?(\d\d)-?(\d\d)", text)
        try:
            day = date(*map(int, match.groups())) if match else None
        except ValueError:
            day = None
        # 1604 is how iOS says that it does not know the year.
        if day is not None and 1850 <= day.year <= date.today().year:  # noqa: DTZ011 -- a year is enough
            self.values["birth_date"] = day

    def _note(self, what: str, text: str) -> None:
        if text.strip():
            self.notes.append(f"{what}: {text.strip()}")

    def _card(self) -> Card | None:
        values = self.values
        for column in ("emails", "phone_numbers"):
            if values[column] and not any(entry["is_primary"] for entry in values[column]):
                values[column][0]["is_primary"] = True
        values["notes"] = _clean("\n".join(self.notes), is_multiline=True)[:NOTES_MAX_CHARS].strip()
        names = list(
            dict.fromkeys(
                tag for tag in (_clean(name)[:_TAG_CHARS].strip() for name in self.tags) if tag and tags.is_name(tag)
            )
        )
        has_a_name = any(values.get(column) for column in ("display_name", "first_name", "last_name", "company"))
        return (
            Card(values, names[:_TAGS], self.photo)
            if has_a_name or values["emails"] or values["phone_numbers"]
            else None
        )


def _clean(text: str, *, is_multiline: bool = False) -> str:
    normal = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    allowed = "\n\t" if is_multiline else ""
    return "".join(
        one if one in allowed or unicodedata.category(one) not in {"Cc", "Cs"} else " " for one in normal
    ).strip()


_PROPERTIES = {"FN": "display_name", "TITLE": "title", "URL": "website"}
# What others call our columns.
_COLUMNS = {
    **{column: column for column in _CHARS},
    **dict.fromkeys(("name", "display name", "full name"), "display_name"),
    **dict.fromkeys(("first name", "given name"), "first_name"),
    **dict.fromkeys(("last name", "family name", "surname"), "last_name"),
    **dict.fromkeys(("organization", "organization name", "organization 1 - name"), "company"),
    **dict.fromkeys(("job title", "organization title", "organization 1 - title"), "title"),
    **dict.fromkeys(("web page", "website 1 - value"), "website"),
}


# -- the other way

TABLE_COLUMNS = (
    "display_name first_name last_name company title emails phones addresses birth_date website notes tags".split()
)


def vcard_of(contact: Mapping[str, Any]) -> str:
    """A row of the selectors as a vCard."""
    lines = [
        f"UID:urn:uuid:{contact['id']}",
        f"FN:{escaped(contact['display_name'])}",
        f"N:{escaped(contact['last_name'])};{escaped(contact['first_name'])};;;",
    ]
    lines += [f"{name}:{escaped(contact[column])}" for name, column in _TEXTS if contact[column]]
    lines += [f"EMAIL{_types_of(entry)}:{escaped(entry['value'])}" for entry in contact["emails"]]
    lines += [f"TEL{_types_of(entry)}:{escaped(entry['value'])}" for entry in contact["phone_numbers"]]
    for entry in contact["addresses"]:
        parts = [escaped(entry.get(part, "")) for part in ("street", "city", "region", "postal_code", "country")]
        lines.append(f"ADR:;;{';'.join(parts)}")
    if contact["birth_date"]:
        lines.append(f"BDAY:{contact['birth_date'].isoformat()}")
    if contact["tags"]:
        lines.append(f"CATEGORIES:{','.join([escaped(tag['name']) for tag in contact['tags']])}")
    return vcards.card_of(lines)


_TEXTS = (("ORG", "company"), ("TITLE", "title"), ("URL", "website"), ("NOTE", "notes"))


def _types_of(entry: Mapping[str, Any]) -> str:
    label = entry["label"].lower()
    types = ["cell" if label == "mobile" else label] if label in _LABELS else []
    if entry["is_primary"]:
        types.append("pref")
    return f";TYPE={','.join(types)}" if types else ""


def sheet_head() -> str:
    """The first line of a table."""
    return sheets.row_of(TABLE_COLUMNS)


def table_row_of(contact: Mapping[str, Any]) -> str:
    """A row of the selectors as a line of a table."""
    addresses = [
        ", ".join([entry[part] for part in entry if part != "label" and entry[part]]) for entry in contact["addresses"]
    ]
    cells = (
        *(contact["display_name"], contact["first_name"], contact["last_name"]),
        *(contact["company"], contact["title"]),
        " ::: ".join([entry["value"] for entry in contact["emails"]]),
        " ::: ".join([entry["value"] for entry in contact["phone_numbers"]]),
        "; ".join(addresses).replace("\n", ", "),
        str(contact["birth_date"] or ""),
        *(contact["website"], contact["notes"]),
        "; ".join([tag["name"] for tag in contact["tags"]]),
    )
    return sheets.row_of(cells)
