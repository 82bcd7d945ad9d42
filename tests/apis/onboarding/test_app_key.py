"""`manage.py app_key`: the keys that builds of the app register with."""

import io

import pytest
from django.core.management import CommandError, call_command
from handset_client.keys import unb64url

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
    phone, _ = make_phone("ios-2026-11", made())
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


@pytest.mark.parametrize("verb", ["deprecate", "block", "activate"])
def test_unknown_key_is_said(verb: str) -> None:
    with pytest.raises(CommandError, match="no app key"):
        run(verb, "nobody")


def test_platform_is_known() -> None:
    with pytest.raises(CommandError):
        run("create", "x", "--platform", "toaster")
