"""The demo and the command line."""

import itertools
import json
import shlex
import time as clock
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fake_api import APP_KEY_ID, APP_KEY_SECRET, BASE_URL, FakeApi, FakeTime, problem, success
from handset_client import Refused, Response, ServerClock, uuid7
from handset_client.__main__ import main
from handset_client.demo import Demo, Unexpected


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def demo(api: FakeApi, time: FakeTime, said: list[str], tmp_path: Path) -> Demo:
    return make_demo(api, time, said, tmp_path)


def make_demo(api: FakeApi, time: FakeTime, said: list[str], directory: Path, *, hardware_key: bool = False) -> Demo:
    return Demo(
        BASE_URL,
        APP_KEY_ID,
        APP_KEY_SECRET,
        transport=api,
        state_directory=directory,
        hardware_key=hardware_key,
        clock=ServerClock(wall=time, monotonic=time),
        say=said.append,
        sleep=time.sleep,
    )


@pytest.mark.parametrize("hardware_key", [False, True])
def test_demo_walks_to_the_end(
    api: FakeApi, time: FakeTime, said: list[str], tmp_path: Path, hardware_key: bool
) -> None:
    make_demo(api, time, said, tmp_path, hardware_key=hardware_key).run()
    assert "revoked the device" in said[-1]
    assert (len(api.devices), len(api.users), len(api.contacts)) == (1, 1, 1)


def test_demo_can_be_walked_again(api: FakeApi, time: FakeTime, said: list[str], tmp_path: Path) -> None:
    make_demo(api, time, said, tmp_path).run()
    make_demo(api, time, said, tmp_path).run()
    assert len(api.devices) == 2


def test_demo_says_when_it_has_to_wait(demo: Demo, api: FakeApi, said: list[str]) -> None:
    busy = problem(429, "throttled", headers={"Retry-After": "12"})
    api.script["token/pair/"] = [busy]
    demo.run()
    assert any("again in 12 s" in line for line in said)


def test_demo_fails_where_a_repetition_is_doubled(demo: Demo, api: FakeApi) -> None:
    class Forgetful(dict[str, dict[str, Any]]):
        def setdefault(self, _id: str, contact: Any = None) -> Any:
            self[str(len(self))] = contact
            return contact

    api.contacts = Forgetful()
    api.keeps_answers = False
    with pytest.raises(Unexpected, match="2 contacts"):
        demo.run()


def test_demo_fails_where_a_revoked_device_goes_on(demo: Demo, api: FakeApi, time: FakeTime) -> None:
    send = api.send

    def forgive(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        response = send(method, url, headers, body)
        for device in api.devices.values():
            device.is_revoked = False
        return response

    api.send = forgive  # type: ignore[method-assign]
    with pytest.raises(Unexpected, match="still gets answers"):
        demo.run()
    assert time.slept[-5:] == [1] * 5


def test_demo_fails_where_an_answer_lacks_something(demo: Demo, api: FakeApi) -> None:
    api.script["auth/check/"] = [success({})]
    with pytest.raises(Unexpected, match=r"KeyError.*device"):
        demo.run()


def test_demo_fails_where_the_server_refuses(demo: Demo, api: FakeApi) -> None:
    api.script["auth/register/"] = [problem(403, "registration_closed")]
    with pytest.raises(Refused, match="registration_closed"):
        demo.run()


# -- the command line


@pytest.fixture
def server(api: FakeApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A demo file; whoever connects to the server in it gets the one in memory."""
    api.time.now = clock.time()
    monkeypatch.setattr("handset_client.__main__.HttpTransport", lambda: api)
    monkeypatch.setattr("handset_client.delivery._BACKOFF_SECONDS", 0)
    file = tmp_path / "demo.json"
    app_key = {"id": APP_KEY_ID, "secret": APP_KEY_SECRET}
    file.write_text(json.dumps({"base_url": BASE_URL, "app_key": app_key}))
    return file


def test_demo_command(server: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--demo-file", str(server), "--hardware-key"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11
    assert all(line.startswith("ok ") for line in lines)


def test_demo_command_fails_with_the_reason(server: Path, api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.script["auth/register/"] = [problem(403, "registration_closed")]
    assert main(["demo", "--demo-file", str(server)]) == 1
    assert "FAILED: 403 registration_closed" in capsys.readouterr().err


@pytest.mark.usefixtures("server")
def test_server_may_be_named_by_options(tmp_path: Path) -> None:
    where = ["--base-url", BASE_URL, "--app-key-id", APP_KEY_ID]
    assert main(["demo", *where, "--app-key-secret", APP_KEY_SECRET]) == 0
    assert main(["demo", *where]) == 1
    assert main(["demo", "--demo-file", str(tmp_path / "nowhere.json")]) == 1
    (tmp_path / "empty.json").write_text("{}")
    assert main(["demo", "--demo-file", str(tmp_path / "empty.json")]) == 1


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["GET", "contacts/?q=ada"], 403),  # nobody is signed in: but the signature holds
        (["POST", "auth/register/", "--data", '{"email": "ada@example.com"}'], 200),
        (["POST", "device/revoke/"], 204),
    ],
)
def test_signed_curl_is_believed(
    server: Path,
    api: FakeApi,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
) -> None:
    options = ["--demo-file", str(server), "--state", str(server.parent / "state")]
    assert main(["sign", *options, *arguments]) == 0
    words = shlex.split(capsys.readouterr().out)
    pairs = list(itertools.pairwise(words))
    headers = dict(value.split(": ", 1) for option, value in pairs if option == "--header")
    given = dict(pairs)
    assert "Signature" in headers
    body = given.get("--data-raw", "").encode()
    assert api.send(given["--request"], words[-1], headers, body).status == status


# -- identifiers


def test_uuid7_is_one_and_in_order() -> None:
    ids = [uuid7() for _ in range(1000)]
    assert {(value.version, value.variant) for value in ids} == {(7, "specified in RFC 4122")}
    assert len(set(ids)) == 1000
    milliseconds = [value.int >> 80 for value in ids]
    assert milliseconds == sorted(milliseconds)
