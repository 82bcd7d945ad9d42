"""`manage.py app_key`: the keys that builds of the app register with."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from handset_client.device_info import DeviceInfo
from handset_client.keys import b64url, unb64url
from pytest_django import Settings

from api.models import AppKey, AppKeyStatus, AuditEntry
from api.platform import device_keys
from tests.apis.auth.wire import rows
from tests.phones import make_phone

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("app_key", *arguments, stdout=out)
    return out.getvalue()


def made(key_id: str = "ios-2026-11") -> str:
    """A new key's secret, as it is printed."""
    lines = dict(line.split(": ") for line in run("create", key_id, "--platform", "ios").splitlines())
    assert lines["key id"] == key_id
    return lines["secret"]


def test_new_key_registers_phones() -> None:
    phone, _ = make_phone("ios-2026-11", made(), info=DeviceInfo(platform="ios"))
    assert phone.register_device()


def test_secret_is_printed_once_and_kept_sealed() -> None:
    secret = made()
    row = AppKey.objects.get()
    assert device_keys.app_secret(row) == unb64url(secret)
    assert len(unb64url(secret)) == 32
    assert secret not in repr(rows())
    assert repr(unb64url(secret)) not in repr(rows())
    assert secret not in run("list")
    # Moved to another row, the sealed secret does not open.
    other = AppKey(key_id="other", sealed_secret=row.sealed_secret)
    with pytest.raises(ValueError):
        device_keys.app_secret(other)


def test_status_changes_and_is_audited() -> None:
    made()
    for verb, status in (("deprecate", "deprecated"), ("block", "blocked"), ("activate", "active")):
        assert status in run(verb, "ios-2026-11")
        assert AppKey.objects.get().status == AppKeyStatus(status)
        assert status in run("list")
    actions = list(AuditEntry.objects.order_by("id").values_list("action", "channel"))
    assert actions == [("app_key.created", "cli"), *[("app_key.status_changed", "cli")] * 3]


def test_name_is_taken_once() -> None:
    made()
    before = rows()
    with pytest.raises(CommandError, match="already"):
        made()
    assert rows() == before


@pytest.mark.parametrize("key_id", ["", "-x", "Upper", "a b", "a:b", "app:x", "x" * 65, "é", "a/b", "'--"])
def test_name_is_one_that_a_signature_can_carry(key_id: str) -> None:
    with pytest.raises(CommandError):
        run("create", "--platform", "ios", "--", key_id)
    assert not AppKey.objects.exists()


@pytest.mark.parametrize("verb", ["deprecate", "block", "activate", "set"])
def test_unknown_key_is_said(verb: str) -> None:
    with pytest.raises(CommandError, match="no app key"):
        run(verb, "nobody")


def test_platform_is_known() -> None:
    with pytest.raises(CommandError):
        run("create", "x", "--platform", "toaster")


# -- what is said of a key


def terms() -> tuple[int | None, int | None, int, str]:
    row = AppKey.objects.get()
    return row.minimum_build, row.maximum_build, row.registrations_per_minute, row.store_url


def test_terms_are_set_at_the_beginning_and_later() -> None:
    run("create", "x", "--platform", "ios", "--minimum-build", "7", "--store-url", "https://store.example/app")
    assert terms() == (7, None, 600, "https://store.example/app")
    told = run("set", "x", "--maximum-build", "9", "--registrations-per-minute", "60")
    assert terms() == (7, 9, 60, "https://store.example/app")
    assert "builds 7–9" in told
    assert "60/min" in told
    assert "https://store.example/app" in run("list")
    run("set", "x", "--minimum-build", "none", "--store-url", "")
    assert terms() == (None, 9, 60, "")


def test_what_changed_is_audited_and_nothing_else() -> None:
    run("create", "x", "--platform", "ios")
    run("set", "x", "--minimum-build", "7", "--registrations-per-minute", "600")
    run("set", "x", "--minimum-build", "7")
    entry = AuditEntry.objects.order_by("id").get(action="app_key.changed")
    assert entry.changes == {"minimum_build": [None, 7]}
    assert entry.target_id == "x"


@pytest.mark.parametrize(
    "given",
    [
        ("--minimum-build", "10", "--maximum-build", "9"),
        ("--minimum-build", "-1"),
        ("--minimum-build", "seven"),
        ("--registrations-per-minute", "0"),
        ("--registrations-per-minute", "-1"),
        ("--registrations-per-minute", str(10**9)),
        ("--store-url", "not an address"),
        ("--store-url", "javascript:alert(1)"),
        ("--store-url", "https://store.example/" + "a" * 500),
    ],
)
def test_terms_that_make_no_sense_are_refused(given: tuple[str, ...]) -> None:
    made("x")
    before = rows()
    with pytest.raises(CommandError):
        run("set", "x", *given)
    with pytest.raises(CommandError):
        run("create", "y", "--platform", "ios", *given)
    assert rows() == before


@pytest.mark.parametrize("terms", [{"minimum_build": 2, "maximum_build": 1}, {"registrations_per_minute": 0}])
def test_the_database_refuses_them_too(terms: dict[str, int]) -> None:
    made()
    with pytest.raises(IntegrityError), transaction.atomic():
        AppKey.objects.update(**terms)


def test_secrets_move_to_a_new_field_key(settings: Settings) -> None:
    secret = made()
    before = settings.FIELD_KEYS
    settings.FIELD_KEYS = f"new:{b64url(bytes(range(32)))},{before}"
    assert run("reseal") == "1 resealed\n"
    assert run("reseal") == "0 resealed\n"
    row = AppKey.objects.get()
    assert row.sealed_secret.startswith("new.")
    assert device_keys.app_secret(row) == unb64url(secret)


def test_a_field_key_that_left_too_early_is_noticed_and_nothing_changes(settings: Settings) -> None:
    made()
    sealed = AppKey.objects.get().sealed_secret
    settings.FIELD_KEYS = f"new:{b64url(bytes(range(32)))}"
    with pytest.raises(ValueError):
        run("reseal")
    assert AppKey.objects.get().sealed_secret == sealed
