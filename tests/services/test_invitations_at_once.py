"""Invitations and keys under several hands: one invitation, one membership, one successor."""

from collections import Counter
from functools import partial

import pytest
from handset_client import Client
from handset_client.outcomes import accept

from api.models import ApiKey, Invitation, Membership, Organization, Role, User
from tests import factories
from tests.services.conftest import Deployment
from tests.services.crowds import answers_of, at_once, posting

pytestmark = pytest.mark.services

ROUNDS = 10


@pytest.fixture
def owner(deployed: Deployment) -> tuple[Client, Organization]:
    phone = deployed.phone()
    return phone, factories.group(deployed.person(phone, "alice"), name="Inviting")


def confirmed(deployed: Deployment) -> tuple[Client, User]:
    phone = deployed.phone(deployed.base_urls[1])
    person = deployed.person(phone, "invited")
    User.objects.filter(id=person.id).update(is_email_confirmed=True)
    return phone, person


def test_an_address_that_is_invited_often_at_once_has_one_invitation(
    deployed: Deployment, owner: tuple[Client, Organization]
) -> None:
    phone, group = owner
    for number in range(ROUNDS):
        email = f"often-{number}-{group.slug}@example.com"
        answers = answers_of(deployed.copies(phone, 8), posting(f"orgs/{group.slug}/invitations/", {"email": email}))
        assert Counter(answer.status for answer in answers) == {201: 1, 200: 7}
        assert Invitation.objects.filter(email=email).count() == 1


def test_who_accepts_often_at_once_is_a_member_once(deployed: Deployment, owner: tuple[Client, Organization]) -> None:
    phone, group = owner
    for _ in range(ROUNDS):
        invited, person = confirmed(deployed)
        row = accept(phone.request("POST", f"orgs/{group.slug}/invitations/", {"email": person.email})).json
        answers = answers_of(deployed.copies(invited, 8), posting("invitations/accept/", {"id": row["id"]}))
        # Who came while another was at it finds it taken; the repeat finds it done.
        assert {answer.status for answer in answers} <= {200, 404}
        assert accept(invited.request("POST", "invitations/accept/", {"id": row["id"]})).json["role"] == "member"
        assert Membership.objects.filter(user=person, organization=group).count() == 1


def test_an_invitation_is_accepted_or_taken_back(deployed: Deployment, owner: tuple[Client, Organization]) -> None:
    phone, group = owner
    seen: Counter[tuple[int, int]] = Counter()
    for _ in range(ROUNDS):
        invited, person = confirmed(deployed)
        row = accept(phone.request("POST", f"orgs/{group.slug}/invitations/", {"email": person.email})).json
        path = f"orgs/{group.slug}/invitations/{row['id']}/"

        joined, revoked = at_once(
            [
                partial(invited.request, "POST", "invitations/accept/", {"id": row["id"]}),
                partial(phone.request, "DELETE", path),
            ]
        )

        seen[joined.status, revoked.status] += 1
        is_member = Membership.objects.filter(user=person, organization=group).exists()
        assert (joined.status == 200) == is_member == (revoked.status == 404), seen
    assert seen.keys() <= {(200, 404), (404, 204)}


def test_a_deleted_group_takes_nobody_in(deployed: Deployment, owner: tuple[Client, Organization]) -> None:
    phone, _ = owner
    for _ in range(ROUNDS):
        group = accept(phone.request("POST", "orgs/", {"name": "Ending"})).json
        invited, person = confirmed(deployed)
        row = accept(phone.request("POST", f"orgs/{group['slug']}/invitations/", {"email": person.email})).json

        joined, ended = at_once(
            [
                partial(invited.request, "POST", "invitations/accept/", {"id": row["id"]}),
                partial(phone.request, "POST", f"orgs/{group['slug']}/delete/", {"name": "Ending"}),
            ]
        )

        assert ended.status == 202
        assert joined.status in {200, 404}
        assert invited.request("GET", f"orgs/{group['slug']}/").status == 404


def test_a_key_that_is_rotated_often_at_once_has_one_successor(
    deployed: Deployment, owner: tuple[Client, Organization]
) -> None:
    phone, group = owner
    path = f"orgs/{group.slug}/api-keys/"
    for _ in range(ROUNDS):
        made = accept(phone.request("POST", path, {"name": "Sync", "scopes": ["contacts:*"]})).json
        answers = answers_of(deployed.copies(phone, 6), posting(f"{path}{made['id']}/rotate/", {}))
        assert Counter((answer.status, answer.code) for answer in answers) == {
            (201, ""): 1,
            (409, "api_key_rotated"): 5,
        }
        assert ApiKey.objects.filter(predecessor=made["id"]).count() == 1
    assert Membership.objects.get(organization=group, role=Role.OWNER)
