"""Where the processes of one server keep what they count: files in one folder, which whoever is asked adds up.

A process writes under its place, not under its process id: who follows a worker that has ended goes on with its files,
so there are never more of them than there were workers at once. Without a folder a process counts for itself.

The folder is settled before `api.platform.metrics` is loaded, whose library looks for it then.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # as the library names it; processes hand it on to those that they start

_place = ""


def is_shared() -> bool:
    """Whether this process counts into a folder."""
    return _FOLDER in os.environ


def share() -> None:
    """Makes a folder for this process and those that it starts. `forget` removes it."""
    memory = Path("/dev/shm")  # noqa: S108 -- the files are mapped: let them never touch a disk
    folder = memory if os.access(memory, os.W_OK) else None
    os.environ[_FOLDER] = tempfile.mkdtemp(prefix="handset-metrics-", dir=folder)


def forget() -> None:
    """Removes the folder."""
    shutil.rmtree(os.environ.pop(_FOLDER), ignore_errors=True)


def place() -> str:
    """Under which name this process counts."""
    return _place or str(os.getpid())


def take(name: str) -> None:
    """Gives this process its place. No two that live may have the same."""
    global _place  # noqa: PLW0603 -- a process has one
    _place = name


def free(prefix: str, taken: Iterable[str]) -> str:
    """The first place that is not taken."""
    names = set(taken)
    return next(name for number in range(len(names) + 1) if (name := f"{prefix}{number}") not in names)


def leave(name: str) -> None:
    """Whoever had this place has ended: what only the living have, such as connections, counts no more."""
    for path in Path(os.environ[_FOLDER]).glob(f"gauge_live*_{name}.db"):
        path.unlink(missing_ok=True)
