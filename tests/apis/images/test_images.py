"""Reading, listing, changing and deleting images, one and several."""

import time
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.models import AuditEntry, Image, Organization
from tests.apis.images.pictures import load, path_of, run_outbox, send, stored, upload
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of
from tests.pictures import Field, photo

pytestmark = pytest.mark.django_db


HALF = 450  # a window is half the life of an address


def next_window() -> int:
    return (int(time.time()) // HALF + 1) * HALF


def one(image: dict[str, Any]) -> str:
    return f"images/{image['id']}/"


def test_a_list_in_the_order_of_uploads_with_few_queries(alice: Person, team: Organization, files: Path) -> None:
    made = [upload(alice, team, title=str(number)) for number in range(3)]
    first = alice.get(path_of(team), limit=2)
    assert first.json["data"] == made[:0:-1]
    rest = alice.get(path_of(team), limit=2, cursor=first.json["meta"]["next"])
    assert rest.json["data"] == made[:1]
    alice.get(path_of(team))
    with CaptureQueriesContext(connection) as three:
        assert len(alice.get(path_of(team)).json["data"]) == 3
    for number in range(4):
        upload(alice, team, title=str(number))
    with CaptureQueriesContext(connection) as seven:
        assert len(alice.get(path_of(team), sort="created_at").json["data"]) == 7
    assert len(seven) <= len(three)


def test_addresses_and_tags_are_the_same_for_a_window(alice: Person, team: Organization, files: Path) -> None:
    start = next_window()
    with time_machine.travel(start, tick=False):
        image = upload(alice, team)
    tags, addresses = set(), set()
    for second in range(1, 2 * HALF, 90):
        with time_machine.travel(start + second, tick=False):
            answer = alice.get(path_of(team))
            tags.add(answer.headers["etag"])
            addresses.add(answer.json["data"][0]["variants"]["thumb"]["url"])
    assert len(tags) == len(addresses) == 2
    with time_machine.travel(start + 2 * HALF + 1, tick=False):
        problem_of(load(alice, image["url"]), 410, "file_link_expired")


def test_an_unchanged_list_is_304(alice: Person, team: Organization, files: Path) -> None:
    with time_machine.travel(next_window(), tick=False):
        upload(alice, team)
        etag = alice.get(path_of(team)).headers["etag"]
        headers = {"If-None-Match": etag}
        assert alice.phone.request("GET", path_of(team), headers=headers).status == 304
        upload(alice, team)
        assert alice.phone.request("GET", path_of(team), headers=headers).status == 200


def test_what_people_say_of_an_image_changes(alice: Person, team: Organization, files: Path) -> None:
    image = upload(alice, team, title="Before")
    path = path_of(team, one(image))
    changed = alice.patch(path, {"title": None, "description": "a\nb", "alt_text": "c"})
    assert changed.status == 200
    assert {**image, "title": "", "description": "a\nb", "alt_text": "c", "version": 2} == {
        **changed.json,
        "updated_at": image["updated_at"],
    }
    assert alice.patch(path, {"title": ""}).json["version"] == 2
    stale = alice.phone.request("PATCH", path, {"title": "x"}, headers={"If-Match": '"1"'})
    problem_of(stale, 412, "version_conflict")
    assert errors_of(alice.patch(path, {"width": 1})) == {"width": "unknown_field"}
    assert AuditEntry.objects.filter(action="image.updated").count() == 1


def test_deleting_takes_the_row_and_the_objects(alice: Person, team: Organization, files: Path) -> None:
    image, other = upload(alice, team), upload(alice, team)
    path = path_of(team, one(image))
    before = Organization.objects.get(id=team.id).change_seq
    stale = alice.phone.request("DELETE", path, headers={"If-Match": '"7"'})
    problem_of(stale, 412, "version_conflict")
    assert alice.delete(path).status == 204
    assert Organization.objects.get(id=team.id).change_seq == before + 1
    run_outbox()
    name = Image.objects.get(id=other["id"]).name
    assert {path.rpartition("/")[0] for path in stored(files)} == {name}
    problem_of(load(alice, image["url"]), 404, "not_found")
    for answer in (alice.delete(path), alice.get(path), alice.patch(path, {"title": "x"})):
        problem_of(answer, 404, "not_found")
    assert AuditEntry.objects.filter(action="image.deleted").count() == 1


def test_what_is_deleted_and_rolled_back_keeps_its_objects(
    alice: Person, team: Organization, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = upload(alice, team)

    def die(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr("api.apis.images.services.changing.discard_later", die)
        assert alice.delete(path_of(team, one(image))).status == 500
    run_outbox()
    assert len(stored(files)) == 5
    assert alice.get(path_of(team, one(image))).status == 200


def test_several_files_each_on_its_own(alice: Person, team: Organization, files: Path) -> None:
    good, bad = Field("files", photo(90, 70), "a.jpg"), Field("files", b"CANARY", "b.jpg")
    answer = send(alice, team, good, bad, good, to="bulk-upload/")
    assert answer.status == 200
    assert [(result["status"], bool(result["image"])) for result in answer.json["data"]] == [
        (201, True),
        (400, False),
        (201, True),
    ]
    assert answer.json["data"][1]["problem"]["code"] == "picture_not_supported"
    assert Image.objects.count() == 2
    assert len(stored(files)) == 10


def test_how_many_files_and_bytes_come_at_once_is_limited(
    alice: Person, team: Organization, files: Path, settings: Any
) -> None:
    many = [Field("files", photo(9, 7), "a.jpg")] * 21
    assert errors_of(send(alice, team, *many, to="bulk-upload/")) == {"files": "max_length"}
    assert errors_of(send(alice, team, to="bulk-upload/")) == {"files": "required"}
    assert send(alice, team, *many[:20], to="bulk-upload/").status == 200
    settings.IMAGES_MAX_BYTES = 1
    large = Field("files", photo(9, 7) + b"\0" * 70_000, "a.jpg")
    problem_of(send(alice, team, large, to="bulk-upload/"), 413, "payload_too_large")
    problem_of(send(alice, team, *[Field("file", photo(9, 7), "a.jpg")] * 2), 400, "malformed_body")


def test_several_are_deleted_and_each_says_whether_it_was_there(
    alice: Person, charlie: Person, team: Organization, files: Path
) -> None:
    one, two = upload(alice, team), upload(alice, team)
    theirs = upload(charlie, Organization.objects.get(personal_of=charlie.user))
    ids = [two["id"], 2**62, theirs["id"], one["id"]]
    answer = alice.post(path_of(team, "bulk-delete/"), {"ids": ids})
    assert answer.json["data"] == [
        {"id": image_id, "status": status} for image_id, status in zip(ids, (204, 404, 404, 204), strict=True)
    ]
    run_outbox()
    assert list(Image.objects.values_list("id", flat=True)) == [theirs["id"]]
    assert len(stored(files)) == 5


def test_another_organization_of_ones_own_is_another_organization(
    alice: Person, team: Organization, files: Path
) -> None:
    image = upload(alice, team)
    own = Organization.objects.get(personal_of=alice.user)
    problem_of(alice.get(path_of(own, one(image))), 404, "not_found")
    problem_of(alice.delete(path_of(own, one(image))), 404, "not_found")
    for name in ("9" * 40, "0"):
        problem_of(alice.get(path_of(team, f"images/{name}/")), 404, "not_found")
