"""The storm, against the server in memory: that it ends well, and that it notices when it does not."""

import json
import re
import time as clock
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_api import APP_KEY_ID, APP_KEY_SECRET, BASE_URL, FakeApi, problem, success
from handset_client import FileStorage, MemoryStorage, NetworkFailure, Refused
from handset_client.__main__ import main
from handset_client.demo import Unexpected
from handset_client.storm import Journal, Storm

SEED = 2505


@pytest.fixture(autouse=True)
def _now(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """The phone of a storm believes the machine's clock."""
    api.time.now = clock.time()
    monkeypatch.setattr("handset_client.delivery._BACKOFF_SECONDS", 0)


def storm(api: FakeApi, directory: Path, say: Callable[[str], object], *, seed: int = SEED, contacts: int = 7) -> Storm:
    return Storm(
        BASE_URL,
        APP_KEY_ID,
        APP_KEY_SECRET,
        transport=api,
        state_directory=directory,
        contacts=contacts,
        seed=seed,
        say=say,
        sleep=lambda _seconds: None,
    )


@pytest.mark.parametrize("seed", range(8))
def test_storm_ends_with_one_of_each(api: FakeApi, tmp_path: Path, seed: int) -> None:
    said: list[str] = []
    storm(api, tmp_path, said.append, seed=seed).run()
    assert "Nothing doubled, nothing lost" in said[-1]
    assert (len(api.devices), len(api.users), len(api.contacts)) == (1, 1, 7)
    assert (
        sorted((each["version"], each["is_deleted"]) for each in api.contacts.values())
        == [(2, False)] * 4 + [(2, True)] * 3
    )
    assert Journal(FileStorage(tmp_path / "journal.json")).pending == []


def test_storm_tells_what_was_lost_and_what_the_repeat_was(api: FakeApi, tmp_path: Path) -> None:
    said: list[str] = []
    storm(api, tmp_path, said.append).run()
    transcript = "\n".join(said)
    assert "ok   device/register/     201 lost, 200 (the same device_id)" in said
    assert re.search(r"create-\d+ .*201 lost, .*201 \(replayed\)", transcript)
    assert "request lost" in transcript
    assert "the app is killed while create-" in transcript
    assert sum(line.startswith("ok ") for line in said) == 3 + 7 + 1 + 7 + 1 + 3 + 1


def test_same_seed_loses_the_same(api: FakeApi, tmp_path: Path) -> None:
    stories = []
    for run in range(2):
        said: list[str] = []
        storm(api, tmp_path / str(run), said.append).run()
        stories.append(sorted(said))  # two threads may end in either order
    assert stories[0] == stories[1]


def test_storm_counts_pages_to_the_end(api: FakeApi, tmp_path: Path) -> None:
    said: list[str] = []
    storm(api, tmp_path, said.append, contacts=160).run()
    assert said[-1].startswith("106 are there")
    assert [request.query.get("limit") for request in api.sent("contacts/") if request.method == "GET"] == [["100"]] * 2


def test_storm_fails_where_a_repeat_is_carried_out_anew(api: FakeApi, tmp_path: Path) -> None:
    api.keeps_answers = False
    with pytest.raises(Unexpected, match=r"create-\d+ was carried out twice"):
        storm(api, tmp_path, str).run()


def test_storm_fails_where_a_registration_is_doubled(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register = api._register

    def forget_and_register(data: dict[str, Any]) -> object:
        api.devices.clear()
        return register(data)

    monkeypatch.setattr(api, "_register", forget_and_register)
    with pytest.raises(Unexpected, match="several device_id: 2"):
        storm(api, tmp_path, str).run()


def lose_one(contacts: dict[str, dict[str, Any]]) -> None:
    del contacts[min(each["id"] for each in contacts.values() if not each["is_deleted"])]


def double_one(contacts: dict[str, dict[str, Any]]) -> None:
    contacts["another"] = next(each for each in contacts.values() if not each["is_deleted"])


def change_one_twice(contacts: dict[str, dict[str, Any]]) -> None:
    next(each for each in contacts.values() if not each["is_deleted"])["version"] += 1


def bring_one_back(contacts: dict[str, dict[str, Any]]) -> None:
    next(each for each in contacts.values() if each["is_deleted"])["is_deleted"] = False


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lose_one, "1 contacts are not as they should be"),
        (double_one, "1 contacts should not be there"),
        (change_one_twice, "1 contacts are not as they should be"),
        (bring_one_back, "1 contacts should not be there"),
    ],
)
def test_storm_fails_where_the_contacts_are_others(
    api: FakeApi, tmp_path: Path, damage: Callable[[dict[str, dict[str, Any]]], None], complaint: str
) -> None:
    def damage_at_the_end(line: str) -> None:
        if "device/rotate/" in line:
            damage(api.contacts)

    with pytest.raises(Unexpected, match=complaint):
        storm(api, tmp_path, damage_at_the_end).run()


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"device": {"id": "another"}, "session_id": "any"}, "another device"),
        ({"device": {"id": None}, "session_id": "another"}, "the session has ended"),
    ],
)
def test_storm_fails_where_the_token_is_anothers(
    api: FakeApi, tmp_path: Path, document: dict[str, Any], complaint: str
) -> None:
    def answer_at_the_end(line: str) -> None:
        if "device/rotate/" in line:
            device = document["device"]
            device["id"] = device["id"] or next(iter(api.devices))
            api.script["auth/check/"] = [success(document)]

    with pytest.raises(Unexpected, match=complaint):
        storm(api, tmp_path, answer_at_the_end).run()


def test_storm_waits_out_a_busy_server(api: FakeApi, tmp_path: Path) -> None:
    said: list[str] = []
    api.script["contacts/"] = [problem(429, "throttled", headers={"Retry-After": "2"}) for _ in range(9)]
    storm(api, tmp_path, said.append).run()
    assert "9 told us to wait" in said[-3]


def test_storm_gives_up_where_nobody_is(tmp_path: Path, api: FakeApi) -> None:
    api.script["device/register/"] = ["lose the request"] * 100
    with pytest.raises(NetworkFailure):
        storm(api, tmp_path, str).run()


def test_storm_fails_where_the_server_refuses(api: FakeApi, tmp_path: Path) -> None:
    api.script["auth/register/"] = [problem(403, "registration_closed")] * 9
    with pytest.raises(Refused, match="registration_closed"):
        storm(api, tmp_path, str).run()


def test_journal_outlives_the_app() -> None:
    storage = MemoryStorage()
    Journal(storage).plan("POST", {"create-1": "a", "create-2": "b"}, lambda contact_id: {"id": contact_id})
    writes = Journal(storage).pending
    assert [(write.name, write.json) for write in writes] == [("create-1", {"id": "a"}), ("create-2", {"id": "b"})]
    assert len({write.headers["Idempotency-Key"] for write in writes}) == 2
    assert Journal(storage).pending == writes


# -- the command line


@pytest.fixture
def options(api: FakeApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    monkeypatch.setattr("handset_client.__main__.HttpTransport", lambda: api)
    file = tmp_path / "demo.json"
    file.write_text(json.dumps({"base_url": BASE_URL, "app_key": {"id": APP_KEY_ID, "secret": APP_KEY_SECRET}}))
    return ["--demo-file", str(file), "--contacts", "3"]


def test_storm_command(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["storm", *options]) == 0
    assert "Nothing doubled, nothing lost." in capsys.readouterr().out


def test_storm_command_fails_with_the_reason(
    options: list[str], api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.keeps_answers = False
    assert main(["storm", *options, "--contacts", "7"]) == 1
    assert "was carried out twice" in capsys.readouterr().err


def test_storm_command_needs_a_contact(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["storm", *options, "--contacts", "0"]) == 1
    assert "--contacts" in capsys.readouterr().err
