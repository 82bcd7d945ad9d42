"""`…/images/<image_id>/shares/`, `shared/images/resolve/` and the page: a link shows one image to anybody, for a while."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client as Browser
from django.utils import timezone
from handset_client import Answer

from api.apis.images import services
from api.models import AuditEntry, ImageShare, Organization
from tests.apis.images.pictures import load, path_of, upload
from tests.apis.images.rows import make_image
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of
from tests.phones import BASE_URL, InProcess
from tests.pictures import corners_of, photo

pytestmark = pytest.mark.django_db


def share(person: Person, team: Organization, image_id: int, **body: Any) -> dict[str, Any]:
    answer = person.post(path_of(team, f"images/{image_id}/shares/"), body)
    assert (answer.status, answer.headers["cache-control"]) == (201, "no-store"), answer.body
    return dict(answer.json)


def resolve(transport: InProcess, token: Any) -> Answer:
    """What anybody is answered, without a device."""
    headers = {"Content-Type": "application/json"}
    body = f'{{"token": "{token}"}}'.encode()
    return Answer.read(transport.call("POST", f"{BASE_URL}/api/v1/shared/images/resolve/", headers, body))


def test_whoever_has_the_link_sees_the_image(alice: Person, team: Organization, files: Path, browser: Browser) -> None:
    image = upload(alice, team, photo(300, 200), title="<b>Quarters</b>", alt_text="Four colours", description="a\nb")
    made = share(alice, team, image["id"])
    assert made["url"].endswith(f"/shared-image?token={made['token']}")
    left = datetime.fromisoformat(made["expires_at"]) - timezone.now()
    assert timedelta(days=7) - timedelta(minutes=1) < left <= timedelta(days=7)
    seen = resolve(alice.transport, made["token"])
    assert (seen.status, seen.headers["cache-control"]) == (200, "no-store")
    shared = ("title", "description", "alt_text", "width", "height", "dominant_color", "thumbhash", "url", "variants")
    assert seen.json == {**{name: image[name] for name in shared}, "expires_at": made["expires_at"]}
    assert corners_of(load(alice, seen.json["variants"]["large"]["url"]).body) == ["red", "lime", "blue", "white"]
    page = browser.get("/shared-image/", {"token": made["token"]})
    assert page.status_code == 200
    assert page["Cache-Control"] == "no-store"
    assert page["Referrer-Policy"] == "no-referrer"
    text = page.content.decode()
    assert "&lt;b&gt;Quarters&lt;/b&gt;" in text
    assert "<b>" not in text
    assert image["variants"]["large"]["url"].partition("/files")[2].replace("&", "&amp;") in text
    assert made["token"] not in text


@pytest.fixture
def browser() -> Browser:
    return Browser(headers={"host": "localhost"})


def test_the_token_is_kept_nowhere(alice: Person, team: Organization) -> None:
    image = make_image(alice, team)
    made = share(alice, team, image.id)
    row = ImageShare.objects.values().get()
    assert made["token"] not in str(row)
    assert AuditEntry.objects.get(action="image.shared").target_id == str(image.uid)
    assert made["token"] not in str(list(AuditEntry.objects.values("changes")))


def test_a_revoked_and_an_expired_link_and_none_are_one_refusal(
    alice: Person, team: Organization, browser: Browser
) -> None:
    image = make_image(alice, team)
    revoked, short = share(alice, team, image.id), share(alice, team, image.id, expires_in_seconds=60)
    path = path_of(team, f"images/{image.id}/shares/{revoked['id']}/")
    assert alice.delete(path).status == 204
    problem_of(alice.delete(path), 404, "not_found")
    assert resolve(alice.transport, short["token"]).status == 200
    with time_machine.travel(timezone.now() + timedelta(seconds=61), tick=False):
        for token in (revoked["token"], short["token"], "A" * 43):
            problem_of(resolve(alice.transport, token), 404, "not_found")
            page = browser.get("/shared-image/", {"token": token})
            assert page.status_code == 400
            assert b"<img" not in page.content
        while services.forget_expired_shares():
            pass
    assert not ImageShare.objects.exists()


def test_a_link_ends_with_its_image(alice: Person, team: Organization) -> None:
    image = make_image(alice, team)
    made = share(alice, team, image.id)
    alice.delete(path_of(team, f"images/{image.id}/"))
    problem_of(resolve(alice.transport, made["token"]), 404, "not_found")


def test_a_link_ends_with_its_organization(alice: Person, team: Organization) -> None:
    made = share(alice, team, make_image(alice, team).id)
    Organization.objects.filter(id=team.id).update(deleted_at=timezone.now())
    problem_of(resolve(alice.transport, made["token"]), 404, "not_found")


def test_shares_of_others_are_not_there(alice: Person, bob: Person, charlie: Person, team: Organization) -> None:
    image, other = make_image(alice, team), make_image(alice, team)
    made = share(bob, team, image.id)
    problem_of(charlie.post(path_of(team, f"images/{image.id}/shares/"), {}), 404, "not_found")
    problem_of(alice.delete(path_of(team, f"images/{other.id}/shares/{made['id']}/")), 404, "not_found")
    problem_of(alice.delete(path_of(team, f"images/{image.id}/shares/1/")), 404, "not_found")
    assert alice.delete(path_of(team, f"images/{image.id}/shares/{made['id']}/")).status == 204


def test_fields_are_looked_at(alice: Person, team: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    image = make_image(alice, team)
    path = path_of(team, f"images/{image.id}/shares/")
    for seconds, code in ((59, "min_value"), (2_592_001, "max_value"), ("60", "invalid")):
        assert errors_of(alice.post(path, {"expires_in_seconds": seconds})) == {"expires_in_seconds": code}
    assert errors_of(resolve(alice.transport, "x")) == {"token": "min_length"}
    problem_of(resolve(alice.transport, "é" * 43), 404, "not_found")
    monkeypatch.setattr("api.apis.images.services.sharing.SHARES_MAX", 1)
    share(alice, team, image.id)
    problem_of(alice.post(path, {}), 409, "too_many_shares")


def test_guessing_is_counted(alice: Person, team: Organization, settings: Any) -> None:
    rates = settings.RATES
    settings.RATES = {**rates, "auth_address": rates["auth_address"]._replace(limit=2)}
    answers = [resolve(alice.transport, "A" * 43).status for _ in range(3)]
    assert answers == [404, 404, 429]
