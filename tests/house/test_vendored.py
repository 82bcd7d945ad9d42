"""What others wrote and we serve: as they released it, with their licence."""

import hashlib
import tomllib
from pathlib import Path

VENDOR = Path(__file__).parent.parent.parent / "static/cms/vendor"
TABLE = tomllib.loads((VENDOR / "VENDOR.toml").read_text())


def test_every_file_is_the_one_that_was_released() -> None:
    for entry in TABLE.values():
        file = VENDOR / entry["file"]
        assert hashlib.sha256(file.read_bytes()).hexdigest() == entry["sha256"]
        assert (file.parent / "LICENSE").exists()


def test_nothing_is_there_that_nobody_answers_for() -> None:
    told = {VENDOR / entry["file"] for entry in TABLE.values()}
    found = {file for file in VENDOR.rglob("*") if file.is_file() and file.name not in ("LICENSE", "VENDOR.toml")}
    assert found == told
