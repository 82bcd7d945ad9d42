"""Organizations in the CMS: the list, the search by slug, the members."""

import re

import pytest

from api.models import Organization, Role, User
from tests import factories

pytestmark = pytest.mark.django_db


def listed(page: str) -> list[str]:
    return re.findall(r'<th role="rowheader" scope="row"><a href="/cms/orgs/([^"]+)/">', page)


def behind(page: str) -> str:
    found = re.search(r'rel="next" href="([^"]+)"', page)
    assert found is not None
    return found[1].replace("&amp;", "&")


def test_the_newest_come_first(staff, new_user):
    groups = [factories.group(staff.user, name=f"Group {number}") for number in range(3)]
    personal = Organization.objects.get(personal_of=staff.user)
    assert listed(staff.text("/cms/orgs/")) == [str(group.id) for group in [*reversed(groups), personal]]


def test_organizations_are_found_by_how_the_slug_begins_page_by_page(staff, settings):
    settings.PAGE_LIMIT_DEFAULT = 2
    found = sorted((factories.group(staff.user, name=f"Acme {n}") for n in range(3)), key=lambda group: group.slug)
    factories.group(staff.user, name="Bcme")
    page = staff.text("/cms/orgs/?q=ACME-")
    assert listed(page) == [str(group.id) for group in found[:2]]
    assert listed(staff.text(f"/cms/orgs/{behind(page)}")) == [str(found[2].id)]


def test_an_organization_is_found_by_its_id(staff):
    group = factories.group(staff.user)
    assert listed(staff.text(f"/cms/orgs/?q={str(group.id).upper()}")) == [str(group.id)]


@pytest.mark.parametrize("typed", ["nothing", "%25", "\ufdfa" * 60, "00000000-0000-7000-8000-000000000000"])
def test_a_search_that_finds_nothing_says_so(staff, typed):
    page = staff.text(f"/cms/orgs/?q={typed}")
    assert listed(page) == []
    assert "Check the spelling" in page


def test_a_list_costs_the_same_however_long_it_is(staff, django_assert_num_queries):
    # session, person, roles, saved filters, list, the session's expiry with its savepoint (3)
    for number in range(8):
        factories.group(staff.user, name=f"Group {number}")
        if number in (0, 7):
            with django_assert_num_queries(8):
                staff.text("/cms/orgs/")


def test_members_are_listed_with_their_roles(staff, new_user):
    owner, admin, away = new_user("olga"), new_user("adam"), new_user("anna")
    group = factories.group(owner, {admin: Role.ADMIN, away: Role.MEMBER})
    User.objects.filter(id=away.id).update(is_active=False)
    page = staff.text(f"/cms/orgs/{group.id}/")
    rows = re.findall(r"<tr role=\"row\">(.*?)</tr>", page, re.DOTALL)[1:]
    expected = [(owner, "Owner"), (admin, "Admin"), (away, "Member")]
    for row, (person, role) in zip(rows, expected, strict=True):
        assert f"/cms/users/{person.id}/" in row
        assert person.email in row
        assert re.search(rf">\s*{role}\s*<", row)
    assert "Deactivated" in rows[2]


def test_members_come_in_pages(staff, new_user, settings, django_assert_num_queries):
    settings.PAGE_LIMIT_DEFAULT = 2
    group = factories.group(staff.user, {new_user(f"m{number}"): Role.MEMBER for number in range(3)})
    # session, staff, roles, organization, members, invitations, keys, exports, audit (2), the session's expiry with its savepoint (3)
    with django_assert_num_queries(13):
        page = staff.text(f"/cms/orgs/{group.id}/")
    assert page.count("/cms/users/") - page.count('"/cms/users/"') >= 2
    second = staff.text(f"/cms/orgs/{group.id}/{behind(page)}")
    names = [set(re.findall(r'rowheader" scope="row"><a href="[^"]+">([^<]+)', part)) for part in (page, second)]
    assert len(names[0]) == len(names[1]) == 2
    assert not names[0] & names[1]


def test_a_cursor_of_another_organization_means_the_first_page(staff, new_user, settings):
    settings.PAGE_LIMIT_DEFAULT = 1
    one = factories.group(staff.user, {new_user("adam"): Role.MEMBER})
    other = factories.group(staff.user, {new_user("anna"): Role.MEMBER})
    foreign = behind(staff.text(f"/cms/orgs/{one.id}/"))
    page = staff.text(f"/cms/orgs/{other.id}/{foreign}")
    assert re.findall(r'rowheader" scope="row"><a href="[^"]+">([^<]+)', page) == [staff.user.username]
