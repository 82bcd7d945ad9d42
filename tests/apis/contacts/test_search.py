"""`GET contacts/?q=`: every term begins a word somewhere, whatever its case, accents and order; the best come first."""

from typing import Any

import pytest

from api.apis.contacts.selectors import searching
from api.models import Contact, ContactTerm, Organization
from tests.apis.contacts.rows import make_contact
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of

pytestmark = pytest.mark.django_db


def found(person: Person, query: str, **params: Any) -> list[str]:
    answer = person.get("contacts/", q=query, **params)
    assert answer.status == 200, (query, answer.body)
    return [row["display_name"] for row in answer.json["data"]]


def finds(person: Person, name: str, *queries: str) -> None:
    for query in queries:
        assert found(person, query) == [name], query


def misses(person: Person, *queries: str) -> None:
    for query in queries:
        assert found(person, query) == [], query


# -- words


def test_a_word_is_found_by_its_beginning(alice: Person) -> None:
    make_contact(alice, display_name="Grace Hopper")
    finds(alice, "Grace Hopper", "g", "gr", "grace", "hop", "hopper", "GRACE", "hOPPER")
    misses(alice, "race", "opper", "graces", "gracehopper", "x")


def test_accents_and_case_make_no_difference(alice: Person) -> None:
    make_contact(alice, display_name="Zoë Ångström-Müller")
    finds(
        alice,
        "Zoë Ångström-Müller",
        "zoe",
        "ZOË",
        "Zoe\u0308",
        "angstrom",
        "ÅNGSTRÖM",
        "muller",
        "müller",
        "Angstrom-muller",
    )
    make_contact(alice, display_name="Hans Straße")
    finds(alice, "Hans Straße", "strasse", "STRASSE", "straße", "STRAẞE", "stra")


def test_names_of_two_letters_and_of_one_are_names(alice: Person) -> None:
    for name in ("Li Na", "Bo Xi", "Ng A"):
        make_contact(alice, display_name=name)
    finds(alice, "Li Na", "li", "na", "na li")
    finds(alice, "Bo Xi", "bo", "xi")
    finds(alice, "Ng A", "ng", "a", "a ng")


def test_terms_come_in_any_order_and_each_must_match(alice: Person) -> None:
    make_contact(alice, display_name="Ada Lovelace", company="Analytical Engines", notes="Met at the opera")
    finds(alice, "Ada Lovelace", "ada lovelace", "lovelace ada", "opera ada engines", "  ada ,; lovelace  ", "ada ada")
    misses(alice, "ada hopper", "opera grace", "ada lovelace x")


def test_every_part_of_a_contact_that_is_searched(alice: Person) -> None:
    make_contact(
        alice,
        display_name="Display",
        first_name="Firstname",
        last_name="Lastname",
        company="Company & Sons",
        emails=[{"label": "", "value": "local.part+tag@sub.example.com", "is_primary": True}],
        notes="Some\nnotes",
        title="Title",
        location="Location",
        custom_fields={"key": "value"},
    )
    finds(alice, "Display", "display", "firstname", "lastname", "company", "sons", "notes")
    finds(alice, "Display", "local", "part", "tag", "sub", "example", "local.part", "part+tag@sub.example.com")
    misses(alice, "title", "location", "key", "value")


def test_words_end_where_letters_do(alice: Person) -> None:
    make_contact(alice, display_name="O'Brien-Smith_Jones, Jr. (ex)")
    finds(alice, "O'Brien-Smith_Jones, Jr. (ex)", "o'brien", "brien", "smith", "jones", "jr", "ex", "smith_jones")


# -- telephone numbers


def test_a_number_is_found_however_it_is_grouped(alice: Person) -> None:
    make_contact(alice, display_name="Ada", phone="+41441234567")
    finds(alice, "Ada", "+41441234567", "+41 44 123 45 67", "0041 44 123 45 67", "41-44-123")
    finds(
        alice, "Ada", "044 123 45 67", "0441234567", "(044) 123-45-67", "044/123.45.67", "44 123", "+41", "0041", "044"
    )
    misses(alice, "123 45 67", "67", "+41 44 123 45 68", "+1 44")


def test_all_numbers_of_a_contact_are_found(alice: Person) -> None:
    numbers = [{"value": "+41441234567"}, {"value": "+1 (415) 555-2671"}]
    alice.post("contacts/", {"display_name": "Ada", "phone_numbers": numbers})
    finds(alice, "Ada", "044 123", "415 555 2671", "+1 415", "4155552671")


def test_a_number_may_stand_beside_a_name(alice: Person) -> None:
    make_contact(alice, display_name="Ada", phone="+41441234567")
    finds(alice, "Ada", "ada 0441234567", "+41441234567 ada")


# -- other scripts


def test_names_of_every_script_are_found(alice: Person) -> None:
    for name in ("田中太郎", "Владимир Ленский", "محمد علي", "שלום כהן", "Μαρία Παπά", "한지민", "สมชาย", "ｱｲｳ ﾀﾅｶ"):
        make_contact(alice, display_name=name)
    finds(alice, "田中太郎", "田", "田中", "田中太郎")
    finds(alice, "Владимир Ленский", "владимир", "ЛЕН", "ленский владимир")
    finds(alice, "محمد علي", "محمد", "علي", "مُحَمَّد")  # with and without the vowels
    finds(alice, "שלום כהן", "שלום", "כהן", "\u200fשלום\u200f", "שָׁלוֹם")
    finds(alice, "Μαρία Παπά", "μαρια", "ΜΑΡΙΑ", "παπα")
    finds(alice, "한지민", "한", "한지", "\u1112\u1161\u11ab")
    finds(alice, "สมชาย", "สม")
    finds(alice, "ｱｲｳ ﾀﾅｶ", "アイウ", "タナカ", "ﾀﾅｶ")


def test_wide_letters_are_letters(alice: Person) -> None:
    make_contact(alice, display_name="Ada Lovelace")
    finds(alice, "Ada Lovelace", "Ａｄａ", "ａｄａ　ｌｏｖｅ")


def test_emoji_are_no_words(alice: Person) -> None:
    make_contact(alice, display_name="🍣 Sushi 👨‍👩‍👧")
    finds(alice, "🍣 Sushi 👨‍👩‍👧", "sushi", "🍣 sushi", "👨‍👩‍👧 sushi", "sushi🍺")
    misses(alice, "🍣", "👨‍👩‍👧", "🍺")


def test_what_has_no_words_finds_nothing(alice: Person, team: Organization) -> None:
    make_contact(alice, display_name="Ada")
    make_contact(alice, team, display_name="Ada")
    misses(alice, "-", "...", "+", "()", "%", "_", "*", "'", '"', "\\", "\u200d", "@", "、")
    answer = alice.get("contacts/", q="%", total="true", sort="-created_at", limit="1")
    assert answer.json == {"data": [], "meta": {"next": None, "prev": None, "total": 0}}


def test_nothing_to_look_for_is_the_whole_list(alice: Person) -> None:
    for name in ("Ada", "Grace"):
        make_contact(alice, display_name=name)
    assert found(alice, "") == ["Ada", "Grace"]


def test_signs_of_query_languages_are_just_signs(alice: Person) -> None:
    make_contact(alice, display_name="Ada %_* Lovelace")
    make_contact(alice, display_name="Adb")
    finds(alice, "Ada %_* Lovelace", "ada%", "ada_", "ada*", "%ada", "ada' --")


# -- bounds


def test_a_query_has_two_hundred_characters(alice: Person) -> None:
    make_contact(alice, display_name="Ada")
    assert found(alice, ("ada " * 50)[:200]) == ["Ada"]
    assert errors_of(alice.get("contacts/", q="a" * 201)) == {"q": "invalid"}
    assert found(alice, "🍣" * 197 + "ada") == ["Ada"]  # characters, not bytes
    assert errors_of(alice.get("contacts/", q="🍣" * 201)) == {"q": "invalid"}


def test_ten_terms_are_looked_for(alice: Person) -> None:
    make_contact(alice, display_name="a b c d e f g h i j k")
    finds(alice, "a b c d e f g h i j k", "a b c d e f g h i j", "j i h g f e d c b a")
    misses(alice, "a b c d e f g h i x")
    # What stands behind them does not matter any more.
    finds(alice, "a b c d e f g h i j k", "a b c d e f g h i j x")


def test_a_long_word_is_found_by_its_beginning(alice: Person) -> None:
    word = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
    make_contact(alice, display_name=word)
    finds(alice, word, word, word[:39], word[:41], "donau")


def test_long_notes_are_searched_to_their_end(alice: Person) -> None:
    notes = " ".join(f"word{number}" for number in range(1100))
    assert len(notes) <= 10_000
    make_contact(alice, display_name="Ada", notes=notes)
    finds(alice, "Ada", "word0", "word1099", "word500 word501")
    assert ContactTerm.objects.count() == 1101


def test_notes_of_one_word_without_end_are_kept_and_found(alice: Person) -> None:
    make_contact(alice, display_name="Ada", notes="x" * 10_000)
    finds(alice, "Ada", "xxx")


# -- order


def test_a_name_counts_more_than_an_address_and_an_address_more_than_a_note(alice: Person) -> None:
    make_contact(alice, display_name="Z notes", notes="turing")
    make_contact(alice, display_name="Y company", company="Turing Inc")
    make_contact(alice, display_name="X mail", email="turing@example.com")
    make_contact(alice, display_name="W name", last_name="Turing")
    assert found(alice, "turing") == ["W name", "X mail", "Y company", "Z notes"]


def test_several_terms_count_together(alice: Person) -> None:
    make_contact(alice, display_name="A", notes="alan turing")
    make_contact(alice, display_name="B", first_name="Alan", notes="turing")
    make_contact(alice, display_name="C", first_name="Alan", last_name="Turing")
    assert found(alice, "alan turing") == found(alice, "turing alan") == ["C", "B", "A"]


def test_a_word_counts_once_by_its_best_place(alice: Person) -> None:
    make_contact(alice, display_name="A", notes="turing " * 50)
    make_contact(alice, display_name="B", last_name="Turing")
    assert found(alice, "turing") == ["B", "A"]


def test_equals_are_sorted_as_asked(alice: Person) -> None:
    for name in ("Ada B", "Ada C", "Ada A"):
        make_contact(alice, display_name=name)
    make_contact(alice, display_name="Z", notes="ada")
    assert found(alice, "ada") == ["Ada A", "Ada B", "Ada C", "Z"]
    assert found(alice, "ada", sort="-display_name") == ["Ada C", "Ada B", "Ada A", "Z"]
    assert found(alice, "ada", sort="created_at") == ["Ada B", "Ada C", "Ada A", "Z"]


def test_ranked_pages_neither_repeat_nor_lose(alice: Person, team: Organization) -> None:
    for number in range(9):
        place = ("first_name", "company", "notes")[number % 3]
        make_contact(alice, team if number % 2 else None, display_name=f"C{number}", **{place: "turing"})
    whole = found(alice, "turing")
    assert len(whole) == 9
    pages, cursor = [], {}
    for _ in range(5):
        answer = alice.get("contacts/", q="turing", limit="2", **cursor)
        pages += [row["display_name"] for row in answer.json["data"]]
        cursor = {"cursor": answer.json["meta"]["next"]}
    assert pages == whole
    back = alice.get("contacts/", q="turing", limit="8", cursor=answer.json["meta"]["prev"])
    assert [row["display_name"] for row in back.json["data"]] == whole[:8]


# -- whose


def test_only_what_one_may_read_is_found(alice: Person, bob: Person, charlie: Person, team: Organization) -> None:
    make_contact(alice, display_name="Ada of Alice")
    make_contact(bob, display_name="Ada of Bob")
    make_contact(bob, team, display_name="Ada of ours")
    assert found(alice, "ada") == ["Ada of Alice", "Ada of ours"]
    assert found(bob, "ada") == ["Ada of Bob", "Ada of ours"]
    assert found(charlie, "ada") == []
    assert found(alice, "ada", **{"filter[org]": team.slug}) == ["Ada of ours"]
    assert alice.get("contacts/", q="ada", total="true").json["meta"]["total"] == 2


# -- what it may cost


def test_a_search_that_everything_matches_is_ended(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    organization_id = alice.user.personal_organization.id
    contacts = [
        Contact(organization_id=organization_id, slug=f"c-{number}", display_name=f"C{number}", change_seq=number)
        for number in range(1, 301)
    ]
    Contact.objects.bulk_create(contacts)
    ContactTerm.objects.bulk_create(
        (
            ContactTerm(organization_id=organization_id, contact=contact, term=letter, weight=1)
            for contact in contacts
            for letter in "abcdefghij"
        ),
        batch_size=1000,
    )
    broad = {"q": "a b c d e f g h i j", "limit": "1"}
    assert len(alice.get("contacts/", q="a", limit="1").json["data"]) == 1
    # Three thousand words are not read and weighed in this time anywhere.
    monkeypatch.setattr(searching, "_SEARCH_SECONDS", 0.002)
    problem_of(alice.get("contacts/", **broad), 400, "search_too_broad")
    assert alice.get("contacts/", limit="1").status == 200
