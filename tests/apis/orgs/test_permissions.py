"""Who may do what: the table of actions and roles, call by call, and how the environment tightens it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import pytest
from handset_client import Answer
from pytest_django import Settings

from api.apis.orgs import selectors
from api.models import Contact, Membership, Organization, Role
from api.platform import memberships
from core.checks import permissions_are_known
from tests.apis.contacts.rows import make_contact
from tests.conftest import Person
from tests.http.answers import problem_of

pytestmark = pytest.mark.django_db

OWNERS = {Role.OWNER}
ADMINS = {Role.OWNER, Role.ADMIN}
ANNOUNCED = {"bytes": 1, "media_type": "image/jpeg", "sha256": "A" * 43 + "="}
WORKERS = {Role.OWNER, Role.ADMIN, Role.MEMBER}
EVERYONE = set(Role)


@dataclass(frozen=True)
class Scene:
    """Somebody in front of a team and one of its contacts."""

    person: Person
    team: Organization
    contact: Contact

    @property
    def path(self) -> str:
        return f"contacts/{self.contact.slug}/"

    @property
    def tags(self) -> str:
        return f"orgs/{self.team.slug}/tags/contacts/{self.path.replace('contacts', 'contact')}"

    @property
    def images(self) -> str:
        return f"images/orgs/{self.team.slug}/"

    @property
    def on_contact(self) -> str:
        return f"{self.images}images/contacts/{self.path.replace('contacts', 'contact')}"


class Action(NamedTuple):
    """A call that needs a permission, and the roles that have it by default."""

    roles: set[Role]
    status: int  # of who may: a success, or what is said of a body that would end the scene
    call: Callable[[Scene], Answer]


ACTIONS: dict[str, list[Action]] = {
    "org.read": [Action(EVERYONE, 200, lambda scene: scene.person.get(f"orgs/{scene.team.slug}/"))],
    "org.update": [Action(ADMINS, 200, lambda scene: scene.person.patch(f"orgs/{scene.team.slug}/", {"name": "Team"}))],
    "org.delete": [
        Action(OWNERS, 400, lambda scene: scene.person.post(f"orgs/{scene.team.slug}/delete/", {"name": "another"})),
        Action(
            OWNERS,
            400,
            lambda scene: scene.person.phone.request("DELETE", f"orgs/{scene.team.slug}/", {"name": "another"}),
        ),
    ],
    "org.transfer": [
        Action(
            OWNERS,
            404,
            lambda scene: scene.person.post(f"orgs/{scene.team.slug}/transfer-ownership/", {"username": "nobody"}),
        )
    ],
    "members.read": [
        Action(EVERYONE, 200, lambda scene: scene.person.get(f"orgs/{scene.team.slug}/members/")),
        Action(
            EVERYONE,
            200,
            lambda scene: scene.person.get(f"orgs/{scene.team.slug}/members/{scene.person.user.username}/"),
        ),
    ],
    "members.manage": [
        Action(
            ADMINS,
            404,
            lambda scene: scene.person.patch(f"orgs/{scene.team.slug}/members/nobody/", {"role": "member"}),
        ),
        Action(ADMINS, 404, lambda scene: scene.person.delete(f"orgs/{scene.team.slug}/members/nobody/")),
    ],
    "invitations.manage": [
        Action(ADMINS, 200, lambda scene: scene.person.get(f"orgs/{scene.team.slug}/invitations/")),
        Action(
            ADMINS,
            409,
            lambda scene: scene.person.post(f"orgs/{scene.team.slug}/invitations/", {"email": scene.person.email}),
        ),
        Action(
            ADMINS, 404, lambda scene: scene.person.delete(f"orgs/{scene.team.slug}/invitations/{scene.contact.id}/")
        ),
        Action(
            ADMINS,
            404,
            lambda scene: scene.person.post(f"orgs/{scene.team.slug}/invitations/{scene.contact.id}/resend/"),
        ),
    ],
    "api_keys.manage": [
        Action(ADMINS, 200, lambda scene: scene.person.get(f"orgs/{scene.team.slug}/api-keys/")),
        Action(ADMINS, 404, lambda scene: scene.person.delete(f"orgs/{scene.team.slug}/api-keys/{scene.contact.id}/")),
        Action(
            ADMINS,
            404,
            lambda scene: scene.person.post(f"orgs/{scene.team.slug}/api-keys/{scene.contact.id}/rotate/", {}),
        ),
    ],
    "audit.read": [Action(ADMINS, 200, lambda scene: scene.person.get(f"orgs/{scene.team.slug}/audit/"))],
    "export.create": [
        Action(ADMINS, 200, lambda scene: scene.person.get(f"orgs/{scene.team.slug}/export/")),
        Action(ADMINS, 202, lambda scene: scene.person.post(f"orgs/{scene.team.slug}/export/")),
        Action(ADMINS, 404, lambda scene: scene.person.get(f"orgs/{scene.team.slug}/export/{scene.contact.id}/")),
        Action(ADMINS, 404, lambda scene: scene.person.delete(f"orgs/{scene.team.slug}/export/{scene.contact.id}/")),
        Action(
            ADMINS, 404, lambda scene: scene.person.post(f"orgs/{scene.team.slug}/export/{scene.contact.id}/retry/")
        ),
    ],
    "contacts.read": [
        Action(EVERYONE, 200, lambda scene: scene.person.get(scene.path)),
        Action(EVERYONE, 200, lambda scene: scene.person.get("contacts/", **{"filter[org]": scene.team.slug})),
        Action(
            EVERYONE, 200, lambda scene: scene.person.get("contacts/duplicates/", **{"filter[org]": scene.team.slug})
        ),
    ],
    "contacts.create": [
        Action(
            WORKERS,
            201,
            lambda scene: scene.person.post("contacts/", {"organization": scene.team.slug, "display_name": "New"}),
        )
    ],
    "contacts.update": [
        Action(WORKERS, 200, lambda scene: scene.person.patch(scene.path, {"title": "Dr"})),
        Action(WORKERS, 200, lambda scene: scene.person.put(scene.path, {"display_name": "New"})),
        Action(WORKERS, 204, lambda scene: scene.person.delete(f"{scene.path}avatar/")),
    ],
    "contacts.delete": [
        Action(WORKERS, 204, lambda scene: scene.person.delete(scene.path)),
        Action(WORKERS, 200, lambda scene: scene.person.post(f"{scene.path}restore/")),
        Action(
            WORKERS,
            400,
            lambda scene: scene.person.post(
                "contacts/merge/", {"winner": scene.contact.slug, "loser": scene.contact.slug}
            ),
        ),
    ],
    "tags.read": [
        Action(EVERYONE, 200, lambda scene: scene.person.get(f"orgs/{scene.team.slug}/tags/")),
        Action(EVERYONE, 200, lambda scene: scene.person.get(scene.tags)),
    ],
    "tags.write": [
        Action(WORKERS, 200, lambda scene: scene.person.post(scene.tags, ["VIP"])),
        Action(WORKERS, 204, lambda scene: scene.person.delete(f"{scene.tags}vip/")),
    ],
    "images.read": [
        Action(EVERYONE, 200, lambda scene: scene.person.get(f"{scene.images}images/")),
        Action(EVERYONE, 200, lambda scene: scene.person.get(scene.on_contact)),
    ],
    "images.write": [
        Action(WORKERS, 200, lambda scene: scene.person.post(f"{scene.images}bulk-delete/", {"ids": [1]})),
        Action(WORKERS, 201, lambda scene: scene.person.post(f"{scene.images}uploads/", ANNOUNCED)),
    ],
}


@pytest.fixture
def contact(alice: Person, team: Organization) -> Contact:
    return make_contact(alice, team, display_name="Grace")


def become(person: Person, team: Organization, role: Role) -> None:
    memberships.changing([person.user.id])
    Membership.objects.filter(user=person.user, organization=team).update(role=role)


def test_the_table_is_complete() -> None:
    """A new action has its calls in here; the least privileged role is on no line but the reading ones."""
    assert ACTIONS.keys() == selectors.PERMISSIONS.keys()
    for action, roles in selectors.PERMISSIONS.items():
        assert set(roles) <= EVERYONE
        assert (Role.BILLING in roles) == (action.endswith(".read") and action != "audit.read")


@pytest.mark.parametrize("action", ACTIONS)
def test_a_role_may_do_what_the_table_says(bob: Person, team: Organization, contact: Contact, action: str) -> None:
    for role in Role:
        become(bob, team, role)
        for expected in ACTIONS[action]:
            answer = expected.call(Scene(bob, team, contact))
            if role in expected.roles:
                assert answer.status == expected.status, (role, answer.body)
            else:
                problem_of(answer, 403, "forbidden")


def test_what_a_role_may_not_do_changes_nothing(bob: Person, team: Organization, contact: Contact) -> None:
    become(bob, team, Role.BILLING)
    before = list(Contact.objects.values().order_by("id"))
    seq = Organization.objects.get(id=team.id).change_seq
    for actions in ACTIONS.values():
        for action in actions:
            action.call(Scene(bob, team, contact))
    assert list(Contact.objects.values().order_by("id")) == before
    assert Organization.objects.get(id=team.id).change_seq == seq


def test_an_outsider_may_do_nothing_and_learns_nothing(charlie: Person, team: Organization, contact: Contact) -> None:
    for actions in ACTIONS.values():
        for action in actions:
            problem_of(action.call(Scene(charlie, team, contact)), 404, "not_found")


@pytest.mark.parametrize("action", ACTIONS)
def test_the_environment_tightens_a_line(
    bob: Person, team: Organization, contact: Contact, settings: Settings, action: str
) -> None:
    settings.ORG_PERMISSIONS = json.dumps({action: [Role.OWNER, Role.ADMIN]})
    for role in Role:
        become(bob, team, role)
        for expected in ACTIONS[action]:
            answer = expected.call(Scene(bob, team, contact))
            assert answer.status == (expected.status if role in {Role.OWNER, Role.ADMIN} else 403), answer.body


def test_the_environment_may_loosen_a_line_too(
    bob: Person, team: Organization, contact: Contact, settings: Settings
) -> None:
    settings.ORG_PERMISSIONS = '{"contacts.update": ["billing"]}'
    become(bob, team, Role.BILLING)
    assert bob.patch(f"contacts/{contact.slug}/", {"title": "Dr"}).status == 200
    become(bob, team, Role.OWNER)
    problem_of(bob.patch(f"contacts/{contact.slug}/", {"title": "Prof"}), 403, "forbidden")


def test_the_other_lines_stay_as_they_are(
    bob: Person, team: Organization, contact: Contact, settings: Settings
) -> None:
    settings.ORG_PERMISSIONS = '{"contacts.delete": ["owner"]}'
    problem_of(bob.delete(f"contacts/{contact.slug}/"), 403, "forbidden")
    assert bob.patch(f"contacts/{contact.slug}/", {"title": "Dr"}).status == 200


def test_what_may_not_be_read_is_not_listed_or_found(
    bob: Person, team: Organization, contact: Contact, settings: Settings
) -> None:
    mine = make_contact(bob, display_name="Grace too")
    for params in ({}, {"q": "grace"}, {"total": "true"}):
        assert len(bob.get("contacts/", **params).json["data"]) == 2
    settings.ORG_PERMISSIONS = '{"contacts.read": ["owner", "admin"]}'
    for params in ({}, {"q": "grace"}, {"total": "true"}):
        answer = bob.get("contacts/", **params).json
        assert [row["id"] for row in answer["data"]] == [str(mine.id)]
        assert answer["meta"].get("total", 1) == 1
    problem_of(bob.get("contacts/", **{"filter[org]": team.slug}), 403, "forbidden")


@pytest.mark.parametrize("overrides", ['{"contacts.fly": ["owner"]}', "not JSON", "7", "null"])
def test_a_table_with_unknown_lines_refuses_the_start(settings: Settings, overrides: str) -> None:
    settings.ORG_PERMISSIONS = overrides
    assert [error.id for error in permissions_are_known(None)] == ["handset.E005"]


@pytest.mark.parametrize("overrides", ["{}", '{"contacts.read": []}', '{"org.read": ["owner", "billing"]}'])
def test_a_table_that_is_understood_does_not(settings: Settings, overrides: str) -> None:
    settings.ORG_PERMISSIONS = overrides
    assert not list(permissions_are_known(None))
