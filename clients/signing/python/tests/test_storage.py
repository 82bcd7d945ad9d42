"""A state file is whole or as it was before, and nobody else's business."""

import os
import stat
from pathlib import Path

import pytest
from handset_client import FileStorage, MemoryStorage


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app" / "state.json"


def test_nothing_is_there_before_the_first_save(path: Path) -> None:
    assert FileStorage(path).load() is None
    assert MemoryStorage().load() is None


def test_what_was_saved_is_there_for_the_next_process(path: Path) -> None:
    FileStorage(path).save({"key": "ü"})
    FileStorage(path).save({"key": None})
    assert FileStorage(path).load() == {"key": None}


def test_file_is_for_its_owner_only(path: Path) -> None:
    old_mask = os.umask(0)
    try:
        FileStorage(path).save({})
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("step", ["fsync", "close"])
def test_crash_while_writing_leaves_the_old_state(path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    storage = FileStorage(path)
    storage.save({"generation": 1})

    def crash(*_arguments: object) -> None:
        raise OSError("power failure")

    target, name = (os, "fsync") if step == "fsync" else (Path, "replace")
    with monkeypatch.context() as patch:
        patch.setattr(target, name, crash)
        with pytest.raises(OSError, match="power failure"):
            storage.save({"generation": 2})
    assert FileStorage(path).load() == {"generation": 1}

    storage.save({"generation": 3})
    assert FileStorage(path).load() == {"generation": 3}
    assert list(path.parent.iterdir()) == [path]


def test_bytes_are_on_the_disk_before_they_have_the_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noting_fsync(descriptor: int) -> None:
        is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        steps.append("sync directory" if is_directory else "sync file")
        fsync(descriptor)

    def noting_replace(source: Path, target: Path) -> Path:
        steps.append("replace")
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(Path, "replace", noting_replace)
    FileStorage(path).save({})
    assert steps == ["sync file", "replace", "sync directory"]


def test_leftover_with_loose_permissions_is_not_written_into(path: Path) -> None:
    path.parent.mkdir()
    leftover = path.with_name("state.json.new")
    leftover.write_text("half")
    leftover.chmod(0o666)
    FileStorage(path).save({"secret": "x"})
    assert not leftover.exists()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_file_that_is_not_ours_is_refused(path: Path) -> None:
    path.parent.mkdir()
    for text in ("[]", "not JSON"):
        path.write_text(text)
        with pytest.raises(ValueError):
            FileStorage(path).load()


def test_memory_keeps_a_copy() -> None:
    storage = MemoryStorage()
    data = {"key": 1}
    storage.save(data)
    data["key"] = 2
    assert storage.load() == {"key": 1}
