"""Uploading in tests, and looking at what became of it."""

import io
from pathlib import Path
from typing import Any

from handset_client import Answer, Call
from PIL import Image as Picture

from api.apis.jobs import services as jobs
from api.models import Organization
from tests.conftest import Person
from tests.phones import BASE_URL
from tests.pictures import BOUNDARY, Field, form, photo

FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def path_of(organization: Organization, rest: str = "images/") -> str:
    return f"images/orgs/{organization.slug}/{rest}"


def send(person: Person, organization: Organization, *fields: Field, key: str = "", to: str = "images/") -> Answer:
    """A form, as a phone posts it."""
    headers = {**FORM, "Idempotency-Key": key} if key else FORM
    return person.phone.perform(Call("POST", path_of(organization, to), body=form(*fields), headers=headers))


def upload(person: Person, organization: Organization, content: bytes | None = None, **texts: str) -> dict[str, Any]:
    """An image that was taken in."""
    fields = [Field(name, text.encode()) for name, text in texts.items()]
    answer = send(person, organization, Field("file", content or photo(120, 90), "me.jpg", "image/jpeg"), *fields)
    assert answer.status == 201, answer.body
    return dict(answer.json)


def load(person: Person, address: str) -> Answer:
    """What anybody gets from the address of a file."""
    assert address.startswith(BASE_URL)
    return Answer.read(person.transport.call("GET", address, {}))


def opened(content: bytes) -> Picture.Image:
    return Picture.open(io.BytesIO(content))


def stored(files: Path) -> list[str]:
    return sorted(str(path.relative_to(files)) for path in files.rglob("*") if path.is_file())


def run_outbox() -> None:
    while jobs.run_due():
        pass
