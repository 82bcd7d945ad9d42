"""An organization with one of everything, and its archive."""

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from handset_client.outcomes import accept

from api.apis.jobs import services as jobs
from api.models import Organization
from tests.apis.images.pictures import load, upload
from tests.conftest import Person


@pytest.fixture(autouse=True)
def _nothing_else_is_due(alice: Person, files: Path) -> None:
    """The mail to her is out."""
    work()


def work() -> None:
    while jobs.run_due():
        pass


@dataclass
class Read:
    """An archive that was fetched."""

    zip: zipfile.ZipFile
    manifest: dict[str, Any]

    def rows(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.zip.read(f"{name}.jsonl").splitlines()]

    def text(self, name: str) -> str:
        return self.zip.read(name).decode()


def read(content: bytes) -> Read:
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    return Read(archive, json.loads(archive.read("manifest.json")))


def begun(person: Person, path: str) -> dict[str, Any]:
    answer = person.post(path)
    assert answer.status == 202, answer.body
    found: dict[str, Any] = answer.json
    return found


def finished(person: Person, path: str) -> dict[str, Any]:
    """An export that was made, as it is read afterwards."""
    export_id = begun(person, path)["id"]
    work()
    found: dict[str, Any] = accept(person.get(f"{path}{export_id}/")).json
    return found


def fetched(person: Person, path: str) -> Read:
    export = finished(person, path)
    assert export["state"] == "SUCCESS", export
    return read(load(person, export["url"]).body)


@pytest.fixture
def full(alice: Person, bob: Person, team: Organization) -> Organization:
    """Alice's group, with something in every table."""
    place = f"orgs/{team.slug}/"
    values = {"organization": team.slug, "display_name": "=1+1", "notes": "a\nb", "email": "grace@example.com"}
    contact = accept(alice.post("contacts/", values)).json
    accept(alice.post(f"{place}tags/contacts/contact/{contact['slug']}/", ["VIP"]))
    accept(alice.post(f"{place}invitations/", {"email": "new@example.com"}))
    accept(alice.post(f"{place}api-keys/", {"name": "Sync", "scopes": ["contacts:read"]}))
    image = upload(alice, team)
    accept(alice.post(f"images/orgs/{team.slug}/images/contacts/contact/{contact['slug']}/", {"image_id": image["id"]}))
    return team
