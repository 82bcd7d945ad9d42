"""Somebody who uploads to servers and workers that die, and what has to be true of rows and objects afterwards."""

import base64
import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import time_machine
from django.core.files.storage import default_storage
from django.utils import timezone
from handset_client import Answer, Call, Client
from handset_client.outcomes import accept

from api.apis.jobs.services import run_due
from api.models import Contact, Export, Image, ImageUpload, Job, JobState, Organization, OutboxMessage, User
from api.models.base import uuid7
from api.platform import media, storage
from tests.buckets import BUCKET
from tests.pictures import BOUNDARY, Field, form, photo
from tests.services.conftest import Deployment
from tests.services.servers import Gunicorn, Process, wait_until

PICTURE = photo(300, 200)
IN_PARTS = photo(1700, 1700, "PNG", compress_level=0)  # 8.7 MB, which are two parts
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
# What an upload asks a store at the least: an object for the original and for each variant.
STEPS_MIN = 5
SWEPT = timedelta(days=3)  # longer than anything is kept that became nothing


class Uploader:
    """Somebody whose server can die, and who tries again."""

    def __init__(self, deployed: Deployment, server: Gunicorn) -> None:
        self.server = server
        self.phone: Client = deployed.phone(server.base_url, sleep=lambda _: None)
        self.person: User = deployed.person(self.phone, "uploader")
        self.own = Organization.objects.get(personal_of=self.person)

    def path(self, rest: str) -> str:
        return f"images/orgs/{self.own.slug}/{rest}"

    def upload(self, uid: str, picture: bytes = PICTURE) -> Answer:
        body = form(Field("uid", uid.encode()), Field("file", picture, "me.jpg", "image/jpeg"))
        return self.phone.perform(Call("POST", self.path("images/"), body=body, headers=FORM, is_signed=True))

    def announce(self, picture: bytes, uid: str) -> Answer:
        digest = base64.b64encode(hashlib.sha256(picture).digest()).decode()
        announced = {"bytes": len(picture), "media_type": "image/jpeg", "sha256": digest, "uid": uid}
        return self.phone.request("POST", self.path("uploads/"), announced)

    def begin(self, picture: bytes = PICTURE) -> dict[str, Any]:
        return dict(accept(self.announce(picture, str(uuid7()))).json)

    def send(self, begun: dict[str, Any], picture: bytes = PICTURE) -> int:
        """As a form or in parts, to wherever the answer says."""
        wire = self.phone._delivery._transport
        if begun["form"] is None:
            rest = io.BytesIO(picture)
            answers = [wire.send("PUT", part["url"], {}, rest.read(part["bytes"])) for part in begun["parts"]]
            return max(answer.status for answer in answers)
        fields = [Field(name, value.encode()) for name, value in begun["form"]["fields"].items()]
        body = form(*fields, Field("file", picture, "me.jpg", "image/jpeg"))
        return wire.send("POST", begun["form"]["url"], FORM, body).status

    def complete(self, begun: dict[str, Any]) -> Answer:
        return self.phone.request("POST", self.path(f"uploads/{begun['id']}/complete/"))


@contextmanager
def served(deployed: Deployment, environment: dict[str, str], folder: Path) -> Iterator[Uploader]:
    """A server of one process that can be killed."""
    OutboxMessage.objects.filter(done_at=None, failed_at=None).delete()  # what other tests have left
    server = Gunicorn({**environment, "WEB_CONCURRENCY": "1"}, folder / "gunicorn.log")
    try:
        server.wait_until_up()
        yield Uploader(deployed, server)
    finally:
        server.stop()


def require_whole(*, images: int) -> None:
    """So many images, each with all its objects."""
    with media.audited() as found:
        assert list(found.missing()) == []
    assert Image.objects.count() == images


def require_swept() -> None:
    """Days later the outbox has run: there is not an object that no row names, and no upload that became nothing."""
    with time_machine.travel(timezone.now() + SWEPT):
        while run_due():
            pass
        with media.audited() as found:
            assert [*found.strays(older_than=timedelta()), *found.foreign(), *found.missing()] == []
        if not isinstance(default_storage, storage.Folder):  # parts that were never joined are no objects
            client: Any = default_storage.connection.meta.client  # type: ignore[attr-defined]
            assert not client.list_multipart_uploads(Bucket=BUCKET).get("Uploads")
    assert not ImageUpload.objects.exists()
    assert not OutboxMessage.objects.filter(failed_at__isnull=False, task__startswith="images.").exists()


def uploaded_in_spite(who: Uploader, is_dead: Callable[[], bool]) -> None:
    """The same upload until it is there: made once, whatever dies."""
    before = Image.objects.count()
    uid = str(uuid7())
    answer = accept(who.upload(uid))
    assert is_dead()
    assert answer.status in {200, 201}
    assert accept(who.upload(uid)).status == 200
    assert Image.objects.filter(uid=uid).count() == 1
    require_whole(images=before + 1)


def forget_what_others_left() -> None:
    """Other tests have kept files elsewhere, which would be missing here, and jobs."""
    for model in (Image, ImageUpload, Export, Job):
        model._default_manager.all().delete()
    for pictured in (User, Contact):
        pictured._default_manager.exclude(avatar="").update(avatar="")


def completed(who: Uploader, picture: bytes = PICTURE) -> dict[str, Any]:
    begun = who.begin(picture)
    assert who.send(begun, picture) in {200, 204}
    assert who.complete(begun).status == 202
    return begun


def run_all() -> None:
    while run_due():
        pass


def run_once(environment: dict[str, str], folder: Path) -> None:
    with worker_of(environment, folder, "--once") as worker:
        wait_until(lambda: not worker.is_running, "the outbox is done", seconds=90)


@contextmanager
def worker_of(environment: dict[str, str], folder: Path, *options: str) -> Iterator[Process]:
    worker = Process(environment, folder / "run_outbox.log", "manage.py", "run_outbox", *options)
    try:
        yield worker
    finally:
        worker.stop()


def require_finished() -> None:
    """An hour later, whoever takes the work up again has ended it."""
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        run_all()
    states = set(Job.objects.filter(type="images.upload").values_list("state", flat=True))
    assert states == {JobState.SUCCESS}
    require_whole(images=ImageUpload.objects.exclude(job=None).count())
