"""Many phones attach, reorder, choose covers, detach and delete on one object: its order stays whole, its cover one."""

import random
from collections import Counter

import pytest

from api.models import ImageLink, Organization, Role, User
from tests import factories
from tests.apis.images.rows import image_of
from tests.services.conftest import Deployment
from tests.services.crowds import at_once

pytestmark = pytest.mark.services

THREADS, TURNS, IMAGES = 8, 25, 12


def test_an_order_stays_whole_under_a_crowd(deployed: Deployment) -> None:
    phones = deployed.phones(2)
    people: list[User] = [deployed.person(phone, f"curator{index}") for index, phone in enumerate(phones)]
    team: Organization = factories.group(people[0], {people[1]: Role.MEMBER}, name="Gallery")
    ids = [image_of(people[0], team).id for _ in range(IMAGES)]
    path = f"images/orgs/{team.slug}/images/organizations/organization/{team.slug}/"
    apps = [app for phone in phones for app in deployed.copies(phone, THREADS // len(phones))]

    def curate(number: int) -> Counter[str]:
        app, chance, seen = apps[number], random.Random(number), Counter[str]()
        for _ in range(TURNS):
            some = chance.sample(ids, 4)
            verb, body = chance.choice(
                (
                    ("", {"image_id": some[0]}),
                    ("bulk_attach/", {"image_ids": some}),
                    ("bulk_detach/", {"image_ids": some[:1]}),
                    ("set_cover/", {"image_id": some[0]}),
                    ("reorder/", None),
                )
            )
            if body is None:
                present = [row["image"]["id"] for row in app.request("GET", path).json["data"]]
                body = {"image_ids": chance.sample(present, len(present)) or some}
            answer = app.request("POST", path + verb, body)
            assert answer.status in {200, 201, 400, 404}, answer.body
            seen[f"{verb} {answer.status}"] += 1
            if answer.is_success:
                rows = answer.json["data"]
                assert [row["position"] for row in rows] == list(range(len(rows)))
                assert sum(row["is_cover"] for row in rows) <= 1
        return seen

    together = sum(at_once([lambda number=number: curate(number) for number in range(THREADS)]), Counter[str]())
    links = list(ImageLink.objects.order_by("position"))
    assert [link.position for link in links] == list(range(len(links)))
    assert sum(link.is_cover is True for link in links) <= 1
    numbers = [link.change_seq for link in links]
    assert len(set(numbers)) == len(numbers)
    team.refresh_from_db()
    assert max(numbers) <= team.change_seq
    assert together["set_cover/ 200"]
    # In the crowd the set may change between a reading and each of the reorders; afterwards it does not.
    present = [row["image"]["id"] for row in apps[0].request("GET", path).json["data"]]
    assert apps[0].request("POST", path + "reorder/", {"image_ids": present[::-1]}).status == 200
    assert together["bulk_detach/ 200"]
