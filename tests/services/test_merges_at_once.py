"""Many phones merge the contacts of one organization at once: each ends in one that is there, and nothing is lost."""

import random
from collections import Counter
from functools import partial

import pytest
from handset_client import Client
from handset_client.outcomes import accept

from api.models import Contact, ContactIdentity, Organization, Role, TagLink, User
from tests import factories
from tests.services.conftest import Deployment
from tests.services.crowds import answers_of, at_once, posting

pytestmark = pytest.mark.services

THREADS, TURNS = 8, 12
CONTACTS = 20  # as many addresses as one contact has: any of them can be merged


@pytest.fixture
def team(deployed: Deployment) -> tuple[list[Client], Organization]:
    """A group with two people, each on a phone of their own, at different servers."""
    phones = deployed.phones(2)
    people: list[User] = [deployed.person(phone, f"merger{index}") for index, phone in enumerate(phones)]
    return phones, factories.group(people[0], {people[1]: Role.MEMBER}, name="Doubles")


def made(phone: Client, organization: Organization, number: int) -> str:
    """The slug of a contact that shares its name with some others, with an address and a tag that nobody else has."""
    body = {"display_name": f"Name {number % 5}", "email": f"c{number}@example.com"}
    slug: str = accept(phone.request("POST", "contacts/", {"organization": organization.slug, **body})).json["slug"]
    accept(phone.request("POST", f"orgs/{organization.slug}/tags/contacts/contact/{slug}/", [f"t{number}"]))
    return slug


def require_whole(organization: Organization) -> None:
    """Each contact has a count of its own; what was merged leads to one that is there; each value has one first."""
    contacts = list(Contact.objects.filter(organization=organization).select_related("merged_into"))
    numbers = [contact.change_seq for contact in contacts]
    assert len(set(numbers)) == len(numbers)
    organization.refresh_from_db()
    assert max(numbers) <= organization.change_seq
    for contact in contacts:
        assert (contact.merged_into is None) == (contact.deleted_at is None)
        assert contact.merged_into is None or contact.merged_into.deleted_at is None
    values = Counter(ContactIdentity.objects.filter(organization=organization).values_list("value", "is_repeat"))
    assert {value for value, _ in values} == {value for value, is_repeat in values if not is_repeat}
    assert all(number == 1 for (_, is_repeat), number in values.items() if not is_repeat)


def test_nothing_is_lost_whoever_merges_what(deployed: Deployment, team: tuple[list[Client], Organization]) -> None:
    phones, organization = team
    slugs = [made(phones[0], organization, number) for number in range(CONTACTS)]
    apps = [app for phone in phones for app in deployed.copies(phone, THREADS // len(phones))]

    def merge(app: Client, number: int) -> Counter[int]:
        chance, seen = random.Random(number), Counter[int]()
        for _ in range(TURNS):
            # Where two threads have the same two, in whatever order, one of them comes too late.
            winner, loser = chance.sample(slugs, 2)
            answer = app.request("POST", "contacts/merge/", {"winner": winner, "loser": loser})
            assert answer.status in {200, 404}, answer.body
            seen[answer.status] += 1
            if chance.random() < 0.3:
                app.request("PATCH", f"contacts/{winner}/", {"title": str(number)})
        return seen

    seen = sum(at_once(partial(merge, app, number) for number, app in enumerate(apps)), Counter[int]())

    assert seen[200]
    assert seen[404]
    require_whole(organization)
    there = list(Contact.objects.filter(organization=organization, deleted_at=None))
    addresses = [entry["value"] for contact in there for entry in contact.emails]
    assert sorted(addresses) == sorted(f"c{number}@example.com" for number in range(CONTACTS))
    links = TagLink.objects.filter(organization=organization)
    assert links.count() == CONTACTS
    assert set(links.values_list("object_id", flat=True)) <= {contact.id for contact in there}
    for slug in slugs:
        assert accept(phones[1].request("GET", f"contacts/{slug}/")).json["deleted_at"] is None


def test_the_same_merge_twenty_times_is_one(deployed: Deployment, team: tuple[list[Client], Organization]) -> None:
    phones, organization = team
    winner, loser = (made(phones[0], organization, number) for number in range(2))

    answers = answers_of(deployed.copies(phones[0], 20), posting("contacts/merge/", {"winner": winner, "loser": loser}))

    assert Counter(answer.status for answer in answers) == {200: 20}
    assert len({answer.body for answer in answers}) == 1
    assert Contact.objects.get(slug=winner).version == 2
    require_whole(organization)


def test_of_two_that_are_merged_into_each_other_one_stays(
    deployed: Deployment, team: tuple[list[Client], Organization]
) -> None:
    phones, organization = team
    for turn in range(5):
        pair = [made(phones[0], organization, 10 * turn + number) for number in range(2)]
        asked = [
            partial(phone.request, "POST", "contacts/merge/", {"winner": winner, "loser": loser})
            for phone, (winner, loser) in zip(phones, (pair, pair[::-1]), strict=True)
        ]
        assert sorted(answer.status for answer in at_once(asked)) == [200, 404]
        there = Contact.objects.filter(slug__in=pair, deleted_at=None).get()
        assert len(there.emails) == 2
    require_whole(organization)
