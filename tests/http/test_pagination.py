"""Lists come in pages that neither repeat nor lose a row, and take what they document and nothing else."""

import base64
import random
from collections.abc import Callable
from typing import Any

import pytest
from handset_client import Answer

from api.models import Contact, Organization
from tests import factories
from tests.apis.contacts.rows import make_contact
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of

pytestmark = pytest.mark.django_db

SORTS = ["display_name", "first_name", "last_name", "email", "created_at", "updated_at"]


def page(person: Person, path: str = "contacts/", **params: Any) -> Answer:
    answer = person.get(path, **params)
    assert answer.status == 200, answer.body
    return answer


def names(answer: Answer) -> list[str]:
    return [row["display_name"] for row in answer.json["data"]]


def walk(person: Person, path: str = "contacts/", **params: Any) -> list[list[dict[str, Any]]]:
    """All pages of a list, from the first to the last."""
    pages, cursor = [], {}
    while True:
        answer = page(person, path, **params, **cursor)
        pages.append(answer.json["data"])
        if answer.json["meta"]["next"] is None:
            return pages
        cursor = {"cursor": answer.json["meta"]["next"]}


@pytest.fixture
def letters(alice: Person) -> list[Contact]:
    """Twelve contacts of alice, A to L."""
    return [make_contact(alice, display_name=letter) for letter in "ABCDEFGHIJKL"]


def test_a_list_is_data_and_meta(alice: Person) -> None:
    assert page(alice).json == {"data": [], "meta": {"next": None, "prev": None}}
    assert page(alice, total="true").json == {"data": [], "meta": {"next": None, "prev": None, "total": 0}}


@pytest.mark.usefixtures("letters")
def test_pages_are_walked_forward_and_back(alice: Person) -> None:
    first = page(alice, limit=5)
    second = page(alice, limit=5, cursor=first.json["meta"]["next"])
    third = page(alice, limit=5, cursor=second.json["meta"]["next"])
    assert ["".join(names(answer)) for answer in (first, second, third)] == ["ABCDE", "FGHIJ", "KL"]
    assert first.json["meta"]["prev"] is None
    assert third.json["meta"]["next"] is None
    back = page(alice, limit=5, cursor=third.json["meta"]["prev"])
    assert "".join(names(back)) == "FGHIJ"
    start = page(alice, limit=5, cursor=back.json["meta"]["prev"])
    assert "".join(names(start)) == "ABCDE"
    assert start.json["meta"]["prev"] is None
    assert names(page(alice, limit=5, cursor=start.json["meta"]["next"])) == names(second)


@pytest.mark.usefixtures("letters")
def test_the_size_of_a_page_and_the_total_may_change_on_the_way(alice: Person) -> None:
    cursor = page(alice, limit=2).json["meta"]["next"]
    answer = page(alice, limit=3, cursor=cursor, total="true")
    assert "".join(names(answer)) == "CDE"
    assert answer.json["meta"]["total"] == 12
    assert "total" not in page(alice, cursor=cursor, total="false").json["meta"]


@pytest.mark.usefixtures("letters")
def test_a_page_holds_25_unless_it_says_otherwise(alice: Person) -> None:
    for number in range(15):
        make_contact(alice, display_name=f"Z{number}")
    assert len(page(alice).json["data"]) == 25
    assert len(page(alice, limit=100).json["data"]) == 27


def test_every_order_ends_in_a_unique_key(alice: Person) -> None:
    # All alike in whatever can be sorted by.
    made = [
        make_contact(alice, display_name="Ada", first_name="Ada", last_name="L", email="a@example.com")
        for _ in range(7)
    ]
    Contact.objects.update(created_at=made[0].created_at, updated_at=made[0].updated_at)
    for sort in SORTS:
        for direction in ("", "-"):
            pages = walk(alice, sort=f"{direction}{sort}", limit=2)
            assert [len(rows) for rows in pages] == [2, 2, 2, 1]
            ids = sorted((str(contact.id) for contact in made), reverse=bool(direction))
            assert [row["id"] for rows in pages for row in rows] == ids


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    "sort", ["display_name", "-display_name", "created_at", "-email,last_name", "first_name,-updated_at"]
)
def test_no_row_is_repeated_or_lost_while_others_come_and_go(alice: Person, sort: str, seed: int) -> None:
    rng = random.Random(f"{sort}{seed}")
    organizations = [None, *(factories.group(alice.user, name=name) for name in ("One", "Two"))]

    def make() -> Contact:
        letter, name = rng.choice("abcdé"), rng.choice("xyz")
        values = {"display_name": letter, "first_name": name, "email": f"{letter}@example.com"}
        return make_contact(alice, rng.choice(organizations), **values)

    stable = {str(make().id) for _ in range(12)}
    fleeting = [make() for _ in range(6)]
    seen: list[str] = []
    turned_back: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = page(alice, sort=sort, limit=rng.randint(1, 4), **cursor)
        seen += [row["id"] for row in answer.json["data"]]
        make()
        if fleeting:
            alice.delete(f"contacts/{fleeting.pop(rng.randrange(len(fleeting))).id}/")
        if answer.json["meta"]["next"] is None:
            break
        cursor = {"cursor": answer.json["meta"]["next"]}
    assert len(seen) == len(set(seen))
    assert stable <= set(seen)
    # And back again from where it ended.
    while answer.json["meta"]["prev"] is not None:
        answer = page(alice, sort=sort, limit=rng.randint(1, 4), cursor=answer.json["meta"]["prev"])
        turned_back = [row["id"] for row in answer.json["data"]] + turned_back
        make()
    assert len(turned_back) == len(set(turned_back))
    order = [row for row in turned_back if row in stable]
    assert order == [row for row in seen if row in stable][: len(order)]


def test_the_row_that_a_cursor_was_made_at_may_be_gone(alice: Person, letters: list[Contact]) -> None:
    answer = page(alice, limit=3)
    for contact in letters[2:5]:
        assert alice.delete(f"contacts/{contact.slug}/").status == 204
    assert "".join(names(page(alice, limit=3, cursor=answer.json["meta"]["next"]))) == "FGH"


# -- cursors


Cursors = Callable[[], str]


@pytest.fixture
def cursor(alice: Person, letters: list[Contact]) -> str:
    """The cursor of alice's second page."""
    answer = page(alice, limit=2)
    assert names(answer) == ["A", "B"]
    return str(answer.json["meta"]["next"])


def test_a_cursor_with_any_character_changed_is_refused(alice: Person, cursor: str) -> None:
    for position in range(len(cursor)):
        character = "A" if cursor[position] != "A" else "B"
        changed = cursor[:position] + character + cursor[position + 1 :]
        problem_of(alice.get("contacts/", cursor=changed), 400, "invalid_cursor")


def test_a_cursor_that_is_none_is_refused(alice: Person, cursor: str) -> None:
    data = base64.urlsafe_b64decode(cursor + "==")
    unsigned = base64.urlsafe_b64encode(data[16:]).rstrip(b"=").decode()
    forged = base64.urlsafe_b64encode(bytes(16) + data[16:]).rstrip(b"=").decode()
    for other in (
        "",
        "x",
        "null",
        "0",
        "é",
        "🍣",
        cursor[:-1],
        cursor + "A",
        cursor + "=",
        f" {cursor}",
        cursor * 2,
        unsigned,
        forged,
    ):
        problem_of(alice.get("contacts/", cursor=other), 400, "invalid_cursor")
    assert alice.get("contacts/", cursor="A" * 2001).status == 400


@pytest.mark.parametrize(
    "changed",
    [
        {"sort": "display_name"},  # the default, but spelled
        {"sort": "-display_name"},
        {"sort": "created_at"},
        {"q": "a"},
        {"filter[creator]": "somebody"},
        {"filter[updated_since]": "2020-01-01T00:00:00Z"},
    ],
)
def test_a_cursor_of_another_query_is_refused(alice: Person, cursor: str, changed: dict[str, str]) -> None:
    problem_of(alice.get("contacts/", cursor=cursor, **changed), 400, "invalid_cursor")


def test_a_cursor_of_another_filter_is_refused(alice: Person, bob: Person) -> None:
    teams = [factories.group(alice.user, name=name) for name in ("One", "Two")]
    for team in teams:
        for letter in "AB":
            make_contact(alice, team, display_name=letter)
    params = [{"filter[org]": team.slug} for team in teams]
    cursor = page(alice, limit=1, **params[0]).json["meta"]["next"]
    assert names(page(alice, cursor=cursor, **params[0])) == ["B"]
    problem_of(alice.get("contacts/", cursor=cursor, **params[1]), 400, "invalid_cursor")
    problem_of(alice.get("contacts/", cursor=cursor), 400, "invalid_cursor")


def test_a_cursor_of_somebody_else_is_refused(alice: Person, bob: Person, cursor: str) -> None:
    problem_of(bob.get("contacts/", cursor=cursor), 400, "invalid_cursor")
    assert page(alice, cursor=cursor)


def test_a_cursor_of_another_list_is_refused(alice: Person, cursor: str) -> None:
    factories.group(alice.user)
    problem_of(alice.get("orgs/", cursor=cursor), 400, "invalid_cursor")
    other = page(alice, "orgs/", limit=1).json["meta"]["next"]
    problem_of(alice.get("contacts/", cursor=other), 400, "invalid_cursor")
    assert len(page(alice, "orgs/", cursor=other).json["data"]) == 1


def test_a_cursor_fits_both_forms_of_the_address(alice: Person, cursor: str) -> None:
    assert names(page(alice, "contacts", cursor=cursor, limit=2)) == ["C", "D"]


# -- parameters


LISTS = ["contacts/", "orgs/"]


@pytest.mark.parametrize("path", LISTS)
def test_a_limit_is_from_1_to_100(alice: Person, path: str, subtests: pytest.Subtests) -> None:
    for taken in ("1", "100", "007", "0025"):
        with subtests.test(taken):
            assert alice.get(path, limit=taken).status == 200
    for refused in (
        "0",
        "101",
        "-1",
        "+1",
        "1.0",
        "1e1",
        "",
        " ",
        " 5",
        "5 ",
        "²",
        "٢٥",
        "①",
        "x",
        "0x10",
        "None",
        "1000000000",
        "9" * 1000,
        "1_0",
    ):
        with subtests.test(refused[:20]):
            assert errors_of(alice.get(path, limit=refused)) == {"limit": "invalid"}


@pytest.mark.parametrize("path", LISTS)
def test_a_total_is_true_or_false(alice: Person, path: str) -> None:
    for refused in ("", "1", "yes", "True", "TRUE", "null"):
        assert errors_of(alice.get(path, total=refused)) == {"total": "invalid"}


@pytest.mark.parametrize("path", LISTS)
def test_a_parameter_that_is_not_documented_is_refused(alice: Person, path: str) -> None:
    for name in (
        "page",
        "offset",
        "format",
        "filter",
        "filter[]",
        "filter[id]",
        "filter[organization]",
        "Limit",
        "q[]",
        "",
        "limit[]",
        "access_token",
    ):
        document = problem_of(alice.get(path, **{name: "1"}), 400, "unknown_parameter")
        assert document["parameter"] == name


def test_a_search_is_known_only_where_there_is_one(alice: Person) -> None:
    problem_of(alice.get("orgs/", q="a"), 400, "unknown_parameter")


@pytest.mark.parametrize("path", LISTS)
def test_a_parameter_that_stands_twice_is_refused(alice: Person, path: str) -> None:
    for name in ("limit", "cursor", "sort", "total"):
        document = problem_of(alice.get(path, **{name: ["1", "1"]}), 400, "unknown_parameter")
        assert document["parameter"] == name
    problem_of(alice.get("contacts/", **{"filter[org]": ["a", "b"]}), 400, "unknown_parameter")


@pytest.mark.parametrize(
    ("path", "allowed"), [("contacts/", SORTS), ("orgs/", ["name", "created_at"])], ids=["contacts", "orgs"]
)
def test_a_sort_is_one_of_those_that_are_documented(alice: Person, path: str, allowed: list[str]) -> None:
    for name in allowed:
        assert alice.get(path, sort=name).status == alice.get(path, sort=f"-{name}").status == 200
    assert alice.get(path, sort=",".join(allowed)).status == 200
    for refused in (
        "",
        "id",
        "-",
        "--created_at",
        "created_at,",
        ",created_at",
        "created_at,created_at",
        "created_at,-created_at",
        "+created_at",
        " created_at",
        "CREATED_AT",
        "organization",
        "notes",
        "owner__password",
        "created_at__year",
        "?",
        "rank",
        "change_seq",
        "pk",
    ):
        assert errors_of(alice.get(path, sort=refused)) == {"sort": "invalid"}


def test_a_filter_takes_several_values_and_means_any(alice: Person, bob: Person, team: Organization) -> None:
    mine, ours = make_contact(alice), make_contact(alice, team)
    own = alice.user.personal_organization.slug
    assert len(page(alice, **{"filter[org]": f"{own},{team.slug}"}).json["data"]) == 2
    assert [row["id"] for row in page(alice, **{"filter[org]": str(team.id)}).json["data"]] == [str(ours.id)]
    assert [row["id"] for row in page(alice, **{"filter[org]": own}).json["data"]] == [str(mine.id)]
    # A stranger's organization among one's own is not there.
    other = bob.user.personal_organization.slug
    problem_of(alice.get("contacts/", **{"filter[org]": f"{own},{other}"}), 404, "not_found")
    problem_of(alice.get("contacts/", **{"filter[org]": f"{own},nobodys-aaaaaa"}), 404, "not_found")
