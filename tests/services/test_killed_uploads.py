"""Uploads whose server, worker or store dies, at every step of them: no image without its objects, and once what was begun
has been swept no object without its image.

`kill -9` of real processes, before each thing that they ask a bucket or do in a folder. A bucket that dies keeps what it has
carried out: it is a server that speaks S3 behind a proxy, which lets nothing through from a certain request on.
"""

import base64
import hashlib
import io
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
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
from tests.faults.proxy import Proxy
from tests.pictures import BOUNDARY, Field, form, photo
from tests.services.conftest import Deployment
from tests.services.deaths import BucketProxy, FolderTrap
from tests.services.servers import Gunicorn, Process, wait_until

pytestmark = pytest.mark.services

PICTURE = photo(300, 200)
IN_PARTS = photo(1700, 1700, "PNG", compress_level=0)  # 8.7 MB, which are two parts
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
# Of a bucket: what an upload asks at the least, an object for the original and for each variant.
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

    def upload(self, uid: str) -> Answer:
        body = form(Field("uid", uid.encode()), Field("file", PICTURE, "me.jpg", "image/jpeg"))
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


# -- a bucket


def forget_what_others_left() -> None:
    """Other tests have kept files elsewhere, which would be missing here, and jobs."""
    for model in (Image, ImageUpload, Export, Job):
        model._default_manager.all().delete()
    for pictured in (User, Contact):
        pictured._default_manager.exclude(avatar="").update(avatar="")


@pytest.fixture
def proxy(endpoint: str) -> Iterator[BucketProxy]:
    found = BucketProxy(endpoint)
    yield found
    found.close()


@pytest.fixture
def in_bucket(deployed: Deployment, bucket: str, proxy: BucketProxy) -> dict[str, str]:
    """The environment of processes that keep files in a bucket, which is empty."""
    storage.delete([found.name for found in storage.listed()])
    forget_what_others_left()
    return {
        **deployed.environment,
        "AWS_STORAGE_BUCKET_NAME": BUCKET,
        "AWS_S3_ENDPOINT_URL": proxy.url,
        "AWS_S3_REGION_NAME": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }


def steps_of(proxy: BucketProxy, action: Callable[[], object]) -> int:
    """How many requests to the bucket that takes if nobody dies."""
    proxy.be_well()
    action()
    assert proxy.requests >= STEPS_MIN
    return proxy.requests


def test_a_server_dies_at_each_request_to_the_bucket(
    deployed: Deployment, in_bucket: dict[str, str], proxy: BucketProxy, tmp_path: Path
) -> None:
    with served(deployed, in_bucket, tmp_path) as who:
        for step in range(1, steps_of(proxy, lambda: who.upload(str(uuid7()))) + 1):
            victims: list[int] = []
            proxy.tell(step, lambda: victims.append(who.server.kill_a_worker()))  # noqa: B023 -- used at once
            uploaded_in_spite(who, lambda: len(victims) == 1)  # noqa: B023
        require_swept()


@pytest.mark.parametrize("is_carried_out", [False, True], ids=["before-it-does", "before-it-answers"])
def test_the_bucket_dies_at_each_request(
    deployed: Deployment, in_bucket: dict[str, str], proxy: BucketProxy, tmp_path: Path, is_carried_out: bool
) -> None:
    with served(deployed, in_bucket, tmp_path) as who:
        for step in range(1, steps_of(proxy, lambda: who.upload(str(uuid7()))) + 1):
            before, uid = Image.objects.count(), str(uuid7())
            proxy.go(step, is_carried_out=is_carried_out)
            assert who.upload(uid).status == 503
            require_whole(images=before)
            proxy.be_well()
            uploaded_in_spite(who, lambda: True)
        require_swept()


def test_a_worker_dies_at_each_request_of_what_was_sent_to_the_bucket(
    deployed: Deployment, in_bucket: dict[str, str], proxy: BucketProxy, tmp_path: Path
) -> None:
    """The last of its requests delete what was sent, when the image is there."""
    with served(deployed, in_bucket, tmp_path) as who:
        _completed(who)
        steps = steps_of(proxy, lambda: _run_once(in_bucket, tmp_path))
        for step in range(1, steps + 1):
            _completed(who)
            victims: list[Process] = []
            with _worker(in_bucket, tmp_path) as worker:
                proxy.tell(step, lambda: victims.append(worker) or worker.kill())  # type: ignore[func-returns-value]  # noqa: B023
                wait_until(lambda: not worker.is_running, f"death at {step} of {steps}", seconds=90)
            assert victims
            require_whole(images=Image.objects.count())
            require_finished()
        require_swept()


@pytest.mark.parametrize("death", ["of the server", "before it does", "before it answers"])
def test_parts_that_were_begun_in_vain_go(
    deployed: Deployment, in_bucket: dict[str, str], proxy: BucketProxy, tmp_path: Path, death: str
) -> None:
    """Who announces again under the same uid gets parts to send."""
    with served(deployed, in_bucket, tmp_path) as who:
        uid = str(uuid7())
        if death == "of the server":
            proxy.tell(1, who.server.kill_a_worker)
        else:
            proxy.go(1, is_carried_out=death == "before it answers")
            assert who.announce(IN_PARTS, uid).status == 503
            proxy.be_well()
        begun = accept(who.announce(IN_PARTS, uid)).json
        assert proxy.requests
        assert who.send(begun, IN_PARTS) == 200
        assert who.complete(begun).status == 202
        _run_all()
        require_finished()
        require_swept()


@pytest.mark.parametrize("picture", [PICTURE, IN_PARTS], ids=["form", "parts"])
@pytest.mark.parametrize("is_carried_out", [False, True], ids=["before-it-does", "before-it-answers"])
def test_the_bucket_dies_at_each_request_of_what_was_sent_to_it(
    deployed: Deployment,
    in_bucket: dict[str, str],
    proxy: BucketProxy,
    tmp_path: Path,
    settings: Any,
    is_carried_out: bool,
    picture: bytes,
) -> None:
    options = {**settings.STORAGES["default"]["OPTIONS"], "endpoint_url": proxy.url}
    settings.STORAGES = {**settings.STORAGES, "default": {**settings.STORAGES["default"], "OPTIONS": options}}
    with served(deployed, in_bucket, tmp_path) as who:
        _completed(who, picture)
        for step in range(1, steps_of(proxy, _run_all) + 1):
            _completed(who, picture)
            proxy.go(step, is_carried_out=is_carried_out)
            _run_all()
            assert proxy.requests >= step
            proxy.be_well()
            require_whole(images=Image.objects.count())
            require_finished()
        require_swept()
    default_storage.connection.meta.client.close()  # type: ignore[attr-defined]  # a bucket


def _completed(who: Uploader, picture: bytes = PICTURE) -> dict[str, Any]:
    begun = who.begin(picture)
    assert who.send(begun, picture) in {200, 204}
    assert who.complete(begun).status == 202
    return begun


def _run_all() -> None:
    while run_due():
        pass


def _run_once(environment: dict[str, str], folder: Path) -> None:
    with _worker(environment, folder, "--once") as worker:
        wait_until(lambda: not worker.is_running, "the outbox is done", seconds=90)


@contextmanager
def _worker(environment: dict[str, str], folder: Path, *options: str) -> Iterator[Process]:
    worker = Process(environment, folder / "run_outbox.log", "manage.py", "run_outbox", *options)
    try:
        yield worker
    finally:
        worker.stop()


def require_finished() -> None:
    """An hour later, whoever takes the work up again has ended it."""
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        _run_all()
    states = set(Job.objects.filter(type="images.upload").values_list("state", flat=True))
    assert states == {JobState.SUCCESS}
    require_whole(images=ImageUpload.objects.exclude(job=None).count())


# -- a folder


@pytest.fixture
def trap(deployed: Deployment, tmp_path: Path, settings: Any) -> FolderTrap:
    files = tmp_path / "files"
    files.mkdir()
    options = {**settings.STORAGES["default"]["OPTIONS"], "location": str(files)}
    settings.STORAGES = {**settings.STORAGES, "default": {**settings.STORAGES["default"], "OPTIONS": options}}
    forget_what_others_left()
    return FolderTrap(tmp_path / "trap", files)


@pytest.fixture
def in_folder(deployed: Deployment, trap: FolderTrap, tmp_path: Path) -> dict[str, str]:
    """The environment of processes that keep files in a folder, and are watched there."""
    return trap.environment({**deployed.environment, "FILES_PATH": str(tmp_path / "files")})


def test_a_server_dies_at_each_step_in_the_folder(
    deployed: Deployment, in_folder: dict[str, str], trap: FolderTrap, tmp_path: Path
) -> None:
    with served(deployed, in_folder, tmp_path) as who:
        who.upload(str(uuid7()))  # folders that stay are there now
        trap.set(0)
        who.upload(str(uuid7()))
        steps = trap.steps
        assert steps >= STEPS_MIN
        for step in range(1, steps + 1):
            (victim,) = who.server.workers()
            trap.set(step)
            uploaded_in_spite(who, lambda: victim not in who.server.workers())  # noqa: B023 -- used at once
        trap.set(0)
        require_swept()


def test_who_takes_what_was_sent_to_the_folder_dies_at_each_step(
    deployed: Deployment, in_folder: dict[str, str], trap: FolderTrap, tmp_path: Path
) -> None:
    """The server while it is sent, and the worker that makes an image of it."""
    with served(deployed, in_folder, tmp_path) as who:
        _completed(who)
        _run_once(in_folder, tmp_path)  # folders that stay are there now
        trap.set(0)
        _completed(who)
        steps_sent = trap.steps
        assert steps_sent
        _run_once(in_folder, tmp_path)
        for step in range(1, trap.steps + 1):
            begun = who.begin()
            if step <= steps_sent:
                trap.set(step)
                with pytest.raises(Exception, match=r"RemoteDisconnected|ConnectionReset"):
                    who.send(begun)
                assert who.complete(begun).status == 409
            trap.set(0)
            assert who.send(begun) == 204
            assert who.complete(begun).status == 202
            if step > steps_sent:
                trap.set(step - steps_sent)
                with _worker(in_folder, tmp_path) as worker:
                    wait_until(lambda: not worker.is_running, f"death at {step}", seconds=90)
            trap.set(0)
            require_whole(images=Image.objects.count())
            require_finished()
        require_swept()


# -- the commit


def test_a_server_dies_between_the_commit_and_the_answer(
    deployed: Deployment, trap: FolderTrap, in_folder: dict[str, str], tmp_path: Path
) -> None:
    """At each commit of an upload: of the message that would discard its objects, and of its row."""
    if "mysql" not in in_folder["DATABASE_URL"]:
        pytest.skip("The proxy reads the protocol of MariaDB and MySQL.")
    head, _, name = in_folder["DATABASE_URL"].rpartition("/")
    database = Proxy(int(head.rpartition(":")[2]))
    url = f"{head.rpartition(':')[0]}:{database.port}/{name}"
    try:
        with served(deployed, {**in_folder, "DATABASE_URL": url}, tmp_path) as who:
            who.upload(str(uuid7()))
            for spared in itertools.count():
                victims: list[int] = []
                database.cut_commits(1, lambda: victims.append(who.server.kill_a_worker()), spared=spared)  # noqa: B023
                uploaded_in_spite(who, lambda: True)
                database.cut_commits(0)
                if not victims:
                    break
            assert spared >= 2
            require_swept()
    finally:
        database.close()
