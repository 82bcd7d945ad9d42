"""docs/accounts.md names every call of accounts with the tests that prove it, and names no test that is not there."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from django.conf import settings

from api.urls import DOMAINS

TABLE = (
    (Path(settings.BASE_DIR) / "docs/accounts.md").read_text(encoding="utf-8").partition("## Calls and their tests")[2]
)
FOLDERS = ("", "tests/apis/auth", "tests/apis/users", "tests/services")
PREFIXES = {domain: prefix for prefix, domain in DOMAINS}


def addresses(domain: str) -> list[str]:
    """Where a domain's views are, as documents write it: `devices/<id>/`."""
    patterns = import_module(f"api.apis.{domain}.urls").urlpatterns
    found = [PREFIXES[domain] + str(pattern.pattern) for pattern in patterns]
    return [re.sub(r"<str:(?:\w+_)?(\w+)>", r"<\1>", address) for address in found]


@pytest.mark.parametrize("address", [*addresses("auth"), *addresses("users"), *addresses("devices")])
def test_every_call_of_accounts_is_in_the_table(address: str) -> None:
    assert re.search(rf"`(?:[A-Z]+ )?{re.escape(address)}`", TABLE)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([\w/]*test_\w+\.py)`", TABLE))))
def test_every_test_in_the_table_is_there(name: str) -> None:
    assert any((Path(settings.BASE_DIR) / folder / name).is_file() for folder in FOLDERS)
