"""Where a client keeps what has to survive: a process that dies, a battery that is pulled out."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol


class Storage(Protocol):
    """Keeps one JSON object, whole or not at all. One client at a time owns it.

    It holds keys. On a phone: the Keychain or Keystore, left out of backups, beside a marker in
    the app's own container that tells a reinstallation (whose Keychain is older) from a restart.
    """

    def load(self) -> dict[str, Any] | None:
        """What was saved last, or None when nothing ever was."""

    def save(self, data: Mapping[str, Any]) -> None:
        """Returns when `data` will survive a crash; if it raises, the data before is intact."""


class FileStorage:
    """A JSON file for its owner's eyes only (0600)."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def load(self) -> dict[str, Any] | None:
        """Raises ValueError when the file is not one of ours, OSError when it cannot be read."""
        try:
            data = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return None
        if not isinstance(data, dict):
            raise ValueError(f"{self._path} does not hold a JSON object")
        return data

    def save(self, data: Mapping[str, Any]) -> None:
        """Writes beside the file, then replaces it in one step. Raises OSError."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Always the same name, so that what a crash left behind is swept by the next save.
        draft = self._path.with_name(self._path.name + ".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(data, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # the new name is durable only with its directory
        finally:
            os.close(directory)


class MemoryStorage:
    """Forgets with the process. A second client on the same one is the app started again."""

    def __init__(self) -> None:
        self._text: str | None = None

    def load(self) -> dict[str, Any] | None:
        return None if self._text is None else json.loads(self._text)

    def save(self, data: Mapping[str, Any]) -> None:
        self._text = json.dumps(data)
