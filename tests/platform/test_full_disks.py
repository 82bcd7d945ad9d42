"""A disk that is full where files are kept: whatever was to be stored is refused, and nothing of it stays to take more of it.

The disk is a file system in memory of a few pages.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.exceptions import TemporarilyUnavailable
from api.platform import storage, uploads

PAGE = 4096


@pytest.fixture
def disk(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """Where files are kept: room for sixty-four pages."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={64 * PAGE}", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("Only root mounts a file system.")
    options = {**settings.STORAGES["default"]["OPTIONS"], "location": str(folder)}
    settings.STORAGES = {**settings.STORAGES, "default": {**settings.STORAGES["default"], "OPTIONS": options}}
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def free_pages(disk: Path) -> int:
    return os.statvfs(disk).f_bfree


def test_what_has_no_room_leaves_nothing(disk: Path) -> None:
    free = free_pages(disk)
    with pytest.raises(TemporarilyUnavailable):
        storage.save("imports/x", b"x" * PAGE * 65)
    assert list(storage.listed()) == []
    assert free_pages(disk) == free
    storage.save("imports/x", b"x" * PAGE * (free - 1))
    assert [found.size_bytes for found in storage.listed()] == [PAGE * (free - 1)]


@pytest.mark.parametrize("room", [0, 1, 10, 20, 30])
def test_of_objects_that_belong_together_there_are_all_or_none(disk: Path, room: int) -> None:
    storage.save("imports/filler", b"x" * PAGE * (free_pages(disk) - room))
    together = [(f"images/x/{number}", b"y" * PAGE * 10) for number in range(4)]
    with pytest.raises(TemporarilyUnavailable):
        storage.save_all(together)
    assert [found.name for found in storage.listed()] == ["imports/filler"]
    storage.delete(["imports/filler"])
    storage.save_all(together)
    assert sorted(found.name for found in storage.listed()) == [name for name, _ in together]


def test_a_part_that_has_no_room_is_missing(disk: Path) -> None:
    file = uploads.Announced("uploads/x", "image/jpeg", PAGE * 20, bytes(32))
    storage.save("imports/filler", b"x" * PAGE * (free_pages(disk) - 10))
    with pytest.raises(TemporarilyUnavailable):
        storage.save("uploads/x/1", b"x" * file.size_bytes)
    assert uploads.missing_parts(file) == [1]
    assert [found.name for found in storage.listed()] == ["imports/filler"]
