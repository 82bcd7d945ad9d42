"""`contacts/import/` and `contacts/export.vcf|csv`: files in, as jobs, and out, as streams."""

import csv
import io
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from handset_client import Answer, Call

from api.apis.contacts.services import importing
from api.apis.contacts.services.cards import cards_of
from api.apis.jobs.services import run_due
from api.models import AuditEntry, Contact, ContactTerm, Membership, Organization, OutboxMessage, Tag
from api.platform import memberships
from tests.apis.contacts import cards
from tests.apis.contacts.rows import make_contact
from tests.apis.contacts.trail import count_of
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of
from tests.pictures import photo

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _files(files: Path) -> None:
    """Written to a folder of the test's own."""


def send(person: Person, content: str | bytes, **said: str) -> Answer:
    parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in said.items()]
    head = "".join(parts) + '--x\r\nContent-Disposition: form-data; name="file"; filename="contacts"\r\n\r\n'
    body = head.encode() + (content.encode() if isinstance(content, str) else content) + b"\r\n--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    return person.phone.perform(Call("POST", "contacts/import/", body=body, headers=headers))


def imported(person: Person, content: str | bytes, **said: str) -> dict[str, Any]:
    """The result of an import."""
    answer = send(person, content, **said)
    assert answer.status == 202, answer.body
    assert answer.headers["location"] == f"/api/v1/tasks/{answer.json['id']}/"
    while run_due():
        pass
    job = person.get(f"tasks/{answer.json['id']}/").json
    assert (job["state"], job["progress"], job["error"]) == ("SUCCESS", 100, None), job
    result: dict[str, Any] = job["result"]
    return result


def numbers(result: dict[str, Any]) -> tuple[int, ...]:
    return tuple(result[name] for name in ("read", "created", "known", "refused"))


def listed(person: Person, **params: Any) -> dict[str, dict[str, Any]]:
    return {row["display_name"]: row for row in person.get("contacts/", limit="100", **params).json["data"]}


ALL = cards.IOS + cards.ANDROID + cards.GOOGLE + cards.OUTLOOK + cards.NEW


def test_the_cards_of_every_program_are_read(alice: Person) -> None:
    assert numbers(imported(alice, ALL, country="CH")) == (5, 5, 0, 0)
    found = listed(alice)
    grace = found["Dr. Grace Brewster Hopper"]
    assert (grace["first_name"], grace["last_name"], grace["company"], grace["title"]) == (
        "Grace", "Hopper", "US Navy", "Rear Admiral",
    )  # fmt: skip
    assert grace["emails"] == [
        {"label": "Work", "value": "grace@navy.example", "is_primary": True},
        {"label": "home", "value": "grace@example.com", "is_primary": False},
    ]
    assert grace["phone"] == "+12025550143"
    assert grace["addresses"][0]["street"] == "Pier 7\nDeck 2"
    assert grace["addresses"][0]["region"] == "VA, United States"
    assert grace["birth_date"] is None
    assert grace["notes"] == "Found the first bug, a moth; really.\nLikes clocks."
    zoe = found["Zoë Ångström"]
    assert (zoe["last_name"], zoe["notes"]) == ("Ångström", "one\ntwo")
    assert [entry["value"] for entry in zoe["phone_numbers"]] == ["+41441234567", "+41447654321"]
    assert [entry["label"] for entry in zoe["phone_numbers"]] == ["mobile", "home"]
    ada = found["Ada Lovelace"]
    # Born before what a contact takes as a day of birth.
    assert (ada["website"], ada["birth_date"]) == ("https://example.com/ada", None)
    assert [entry["value"] for entry in ada["emails"]] == ["ada@example.com", "ada@example.org"]
    assert [tag["name"] for tag in ada["tags"]] == ["Mathematicians", "myContacts"]
    juerg = found["Jürg Müller"]
    assert (juerg["company"], juerg["addresses"][0]["country"], juerg["email"]) == ("Müller", "CH", "juerg@example.ch")
    alan = found["Alan Turing"]
    assert (alan["phone"], alan["birth_date"], alan["addresses"][0]["city"]) == (
        "+441611234567", "1912-06-23", "Wilmslow",
    )  # fmt: skip


def test_the_same_file_three_times_is_one_set(alice: Person, team: Organization) -> None:
    first = imported(alice, ALL, organization=team.slug)
    before = (count_of(team.id), Contact.objects.count(), ContactTerm.objects.count(), AuditEntry.objects.count())
    for _ in range(2):
        again = imported(alice, ALL, organization=team.slug)
        assert (numbers(first), numbers(again)) == ((5, 5, 0, 0), (5, 0, 5, 0))
    after = (count_of(team.id), Contact.objects.count(), ContactTerm.objects.count(), AuditEntry.objects.count())
    assert after == before
    slug = Contact.objects.get(display_name="Alan Turing").slug
    assert again["rows"][4] == {"row": 5, "code": "known", "contact": slug}
    sequences = Contact.objects.filter(organization=team).values_list("change_seq", flat=True)
    assert len(set(sequences)) == 5
    assert max(sequences) <= count_of(team.id)


def photo_lines() -> str:
    """A picture in base64, folded."""
    text = b64encode(photo(40, 30)).decode()
    return "\r\n ".join(text[first : first + 74] for first in range(0, len(text), 74))


# How iOS and Google, Android and Outlook, and the newest form write a picture; and what is none that can be taken.
PHOTOS = {
    "PHOTO;ENCODING=b;TYPE=JPEG:{}": True,
    "PHOTO;ENCODING=BASE64;JPEG:{}\r\n": True,
    "PHOTO;TYPE=JPEG;ENCODING=BASE64:\r\n {}\r\n": True,
    "PHOTO:data:image/jpeg;base64,{}": True,
    "PHOTO:data:image/jpeg\\;base64\\,{}": True,
    "PHOTO;VALUE=uri:https://example.com/ada.jpg": False,
    "PHOTO;ENCODING=b;TYPE=JPEG:bm8gcGljdHVyZQ==": False,
    "PHOTO;ENCODING=b;TYPE=JPEG:?": False,
}


@pytest.mark.parametrize(("line", "is_taken"), PHOTOS.items(), ids=range(len(PHOTOS)))
def test_photos_become_avatars(alice: Person, files: Path, line: str, is_taken: bool) -> None:
    text = f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada\r\n{line.format(photo_lines())}\r\nEND:VCARD\r\n"
    assert numbers(imported(alice, text, dry_run="true")) == (1, 1, 0, 0)
    assert not list(files.glob("avatars/*/*"))
    assert numbers(imported(alice, text)) == (1, 1, 0, 0)
    (ada,) = listed(alice).values()
    assert (ada["avatar"] is not None) == is_taken
    assert numbers(imported(alice, text)) == (1, 0, 1, 0)
    OutboxMessage.objects.filter(done_at=None).update(due_at=timezone.now())
    while run_due():
        pass
    assert len(list(files.glob("avatars/*/*"))) == (2 if is_taken else 0)


def test_photos_beyond_the_time_for_them_are_left_out(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_PHOTO_SECONDS", 0.0)
    card = f"BEGIN:VCARD\r\nFN:{{}}\r\nPHOTO;ENCODING=b:{photo_lines()}\r\nEND:VCARD\r\n"
    assert numbers(imported(alice, card.format("Ada") + card.format("Grace"))) == (2, 2, 0, 0)
    found = listed(alice)
    assert (found["Ada"]["avatar"] is None, found["Grace"]["avatar"] is None) == (False, True)


def test_each_contact_of_a_file_is_told_of(alice: Person, team: Organization) -> None:
    imported(alice, ALL, organization=team.slug)
    told = AuditEntry.objects.filter(action="contact.created", organization_id=team.id)
    assert {(entry.target_id, entry.changes["display_name"][1]) for entry in told} == {
        (str(contact.id), contact.display_name) for contact in Contact.objects.all()
    }
    assert told.count() == 5
    assert {(entry.channel, entry.actor_id) for entry in told} == {("job", str(alice.user.id))}


def test_a_dry_run_tells_the_same_and_makes_nothing(alice: Person) -> None:
    own = alice.user.personal_organization.id
    make_contact(alice, display_name="Alan Turing", email="ALAN@example.com")
    before = (count_of(own), Contact.objects.count(), Tag.objects.count())
    dry = imported(alice, ALL + cards.GOOGLE, dry_run="true")
    assert numbers(dry) == (6, 4, 2, 0)
    assert (count_of(own), Contact.objects.count(), Tag.objects.count()) == before
    assert numbers(imported(alice, ALL + cards.GOOGLE)) == (6, 4, 2, 0)


def test_two_who_share_an_address_are_two(alice: Person) -> None:
    both = "".join(f"BEGIN:VCARD\nFN:{name}\nEMAIL:info@example.com\nEND:VCARD\n" for name in ("Ada", "Grace"))
    assert numbers(imported(alice, both)) == (2, 2, 0, 0)


def test_what_cannot_be_read_is_told_and_hinders_nobody(alice: Person) -> None:
    text = (
        "BEGIN:VCARD\nNOTE:nobody\nEND:VCARD\n"
        "BEGIN:VCARD\nFN:Cut off\n"
        "BEGIN:VCARD\nFN:Ada\x00\x07\nEMAIL:no address\nTEL:call me\nBDAY:99999999\nnonsense\n:;=\nEND:VCARD\n"
        "BEGIN:VCARD\nFN:Last and cut off"
    )
    result = imported(alice, text)
    assert numbers(result) == (4, 1, 0, 3)
    assert [(row["row"], row["code"]) for row in result["rows"]] == [
        (1, "unreadable"),
        (2, "unreadable"),
        (4, "unreadable"),
    ]
    (ada,) = listed(alice).values()
    assert ada["notes"] == "E-mail: no address\nPhone: call me"


@pytest.mark.parametrize("charset", ["idna", "punycode", "undefined", "unicode_escape", "rot13", "hex", "x", "UTF-16"])
def test_a_charset_that_is_none_is_not_believed(alice: Person, charset: str) -> None:
    name = f"FN;CHARSET={charset};ENCODING=QUOTED-PRINTABLE:Zo=C3=ABz"
    assert numbers(imported(alice, f"BEGIN:VCARD\n{name}\nEND:VCARD\n")) == (1, 1, 0, 0)
    if charset != "UTF-16":
        assert [*listed(alice)] == ["Zoëz"]


def test_a_quote_that_is_never_closed_is_a_long_cell(alice: Person) -> None:
    text = 'name,notes\nAda,"' + "endless " * 50_000
    assert numbers(imported(alice, text)) == (1, 1, 0, 0)
    assert len(listed(alice)["Ada"]["notes"]) <= 10_000


def test_tables_of_other_programs_are_read(alice: Person) -> None:
    google = (
        "First Name,Last Name,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Organization Name,Labels,Notes\r\n"
        'Ada,Lovelace,ada@example.com ::: ada@example.org,Mobile,+441234567890,Engines,* myContacts ::: VIP,"two\nlines"\r\n'
        ",,,,,,,\r\n"
    )
    assert numbers(imported(alice, google)) == (1, 1, 0, 0)
    (ada,) = listed(alice).values()
    assert (ada["display_name"], ada["company"], ada["notes"]) == ("Ada Lovelace", "Engines", "two\nlines")
    assert len(ada["emails"]) == 2
    assert [tag["name"] for tag in ada["tags"]] == ["VIP"]
    outlook = (
        "\ufeffFirst Name;Last Name;E-mail Address;Mobile Phone;Company\r\nJürg;Müller;j@example.ch;0041441234567;X\r\n"
    )
    assert numbers(imported(alice, outlook.encode("utf-16"))) == (1, 1, 0, 0)
    assert listed(alice)["Jürg Müller"]["email"] == "j@example.ch"


def test_thousands_of_cards_twice_are_one_set(alice: Person) -> None:
    text = "".join(
        f"BEGIN:VCARD\nVERSION:3.0\nFN:Name {number}\nEMAIL:n{number}@example.com\nEND:VCARD\n"
        for number in range(2_000)
    )
    assert numbers(imported(alice, text)) == (2_000, 2_000, 0, 0)
    assert numbers(imported(alice, text)) == (2_000, 0, 2_000, 0)
    assert Contact.objects.count() == 2_000
    assert list(listed(alice, q="name 1999")) == ["Name 1999"]


def test_who_may_not_any_more_imports_nothing(alice: Person, bob: Person, charlie: Person, team: Organization) -> None:
    problem_of(send(charlie, ALL, organization=team.slug), 404, "not_found")
    job = send(bob, ALL, organization=team.slug).json
    memberships.changing([bob.user.id])
    Membership.objects.filter(user=bob.user, organization=team).delete()
    while run_due():
        pass
    assert bob.get(f"tasks/{job['id']}/").json["error"] == "not_found"
    assert not Contact.objects.exists()


def test_forms_that_do_not_fit_are_refused(alice: Person) -> None:
    assert errors_of(send(alice, ALL, dry_run="yes")).keys() == {"dry_run"}
    assert errors_of(send(alice, ALL, country="Switzerland")).keys() == {"country"}
    assert errors_of(send(alice, "")).keys() == {"file"}


def test_the_file_goes(alice: Person, files: Path) -> None:
    imported(alice, ALL)
    assert len(list(files.glob("imports/*"))) == 1
    OutboxMessage.objects.filter(task="contacts.discard_import").update(due_at=timezone.now())
    while run_due():
        pass
    assert not list(files.glob("imports/*"))


# -- out


def exported(person: Person, form: str, **params: str) -> str:
    answer = person.get(f"contacts/export.{form}", **params)
    assert answer.status == 200, answer.body
    assert answer.headers["content-disposition"] == f'attachment; filename="contacts.{form}"'
    return answer.body.decode()


def test_what_is_exported_is_what_is_imported(alice: Person, charlie: Person) -> None:
    imported(alice, ALL, country="CH")
    make_contact(alice, display_name="=cmd|' /C calc'!A0", notes="+1\n-1", company="a;b,c\\d")
    told = {
        name: {field: row[field] for field in ("first_name", "company", "emails", "birth_date", "notes", "website")}
        for name, row in listed(alice).items()
    }
    for form in ("vcf", "csv"):
        text = exported(alice, form)
        again = {}
        for card in cards_of(text.encode(), country=None):
            assert card is not None
            values = card.values
            again[values["display_name"]] = values
        assert again.keys() == told.keys()
        for name, row in told.items():
            assert again[name].get("company", "") == row["company"]
            assert again[name]["notes"] == row["notes"]
            assert [e["value"] for e in again[name]["emails"]] == [e["value"] for e in row["emails"]]
            assert str(again[name].get("birth_date") or None) == str(row["birth_date"])
        assert exported(charlie, form).count("\n") <= 1
    assert all(len(line.encode()) <= 75 for line in exported(alice, "vcf").split("\r\n"))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_cell_of_a_table_is_a_formula(alice: Person, separator: str) -> None:
    """Nor in a program that takes another character for what parts cells."""
    phones = [{"value": value} for value in ("+41441234567", "+41441234568")]
    for name in ("=1+1", "+1", "-1", "@SUM(A1)", " =1", "＝1", "Ada;=1+1", "Ada; @1", 'Ada";"=1'):
        notes = "\t=1\n=2\n\n- three;=4\t+5"
        alice.post("contacts/", {"display_name": name, "phone_numbers": phones, "notes": notes})
    text = exported(alice, "csv")
    for row in csv.reader(io.StringIO(text), delimiter=separator):
        for cell in row:
            assert cell.strip(' "')[:1] not in {"=", "+", "-", "@", "＝"}
    again = [card.values for card in cards_of(text.encode(), country=None) if card is not None]
    assert {values["display_name"] for values in again} >= {"=1+1", "Ada;=1+1", 'Ada";"=1'}
    assert {values["notes"] for values in again} == {"=1\n=2\n\n- three;=4\t+5"}
    assert all(len(values["phone_numbers"]) == 2 for values in again)


def test_an_export_is_narrowed_as_the_list_is(alice: Person, bob: Person, team: Organization) -> None:
    make_contact(alice, display_name="Mine")
    ours = make_contact(bob, team, display_name="Ours")
    alice.post(f"orgs/{team.slug}/tags/contacts/contact/{ours.slug}/", ["VIP"])
    for params in (
        {"filter[org]": team.slug},
        {"filter[tag]": "vip"},
        {"q": "our"},
        {"filter[creator]": bob.user.username},
    ):
        assert exported(alice, "vcf", **params).count("FN:Ours") == 1
        assert "Mine" not in exported(alice, "vcf", **params)
    problem_of(alice.get("contacts/export.csv", **{"filter[org]": "nobodys-aaaaaa"}), 404, "not_found")
    assert alice.get("contacts/export.csv", **{"filter[x]": "y"}).status == 400


@pytest.mark.parametrize("name", ["limit", "cursor", "total", "fields"])
def test_an_export_has_no_pages(alice: Person, name: str) -> None:
    for form in ("vcf", "csv"):
        answer = alice.get(f"contacts/export.{form}", **{name: "1"})
        assert problem_of(answer, 400, "unknown_parameter")["parameter"] == name


def test_an_export_goes_over_all_pages(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    from api.apis.contacts.selectors import searching

    monkeypatch.setattr(searching, "_EXPORTED_AT_ONCE", 3)
    for number in range(8):
        make_contact(alice, display_name=f"C{number}")
    assert exported(alice, "csv").count("\r\n") == 9
    assert exported(alice, "csv", q="c").count("\r\n") == 9
