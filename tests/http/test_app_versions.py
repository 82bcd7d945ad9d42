"""`X-App-Version` below its platform's minimum: 426, but for what an old app needs to leave well."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from api.apis.onboarding import services
from api.exceptions import InvalidInput
from api.models import AppVersion, AuditEntry
from api.platform import app_versions, callers
from tests.apis.auth.wire import commit
from tests.conftest import Person
from tests.http.answers import problem_of

pytestmark = pytest.mark.django_db

STORE = "https://store.example.com/handset"


@pytest.fixture
def minimum() -> None:
    commit(
        services.set_app_version,
        callers.command(),
        platform="ios",
        facts={"minimum_version": "2.10", "store_url": STORE},
    )


def headers(version: str, platform: str = "ios") -> dict[str, str]:
    return {"X-App-Version": version, "X-App-Platform": platform}


@pytest.mark.usefixtures("minimum")
@pytest.mark.parametrize("version", ["2.9", "2", "1.99.99", "0.1", "2.9.9-beta+7", "2.9 (417)"])
def test_below_the_minimum(alice: Person, send: Any, version: str) -> None:
    document = problem_of(
        send("GET", "/api/v1/users/me/", person=alice, headers=headers(version)), 426, "app_upgrade_required"
    )
    assert document["store_url"] == STORE


@pytest.mark.usefixtures("minimum")
@pytest.mark.parametrize(
    "given",
    [
        headers("2.10"),
        headers("2.10.0.0"),
        headers("2.11"),
        headers("10"),
        headers("2.10-beta"),
        headers("2.9", "android"),
        headers("2.9", "toaster"),
        headers("newest"),
        headers(""),
        {"X-App-Version": "1.0"},
        {"X-App-Platform": "ios"},
        {},
    ],
    ids=str,
)
def test_served(alice: Person, send: Any, given: dict[str, str]) -> None:
    assert send("GET", "/api/v1/users/me/", person=alice, headers=given).status_code == 200


@pytest.mark.usefixtures("minimum")
def test_an_old_app_still_registers_and_gets_its_tokens(new_phone: Any, send: Any) -> None:
    phone, _ = new_phone()
    object.__setattr__(phone, "_info", type(phone._info)(platform="ios", app_version="1.0"))
    assert phone.get_token().status == 200
    assert phone.refresh().status == 200
    problem_of(phone.request("GET", "users/me/"), 426, "app_upgrade_required")
    assert send("GET", "/api/v1/health", headers=headers("1.0")).status_code == 200
    phone.sign_up("ada@example.com", "correct horse battery staple")
    phone.sign_out()
    phone.revoke_device()


def test_minimum_is_told_and_kept_to_by_the_next_call(alice: Person, send: Any) -> None:
    def status() -> int:
        return int(send("GET", "/api/v1/users/me/", person=alice, headers=headers("1.0")).status_code)

    assert status() == 200
    commit(services.set_app_version, callers.command(), platform="ios", facts={"minimum_version": "2", "store_url": ""})
    assert status() == 426
    commit(services.set_app_version, callers.command(), platform="ios", facts={"minimum_version": "0", "store_url": ""})
    assert status() == 200
    entries = AuditEntry.objects.filter(action="app_version.changed").order_by("id")
    assert [entry.changes["minimum_version"] for entry in entries] == [[None, "2"], ["2", "0"]]


def test_each_process_reads_it_once_in_five_seconds(django_assert_num_queries: Any) -> None:
    app_versions.forget()
    with django_assert_num_queries(1):
        for _ in range(3):
            app_versions._minimums(7)
    with django_assert_num_queries(1):
        app_versions._minimums(8)


def test_command_sets_and_shows(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("app_version", "set", "android", "3.1", "--store-url", STORE)
    assert capsys.readouterr().out == f"android\t3.1\t\t{STORE}\n"
    call_command("app_version", "set", "android", "3.1", "--latest", "3.4", "--notice", "Back at nine.")
    assert capsys.readouterr().out == f"android\t3.1\t3.4\t{STORE}\tBack at nine.\n"
    with pytest.raises(CommandError, match="minimum_version"):
        call_command("app_version", "set", "android", "3.x")
    with pytest.raises(CommandError, match="store_url"):
        call_command("app_version", "set", "android", "3.2", "--store-url", "javascript:alert(1)")
    assert AppVersion.objects.get().minimum_version == "3.1"


def test_what_makes_no_sense_is_refused_and_what_is_not_given_stays() -> None:
    for facts in (
        {"minimum_version": "3", "latest_version": "2.9"},
        {"latest_version": "newest"},
        {"notice": "x" * 501},
        {"store_url": "javascript:alert(1)"},
    ):
        with pytest.raises(InvalidInput):
            services.set_app_version(callers.command(), platform="ios", facts=facts)
    assert not AppVersion.objects.exists()
    services.set_app_version(callers.command(), platform="ios", facts={"notice": "Back at nine."})
    services.set_app_version(callers.command(), platform="ios", facts={"latest_version": "2.0"})
    services.set_app_version(callers.command(), platform="ios", facts={"latest_version": "2.0"})
    assert AppVersion.objects.get().notice == "Back at nine."
    assert AuditEntry.objects.filter(action="app_version.changed").count() == 2


@pytest.mark.parametrize("version", ["", "v1", "1.", ".1", "1.2.3.4.5", "1" * 40, "1.2-beta"])
def test_other_versions_are_refused(version: str) -> None:
    with pytest.raises(InvalidInput):
        services.set_app_version(callers.command(), platform="ios", facts={"minimum_version": version, "store_url": ""})
