"""What all lists of the CMS have: chosen columns, tables for a spreadsheet, saved filters."""

import csv
import io
import re
from http import HTTPStatus

import pytest
from django.urls import reverse

from api.cms.lists import ListPage
from api.cms.urls import urlpatterns
from api.models import AuditEntry, Device, SavedFilter, User

pytestmark = pytest.mark.django_db

LISTS = {p.name: p.callback.view_class for p in urlpatterns if issubclass(p.callback.view_class, ListPage)}
STANDING = [
    name for name, view in LISTS.items() if not next(p for p in urlpatterns if p.name == name).pattern.converters
]


def table(response) -> list[list[str]]:
    assert response.status_code == HTTPStatus.OK
    return list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode())))


def headings(page: str) -> list[str]:
    return re.findall(r'<th role="columnheader" scope="col">([^<]+)</th>', page)


@pytest.mark.parametrize("name", STANDING)
def test_every_list_shows_any_column_that_it_has(staff, alice, name):
    for column in LISTS[name].columns:
        page = staff.text(f"{reverse(f'cms:{name}')}?column={column.name}&column=none-such")
        if headings(page):
            wanted = {str(LISTS[name].columns[0].label), str(column.label)}
            assert set(headings(page)) >= wanted


@pytest.mark.parametrize("name", STANDING)
def test_every_list_is_a_table_too(root, alice, name):
    lines = table(root.get(f"{reverse(f'cms:{name}')}?as=csv"))
    assert lines[0][0] == LISTS[name].columns[0].name
    entry = AuditEntry.objects.get(action="staff.list_exported")
    assert (entry.target_id, entry.actor_id) == (LISTS[name].name, str(root.user.id))


def test_a_table_holds_the_whole_list_as_it_is_narrowed(staff, new_user, settings):
    settings.PAGE_LIMIT_DEFAULT = 2
    shut = [new_user(f"zoe{number}", is_active=False).username for number in range(5)]
    new_user("adam")
    page = staff.text("/cms/users/?status=deactivated&column=email")
    assert headings(page) == ["Person", "E-mail address"]
    lines = table(staff.get("/cms/users/?status=deactivated&column=email&as=csv"))
    assert lines[0] == ["username", "email"]
    assert [line[0] for line in lines[1:]] == list(reversed(shut))
    entry = AuditEntry.objects.get(action="staff.list_exported")
    assert entry.changes["filters"] == [None, {"status": "deactivated"}]


def test_a_table_is_read_in_chunks(staff, new_user, monkeypatch):
    monkeypatch.setattr("api.cms.lists._CHUNK", 2)
    made = [new_user(f"zoe{number}").username for number in range(5)]
    lines = table(staff.get("/cms/users/?as=csv"))
    assert [line[0] for line in lines[1:]] == [*reversed(made), staff.user.username]


def test_what_is_personal_stays_here_unless_the_role_may_take_it_away(new_staff, new_user):
    new_user("zoe")
    support = new_staff(roles=["Support"])
    assert "@example.com" in support.text("/cms/users/")
    response = support.get("/cms/users/?as=csv&column=email&column=first_name&column=status")
    assert table(response)[0] == ["username", "status"]


def test_no_cell_is_a_formula(staff, alice):
    Device.objects.filter(live_session__user=alice.user).update(name='=HYPERLINK("http://evil","x")')
    lines = table(staff.get("/cms/devices/?as=csv"))
    assert lines[1][0] == '\'=HYPERLINK("http://evil","x")'


def test_filters_that_make_no_sense_make_no_table(staff):
    response = staff.get("/cms/devices/?platform=none&as=csv")
    assert response["Content-Type"].startswith("text/html")


def test_people_are_told_apart_by_status(staff, new_user):
    shut, guest = new_user("zoe", is_active=False), new_user("gus")
    User.objects.filter(id=guest.id).update(is_guest=True)
    cases = {"deactivated": shut, "guest": guest, "staff": staff.user}
    for status, person in cases.items():
        for query in (f"status={status}", f"status={status}&q={person.username[:3]}"):
            page = staff.text(f"/cms/users/?{query}")
            assert re.findall(r'rowheader" scope="row"><a href="/cms/users/[^"]+">([^<]+)</a>', page) == [
                person.username
            ]


def save(staff, **fields: str):
    values = {"list": "users", "querystring": "status=deactivated", "name": "Shut out", "scope": "private"}
    return staff.post("/cms/filters/", **{**values, **fields})


def test_a_filter_is_saved_and_leads_back(staff):
    answer = save(staff)
    assert answer["Location"] == "/cms/users/?status=deactivated"
    page = staff.text("/cms/users/?status=deactivated")
    assert '<a class="chip" href="?status=deactivated" aria-current="true">Shut out</a>' in page
    save(staff, querystring="status=guest")  # the same name again
    assert SavedFilter.objects.get().querystring == "status=guest"


def test_a_filter_is_its_owners_unless_it_is_for_all(staff, new_staff):
    save(staff)
    save(staff, name="Guests", querystring="status=guest", scope="everyone")
    page = new_staff("lea", roles=["Support"]).text("/cms/users/")
    assert "Guests" in page
    assert "Shut out" not in page


def test_filters_are_moved_and_deleted_by_their_owner_only(staff, new_staff):
    for name in ("one", "two", "three"):
        save(staff, name=name, scope="everyone")

    def order() -> list[str]:
        return list(SavedFilter.objects.order_by("position").values_list("name", flat=True))

    three = SavedFilter.objects.get(name="three")
    staff.post(f"/cms/filters/{three.id}/", step="-1")
    assert order() == ["one", "three", "two"]
    other = new_staff("lea")
    assert other.post(f"/cms/filters/{three.id}/", step="-1").status_code == HTTPStatus.NOT_FOUND
    other.post(f"/cms/filters/{three.id}/", delete="")
    assert order() == ["one", "three", "two"]
    staff.post(f"/cms/filters/{three.id}/", delete="")
    assert order() == ["one", "two"]
    assert staff.get(f"/cms/filters/{three.id}/").status_code == HTTPStatus.METHOD_NOT_ALLOWED


@pytest.mark.parametrize("fields", [{"name": ""}, {"scope": "world"}, {"name": "x" * 61}])
def test_a_filter_that_cannot_be_kept_is_said_at_the_field(staff, fields):
    answer = save(staff, **fields)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "status=deactivated" in answer.content.decode()
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize("name", ["nowhere", "user", "//evil.example"])
def test_a_filter_of_no_list_is_refused(staff, name):
    assert save(staff, list=name).status_code == HTTPStatus.NOT_FOUND


def test_one_person_keeps_fifty_filters(staff, monkeypatch):
    monkeypatch.setattr("api.apis.staff.services.filters.FILTERS_MAX", 1)
    save(staff)
    assert save(staff, name="Another").status_code == HTTPStatus.CONFLICT
