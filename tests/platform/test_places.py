"""Where an address is: by the operator's file, or nowhere."""

from pathlib import Path
from typing import Any

import pytest

from api.platform import places
from core.checks import places_can_be_read
from tests.geography import database

LISBON = {"city": {"names": {"en": "Lisbon", "pt": "Lisboa"}}, "country": {"names": {"en": "Portugal"}}}


@pytest.fixture
def file(tmp_path: Path, settings: Any) -> Path:
    path = tmp_path / "places.mmdb"
    settings.GEOIP_PATH = str(path)
    return path


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "Lisbon, Portugal"),
        ("198.51.100.200", "Japan"),
        ("203.0.113.9", "Norway"),
        ("203.0.113.130", None),
        ("10.0.0.1", None),
        ("2001:db8::1", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_is_where_the_file_says(file: Path, address: str | None, place: str | None) -> None:
    known = {
        "192.0.2.0/24": LISBON,
        "198.51.100.128/25": {"country": {"names": {"en": "Japan"}}},
        "203.0.113.0/25": {"registered_country": {"names": {"en": "Norway"}}, "city": {"names": {"no": "Tromsø"}}},
        "203.0.113.128/25": {"traits": "unknown"},
    }
    file.write_bytes(database(known))
    assert list(places_can_be_read(None)) == []
    assert places.place_of(address) == place


def test_without_a_file_nothing_is_known(settings: Any) -> None:
    assert settings.GEOIP_PATH == ""
    assert places.place_of("192.0.2.1") is None
    assert list(places_can_be_read(None)) == []


@pytest.mark.parametrize("content", [None, b"", b"something else"])
def test_a_file_that_cannot_be_read_is_told_at_the_start(file: Path, content: bytes | None) -> None:
    if content is not None:
        file.write_bytes(content)
    [error] = places_can_be_read(None)
    assert error.msg.startswith("GEOIP_PATH names no GeoIP database: ")
