"""Who belongs to a group: reading, roles, removal, leaving, handing over; and the owner who has to stay."""

import pytest

from api.apis.auth import services as auth
from api.apis.orgs import services
from api.models import AuditEntry, Membership, Organization, Role, User
from api.platform import callers, memberships
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of, queries

pytestmark = pytest.mark.django_db


def roles(team: Organization) -> dict[str, str]:
    return dict(Membership.objects.filter(organization=team).values_list("user__username", "role"))


def become(person: Person, team: Organization, role: Role) -> None:
    memberships.changing([person.user.id])
    Membership.objects.update_or_create(user=person.user, organization=team, defaults={"role": role})


def confirm(*people: Person) -> None:
    User.objects.filter(id__in=[person.user.id for person in people]).update(is_email_confirmed=True)


def at(team: Organization, person: Person) -> str:
    return f"orgs/{team.slug}/members/{person.user.username}/"


# -- reading


def test_members_see_members(alice: Person, bob: Person, charlie: Person, team: Organization) -> None:
    for person in (alice, bob):
        person.get(f"orgs/{team.slug}/members/")
        with queries() as asked:
            page = person.get(f"orgs/{team.slug}/members/", total="true").json
        assert asked == []  # but for the one of the members, whose table is counted with the gate
        assert [row["username"] for row in page["data"]] == [alice.user.username, bob.user.username]
        assert [row["role"] for row in page["data"]] == ["owner", "member"]
        assert page["meta"]["total"] == 2
        assert page["data"][0].keys() == {"username", "role", "joined_at"}
    problem_of(charlie.get(f"orgs/{team.slug}/members/"), 404, "not_found")
    assert bob.get(at(team, alice)).json["role"] == "owner"
    assert bob.get(at(team, alice).replace(alice.user.username, alice.user.username.upper())).status == 200
    for name in (charlie.user.username, "nobody", "x" * 300, "%00", "🍣" * 80):
        problem_of(bob.get(f"orgs/{team.slug}/members/{name}/"), 404, "not_found")


def test_members_are_paged_sorted_and_filtered(alice: Person, bob: Person, team: Organization) -> None:
    def names(**params: str) -> list[str]:
        return [row["username"] for row in alice.get(f"orgs/{team.slug}/members/", **params).json["data"]]

    assert names(sort="-username") == sorted([alice.user.username, bob.user.username], reverse=True)
    assert names(**{"filter[role]": "member"}) == [bob.user.username]
    assert names(**{"filter[role]": "nothing"}) == []
    first = alice.get(f"orgs/{team.slug}/members/", limit="1").json
    assert names(limit="1", cursor=first["meta"]["next"]) == [bob.user.username]


# -- roles


def test_an_admin_gives_roles_but_does_not_touch_owners(
    alice: Person, bob: Person, charlie: Person, team: Organization
) -> None:
    become(bob, team, Role.ADMIN)
    become(charlie, team, Role.MEMBER)
    confirm(alice, bob, charlie)
    for role in ("admin", "billing", "member"):
        changed = bob.patch(at(team, charlie), {"role": role})
        assert (changed.status, changed.json["role"]) == (200, role)
    problem_of(bob.patch(at(team, charlie), {"role": "owner"}), 403, "forbidden")
    problem_of(bob.patch(at(team, alice), {"role": "member"}), 403, "forbidden")
    problem_of(bob.delete(at(team, alice)), 403, "forbidden")
    assert errors_of(bob.patch(at(team, charlie), {"role": "god"})) == {"role": "invalid_choice"}
    assert roles(team) == {
        alice.user.username: "owner",
        bob.user.username: "admin",
        charlie.user.username: "member",
    }
    told = AuditEntry.objects.filter(action="org.member_role_changed", target_id=str(charlie.user.id))
    assert [row.changes["role"] for row in told.order_by("id")] == [
        ["member", "admin"],
        ["admin", "billing"],
        ["billing", "member"],
    ]


def test_the_same_role_again_changes_nothing(alice: Person, bob: Person, team: Organization) -> None:
    assert alice.patch(at(team, bob), {"role": "member"}).status == 200
    assert not AuditEntry.objects.filter(action="org.member_role_changed").exists()


def test_an_owner_is_somebody_active_and_confirmed(alice: Person, bob: Person, team: Organization) -> None:
    problem_of(alice.patch(at(team, bob), {"role": "owner"}), 409, "person_not_confirmed")
    problem_of(
        alice.post(f"orgs/{team.slug}/transfer-ownership/", {"username": bob.user.username}),
        409,
        "person_not_confirmed",
    )
    confirm(bob)
    User.objects.filter(id=bob.user.id).update(is_active=False)
    problem_of(alice.patch(at(team, bob), {"role": "owner"}), 409, "person_not_confirmed")
    User.objects.filter(id=bob.user.id).update(is_active=True)
    assert alice.patch(at(team, bob), {"role": "owner"}).json["role"] == "owner"


def test_a_demoted_owner_does_not_stand_for_the_group_any_more(alice: Person, bob: Person, team: Organization) -> None:
    become(bob, team, Role.OWNER)
    assert alice.patch(at(team, alice), {"role": "member"}).json["role"] == "member"
    team.refresh_from_db()
    assert team.owner_id == bob.user.id
    problem_of(alice.patch(at(team, bob), {"role": "member"}), 403, "forbidden")


# -- going


def test_who_is_removed_or_leaves_is_out_at_once(
    alice: Person, bob: Person, charlie: Person, team: Organization
) -> None:
    become(charlie, team, Role.BILLING)
    assert bob.get(f"orgs/{team.slug}/").status == charlie.get(f"orgs/{team.slug}/").status == 200
    assert alice.delete(at(team, bob)).status == 204
    assert charlie.post(f"orgs/{team.slug}/leave/").status == 204
    for person in (bob, charlie):
        problem_of(person.get(f"orgs/{team.slug}/"), 404, "not_found")
    problem_of(alice.delete(at(team, bob)), 404, "not_found")
    assert set(AuditEntry.objects.filter(organization_id=team.id).values_list("action", flat=True)) == {
        "org.member_removed",
        "org.member_left",
    }


def test_members_remove_nobody(bob: Person, charlie: Person, team: Organization) -> None:
    become(charlie, team, Role.MEMBER)
    problem_of(bob.delete(at(team, charlie)), 403, "forbidden")
    problem_of(bob.patch(at(team, charlie), {"role": "billing"}), 403, "forbidden")


def test_a_personal_organization_keeps_its_person(alice: Person) -> None:
    own = alice.user.personal_organization
    for answer in (
        alice.delete(at(own, alice)),
        alice.patch(at(own, alice), {"role": "member"}),
        alice.post(f"orgs/{own.slug}/leave/"),
        alice.post(f"orgs/{own.slug}/transfer-ownership/", {"username": alice.user.username}),
    ):
        problem_of(answer, 409, "personal_organization")
    assert roles(own) == {alice.user.username: "owner"}


# -- handing over


def test_a_group_is_handed_over(alice: Person, bob: Person, team: Organization) -> None:
    confirm(bob)
    path = f"orgs/{team.slug}/transfer-ownership/"
    problem_of(bob.post(path, {"username": bob.user.username}), 403, "forbidden")
    handed = alice.post(path, {"username": bob.user.username})
    assert (handed.status, handed.json["owner"], handed.json["role"]) == (200, bob.user.username, "admin")
    assert roles(team) == {alice.user.username: "admin", bob.user.username: "owner"}
    assert AuditEntry.objects.get(action="org.ownership_transferred").changes == {
        "owner": [str(alice.user.id), str(bob.user.id)]
    }
    problem_of(alice.post(path, {"username": alice.user.username}), 403, "forbidden")
    assert bob.post(path, {"username": bob.user.username}).json["role"] == "owner"


def test_a_group_is_handed_to_members_only(alice: Person, charlie: Person, team: Organization) -> None:
    confirm(charlie)
    answer = alice.post(f"orgs/{team.slug}/transfer-ownership/", {"username": charlie.user.username})
    problem_of(answer, 404, "not_found")
    assert roles(team)[alice.user.username] == "owner"


# -- the last owner


def test_the_last_owner_stays_by_every_way_out(alice: Person, bob: Person, team: Organization) -> None:
    become(bob, team, Role.ADMIN)
    told = {"organizations": [{"id": str(team.id), "slug": team.slug, "name": "Team"}]}
    for answer in (
        alice.post(f"orgs/{team.slug}/leave/"),
        alice.delete(at(team, alice)),
        alice.patch(at(team, alice), {"role": "admin"}),
    ):
        assert problem_of(answer, 409, "last_owner").items() >= told.items()
    with pytest.raises(services.LastOwner):
        auth.deactivate_person(callers.command(), user_id=alice.user.id)
    assert User.objects.get(id=alice.user.id).is_active
    assert roles(team)[alice.user.username] == "owner"


def test_an_owner_who_is_shut_out_does_not_count(alice: Person, bob: Person, team: Organization) -> None:
    become(bob, team, Role.OWNER)
    auth.deactivate_person(callers.command(), user_id=bob.user.id)
    problem_of(alice.post(f"orgs/{team.slug}/leave/"), 409, "last_owner")
    assert alice.delete(at(team, bob)).status == 204


def test_with_another_owner_one_may_go(alice: Person, bob: Person, team: Organization) -> None:
    become(bob, team, Role.OWNER)
    assert alice.post(f"orgs/{team.slug}/leave/").status == 204
    team.refresh_from_db()
    assert (team.owner_id, roles(team)) == (bob.user.id, {bob.user.username: "owner"})


def test_a_personal_organization_keeps_nobody_from_being_shut_out(bob: Person, team: Organization) -> None:
    auth.deactivate_person(callers.command(), user_id=bob.user.id)
    assert not User.objects.get(id=bob.user.id).is_active


def test_a_deleted_group_needs_no_owner(alice: Person, team: Organization) -> None:
    alice.post(f"orgs/{team.slug}/delete/", {"name": "Team"})
    auth.deactivate_person(callers.command(), user_id=alice.user.id)


def test_a_role_that_was_lost_since_the_gate_is_not_believed(
    alice: Person, bob: Person, charlie: Person, team: Organization
) -> None:
    """The service looks again under the lock: what the request was let in with may be a moment old."""
    become(bob, team, Role.ADMIN)
    become(charlie, team, Role.MEMBER)
    late = callers.Caller(
        kind="user", channel="api", user_id=bob.user.id, memberships=memberships.of_person(bob.user.id)
    )
    become(bob, team, Role.MEMBER)
    with pytest.raises(services.ownership.Forbidden):
        services.remove_member(late, organization=team.slug, username=charlie.user.username)
    Membership.objects.filter(user=bob.user, organization=team).delete()
    with pytest.raises(services.ownership.NotThere):
        services.remove_member(late, organization=team.slug, username=charlie.user.username)
    assert charlie.user.username in roles(team)


def test_raw_calls_without_a_membership_find_nothing(alice: Person, team: Organization) -> None:
    for caller in (callers.command(), callers.job()):
        with pytest.raises(services.ownership.NotThere):
            services.remove_member(caller, organization=team.slug, username=alice.user.username)
