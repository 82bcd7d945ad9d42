"""Uploads into a folder, whose server or worker dies at every step of them: no image without its objects, and once what was
begun has been swept no object without its image. `kill -9` of real processes, before each thing that they do in the folder.
"""

import itertools
from pathlib import Path
from typing import Any

import pytest

from api.models import Image
from api.models.base import uuid7
from tests.faults.proxy import Proxy
from tests.services.conftest import Deployment
from tests.services.deaths import FolderTrap
from tests.services.servers import wait_until
from tests.services.uploads import (
    IN_PARTS,
    PICTURE,
    STEPS_MIN,
    completed,
    forget_what_others_left,
    require_finished,
    require_swept,
    require_whole,
    run_once,
    served,
    uploaded_in_spite,
    worker_of,
)

pytestmark = pytest.mark.services


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


@pytest.mark.parametrize("picture", [PICTURE, IN_PARTS], ids=["form", "parts"])
def test_who_takes_what_was_sent_to_the_folder_dies_at_each_step(
    deployed: Deployment, in_folder: dict[str, str], trap: FolderTrap, tmp_path: Path, picture: bytes
) -> None:
    """The server while it is sent, and the worker that makes an image of it."""
    with served(deployed, in_folder, tmp_path) as who:
        completed(who, picture)
        run_once(in_folder, tmp_path)  # folders that stay are there now
        trap.set(0)
        completed(who, picture)
        steps_sent = trap.steps
        assert steps_sent
        run_once(in_folder, tmp_path)
        for step in range(1, trap.steps + 1):
            begun = who.begin(picture)
            if step <= steps_sent:
                trap.set(step)
                with pytest.raises(Exception, match=r"RemoteDisconnected|ConnectionReset"):
                    who.send(begun, picture)
                assert who.complete(begun).status == 409
            trap.set(0)
            assert who.send(begun, picture) == 204
            assert who.complete(begun).status == 202
            if step > steps_sent:
                trap.set(step - steps_sent)
                with worker_of(in_folder, tmp_path) as worker:
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
