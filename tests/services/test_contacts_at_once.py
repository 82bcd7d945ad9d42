"""Many phones write into one organization at once: nothing is lost, nothing doubled, every change has its number."""

import itertools
import threading
from collections import Counter
from functools import partial

import pytest
from handset_client import Client, uuid7
from handset_client.outcomes import accept

from api.models import Contact, Organization, Role, User
from tests import factories
from tests.services.conftest import Deployment
from tests.services.crowds import answers_of, at_once, posting

pytestmark = pytest.mark.services

THREADS = 20
WRITES = 25


@pytest.fixture
def team(deployed: Deployment) -> tuple[list[Client], Organization]:
    """A group with four people, each on a phone of their own, at different servers."""
    phones = deployed.phones(4)
    people: list[User] = [deployed.person(phone, f"member{index}") for index, phone in enumerate(phones)]
    members = dict.fromkeys(people[1:], Role.MEMBER)
    return phones, factories.group(people[0], members, name="Busy")


def _require_gapless(organization: Organization, changes: int) -> None:
    """Every change moved the organization's count by one; each contact carries the number of its last one."""
    organization.refresh_from_db()
    assert organization.change_seq == changes
    numbers = list(Contact.objects.filter(organization=organization).values_list("change_seq", flat=True))
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) == changes


def test_five_hundred_writes_have_five_hundred_numbers(
    deployed: Deployment, team: tuple[list[Client], Organization]
) -> None:
    """Twenty threads create, change and delete; half of the changes meet on the same five contacts."""
    phones, organization = team
    shared = [
        accept(phones[0].request("POST", "contacts/", {"organization": organization.slug, "first_name": f"S{index}"}))
        for index in range(5)
    ]
    apps = [app for phone in phones for app in deployed.copies(phone, THREADS // len(phones))]

    def write(app: Client, number: int) -> Counter[str]:
        """25 writes of one thread, and how many of each kind there were."""
        done: Counter[str] = Counter()
        mine: list[str] = []
        for turn in range(WRITES):
            kind = ("create", "update", "shared", "shared", "delete")[turn % 5]
            if kind == "create":
                body = {"organization": organization.slug, "first_name": f"T{number}", "notes": f"turn {turn}"}
                mine.append(accept(app.request("POST", "contacts/", body)).json["slug"])
            elif kind == "update":
                accept(app.request("PATCH", f"contacts/{mine[-1]}/", {"company": f"C{number}-{turn}"}))
            elif kind == "shared":
                target = shared[(number + turn) % len(shared)].json["slug"]
                accept(app.request("PATCH", f"contacts/{target}/", {"title": f"{number}-{turn}"}))
            else:
                accept(app.request("DELETE", f"contacts/{mine.pop()}/"))
            done[kind] += 1
        return done

    done = sum(at_once(partial(write, app, number) for number, app in enumerate(apps)), Counter())

    assert sum(done.values()) == THREADS * WRITES
    _require_gapless(organization, len(shared) + THREADS * WRITES)
    touched = Contact.objects.filter(slug__in=[answer.json["slug"] for answer in shared])
    assert sum(contact.version - 1 for contact in touched) == done["shared"]
    own = Contact.objects.filter(organization=organization, first_name__startswith="T")
    assert Counter(own.values_list("version", flat=True)) == {3: done["create"]}  # made, changed, deleted
    assert own.filter(deleted_at=None).count() == 0


def test_two_phones_that_change_different_fields_do_not_undo_each_other(
    deployed: Deployment, team: tuple[list[Client], Organization]
) -> None:
    phones, organization = team
    made = accept(phones[0].request("POST", "contacts/", {"organization": organization.slug, "first_name": "Grace"}))
    slug = made.json["slug"]

    def keep_changing(phone: Client, field: str) -> None:
        for turn in range(WRITES):
            answer = accept(phone.request("PATCH", f"contacts/{slug}/", {field: f"{field} {turn}"}))
            assert answer.json[field] == f"{field} {turn}"

    fields = ("company", "title", "location", "notes")
    at_once(partial(keep_changing, *pair) for pair in zip(phones, fields, strict=True))

    contact = Contact.objects.get(slug=slug)
    assert {field: getattr(contact, field) for field in fields} == {field: f"{field} {WRITES - 1}" for field in fields}
    assert contact.version == 1 + len(fields) * WRITES
    _require_gapless(organization, 1 + len(fields) * WRITES)


def test_twenty_creations_under_one_id_are_one_contact(
    deployed: Deployment, team: tuple[list[Client], Organization]
) -> None:
    phones, organization = team
    for _ in range(5):
        body = {"id": str(uuid7()), "organization": organization.slug, "first_name": "Grace", "email": "g@example.com"}

        answers = answers_of(deployed.copies(phones[0], 20), posting("contacts/", body))

        assert Counter(answer.status for answer in answers) == {201: 1, 200: 19}
        assert len({answer.body for answer in answers}) == 1
    _require_gapless(organization, 5)


def test_twenty_different_creations_under_one_id_are_one_contact(
    deployed: Deployment, team: tuple[list[Client], Organization]
) -> None:
    """The id belongs to whoever was first: to others it is taken, be they colleagues or strangers."""
    phones, organization = team
    stranger = deployed.phones(1)[0]
    deployed.person(stranger)
    contact_id = str(uuid7())
    bodies = [{"id": contact_id, "organization": organization.slug, "first_name": f"G{number}"} for number in range(16)]
    askers = [
        partial(phone.request, "POST", "contacts/", body)
        for phone, body in zip(itertools.cycle(phones), bodies, strict=False)
    ]
    foreign = {"id": contact_id, "first_name": "Elsewhere"}
    askers += [partial(stranger.request, "POST", "contacts/", foreign)] * 4

    statuses = Counter(answer.status for answer in at_once(askers))

    assert statuses.keys() <= {201, 200, 409}
    assert statuses[201] == 1
    contact = Contact.objects.get(id=contact_id)
    # Whoever asked four times for the same was told the same four times.
    assert statuses[200] == (3 if contact.first_name == "Elsewhere" else 0)


def test_deleting_and_restoring_while_others_write(
    deployed: Deployment, team: tuple[list[Client], Organization]
) -> None:
    phones, organization = team
    slug = accept(
        phones[0].request("POST", "contacts/", {"organization": organization.slug, "first_name": "Grace"})
    ).json["slug"]
    stop = threading.Event()

    def come_and_go(phone: Client) -> set[int]:
        found = set()
        try:
            for _ in range(WRITES):
                found.add(phone.request("DELETE", f"contacts/{slug}/").status)
                found.add(phone.request("POST", f"contacts/{slug}/restore/").status)
        finally:
            stop.set()
        return found

    def write(phone: Client, field: str) -> set[int]:
        found = set()
        for turn in itertools.count():
            if stop.is_set():
                return found
            found.add(phone.request("PATCH", f"contacts/{slug}/", {field: f"{field} {turn}"}).status)
        raise AssertionError("unreachable")

    seen = at_once(
        [
            partial(come_and_go, phones[0]),
            *(partial(write, *pair) for pair in zip(phones[1:], ("title", "company", "notes"), strict=True)),
        ]
    )

    assert seen[0] == {204, 200}
    assert all(statuses <= {200, 404} for statuses in seen[1:])
    contact = Contact.objects.get(slug=slug)
    organization.refresh_from_db()
    assert contact.version == organization.change_seq == contact.change_seq


def test_paging_while_others_write_repeats_and_loses_nothing(
    deployed: Deployment, team: tuple[list[Client], Organization]
) -> None:
    phones, organization = team
    slug = organization.slug
    before = {
        accept(phones[0].request("POST", "contacts/", {"organization": slug, "display_name": f"{n:03}"})).json["id"]
        for n in range(60)
    }
    stop = threading.Event()

    def keep_creating(phone: Client) -> None:
        for turn in itertools.count():
            if stop.is_set():
                return
            accept(phone.request("POST", "contacts/", {"organization": slug, "display_name": f"{turn % 60:03} {turn}"}))

    def walk() -> None:
        try:
            for _ in range(3):
                seen: list[str] = []
                params: dict[str, str] | None = {"filter[org]": slug, "limit": "7", "sort": "display_name"}
                while params is not None:
                    page = accept(phones[0].request("GET", "contacts/", params=params)).json
                    seen += [row["id"] for row in page["data"]]
                    following = page["meta"]["next"]
                    params = {**params, "cursor": following} if following else None
                assert len(set(seen)) == len(seen)
                assert before <= set(seen)
        finally:
            stop.set()

    at_once([walk, *(partial(keep_creating, phone) for phone in phones[1:])])
