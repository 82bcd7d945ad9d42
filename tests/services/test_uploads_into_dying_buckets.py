"""Uploads into a bucket, whose server, worker or bucket dies at every step of them: no image without its objects, and once
what was begun has been swept no object without its image.

`kill -9` of real processes, before each thing that they ask. A bucket that dies keeps what it has carried out: it is a
server that speaks S3 behind a proxy, which lets nothing through from a certain request on.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from handset_client.outcomes import accept

from api.models import Image
from api.models.base import uuid7
from api.platform import storage
from tests.buckets import BUCKET
from tests.services.conftest import Deployment
from tests.services.deaths import BucketProxy
from tests.services.servers import Process, wait_until
from tests.services.uploads import (
    IN_PARTS,
    PICTURE,
    STEPS_MIN,
    completed,
    forget_what_others_left,
    require_finished,
    require_swept,
    require_whole,
    run_all,
    run_once,
    served,
    uploaded_in_spite,
    worker_of,
)

pytestmark = pytest.mark.services


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


@pytest.mark.parametrize("picture", [PICTURE, IN_PARTS], ids=["form", "parts"])
def test_a_worker_dies_at_each_request_of_what_was_sent_to_the_bucket(
    deployed: Deployment, in_bucket: dict[str, str], proxy: BucketProxy, tmp_path: Path, picture: bytes
) -> None:
    """Parts it has to join before it reads them. The last of its requests delete what was sent, when the image is there."""
    with served(deployed, in_bucket, tmp_path) as who:
        completed(who, picture)
        steps = steps_of(proxy, lambda: run_once(in_bucket, tmp_path))
        for step in range(1, steps + 1):
            completed(who, picture)
            victims: list[Process] = []
            with worker_of(in_bucket, tmp_path) as worker:
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
        run_all()
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
        completed(who, picture)
        for step in range(1, steps_of(proxy, run_all) + 1):
            completed(who, picture)
            proxy.go(step, is_carried_out=is_carried_out)
            run_all()
            assert proxy.requests >= step
            proxy.be_well()
            require_whole(images=Image.objects.count())
            require_finished()
        require_swept()
    default_storage.connection.meta.client.close()  # type: ignore[attr-defined]  # a bucket
