"""`/files/…`: bytes for whoever has an address that was signed for them, while it is good; 404 for everybody else."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.core.exceptions import SuspiciousFileOperation

from api.exceptions import NotThere
from api.platform import storage
from tests.http.answers import problem_of
from tests.http.conftest import Send

NAME = "images/x1/ada-20261121T093000-7KQ2MX.webp"
AVATAR = "avatars/k3v9q2m7x4w8r5t1n6p0b7z2/avatar-ada-20261121T093000-7KQ2MX.webp"
CONTENT = b"RIFF....WEBP" + bytes(range(256)) * 40


@pytest.fixture
def address(files: Path) -> str:
    storage.save(NAME, CONTENT)
    return storage.address_of(NAME)


def load(browser: Any, address: str, **headers: str) -> Any:
    answer = browser.get(address, headers=headers)
    body = b"".join(answer) if answer.streaming else answer.content
    return answer, body


def test_it_is_the_file_and_nothing_a_browser_could_run(browser: Any, address: str) -> None:
    answer, body = load(browser, address)
    assert (answer.status_code, body) == (200, CONTENT)
    assert answer["Content-Type"] == "image/webp"
    assert answer["Content-Length"] == str(len(CONTENT))
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["Content-Disposition"] == f'inline; filename="{NAME.rpartition("/")[2]}"'
    assert answer["X-Request-ID"]
    assert "X-RateLimit-Limit" not in answer


def test_it_asks_no_database(browser: Any, address: str, django_assert_num_queries: Any) -> None:
    """Without the mark that lets a test use one, any query would fail."""
    assert load(browser, address)[0].status_code == 200


def test_it_may_be_kept_as_long_as_its_address_is_good(browser: Any, address: str) -> None:
    with time_machine.travel(time.time(), tick=False):
        answer, _ = load(browser, address)
        directives = answer["Cache-Control"].split(", ")
        assert directives[0::2] == ["private", "immutable"]
        left = int(parse_qs(urlsplit(address).query)["expires"][0]) - int(time.time())
        assert directives[1] == f"max-age={left}"
    unchanged, body = load(browser, address, if_none_match=answer["ETag"])
    assert (unchanged.status_code, body, unchanged["ETag"]) == (304, b"", answer["ETag"])
    assert load(browser, address, if_none_match='"other"')[0].status_code == 200


@pytest.mark.django_db  # the client ends what was streamed as a server does: connections are looked at
def test_head(send: Send, address: str) -> None:
    assert send("HEAD", address).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_it_is_only_read(send: Send, address: str, method: str) -> None:
    answer = send(method, address)
    problem_of(answer, 405, "method_not_allowed")
    assert answer["Allow"] == "GET, HEAD"


def test_the_address_stays_the_same_for_a_while_and_lives_no_longer_than_it_may(files: Path, settings: Any) -> None:
    storage.save(NAME, CONTENT)
    start = 1_800_000_000 // 900 * 900
    seen: dict[str, list[int]] = {}
    for second in range(0, 1800, 10):
        with time_machine.travel(start + second, tick=False):
            address = storage.address_of(NAME)
            left = int(parse_qs(urlsplit(address).query)["expires"][0]) - (start + second)
            assert settings.FILE_URL_SECONDS / 2 < left <= settings.FILE_URL_SECONDS
            seen.setdefault(address, []).append(second)
    assert [len(seconds) for seconds in seen.values()] == [45] * 4


def test_an_address_runs_out(browser: Any, files: Path) -> None:
    storage.save(NAME, CONTENT)
    start = 1_800_000_000 // 900 * 900
    with time_machine.travel(start, tick=False):
        address = storage.address_of(NAME)
    with time_machine.travel(start + 899, tick=False):
        assert load(browser, address)[0].status_code == 200
    for later in (900, 901, 10**7):
        with time_machine.travel(start + later, tick=False):
            problem_of(browser.get(address), 410, "file_link_expired")


def test_a_guessed_or_changed_address_is_404(browser: Any, address: str, settings: Any) -> None:
    storage.save("images/y2/somebody-elses.webp", CONTENT)
    path, _, query = address.partition("?")
    given = {name: values[0] for name, values in parse_qs(query).items()}
    expires, signature = given["expires"], given["signature"]
    other = "/files/images/y2/somebody-elses.webp"
    guesses = [
        path,
        other,
        f"{other}?{query}",
        f"{path}?expires={expires}",
        f"{path}?signature={signature}",
        f"{path}?expires={int(expires) + 1}&signature={signature}",
        f"{path}?expires=9999999999&signature={signature}",
        f"{path}?expires=&signature=",
        f"{path}?expires=-1&signature={signature}",
        f"{path}?expires={'9' * 5000}&signature={signature}",
        f"{path}?expires=٣&signature={signature}",
        f"{path}?expires={expires}.0&signature={signature}",
        f"{path}?expires={expires}&signature={signature[:-1]}",
        f"{path}?expires={expires}&signature={signature}%00",
        f"{path}?expires={expires}&signature=%ED%A0%80",
        f"{path}?expires={expires}&signature={'ü' * 43}",
        f"{path}%00?{query}",
        f"{path}/?{query}",
        f"/files//{NAME}?{query}",
        f"/files/images/../{NAME}?{query}",
        f"/files/avatars/../{NAME}",
        f"/files/avatars/{'a' * 24}/../../{NAME}",
        f"/files/{AVATAR}/../../../{NAME}",
        f"/files/%2e%2e/secrets/secret_key?{query}",
        f"/files/../../etc/passwd?{query}",
        f"/files//etc/passwd?{query}",
        "/files/",
    ]
    for guess in guesses:
        problem_of(browser.get(guess), 404, "not_found")
    assert load(browser, f"{path}?signature={signature}&expires={expires}")[0].status_code == 200
    settings.SECRET_KEY = "another secret key of this server, which is as long"
    problem_of(browser.get(address), 404, "not_found")


def test_an_avatar_is_public_at_an_address_that_stays(browser: Any, files: Path) -> None:
    storage.save(AVATAR, CONTENT)
    with time_machine.travel(time.time() + 10**7, tick=False):
        address = storage.public_address_of(AVATAR)
        answer, body = load(browser, address)
    assert address == f"/files/{AVATAR}"
    assert (answer.status_code, body, answer["Content-Type"]) == (200, CONTENT, "image/webp")
    assert answer["Cache-Control"] == "public, max-age=604800, immutable"
    assert load(browser, address, if_none_match=answer["ETag"])[0].status_code == 304
    storage.delete([AVATAR])
    problem_of(browser.get(address), 404, "not_found")


def test_what_was_deleted_is_404(browser: Any, address: str) -> None:
    storage.delete([NAME])
    problem_of(browser.get(address), 404, "not_found")


def test_a_signed_name_cannot_lead_out_of_the_folder(browser: Any, files: Path) -> None:
    """Nobody can have one; if somebody had, it would be no way out."""
    (files.parent / "secret").write_bytes(b"CANARY")
    address = storage.address_of("../secret")
    answer = browser.get(address)
    assert answer.status_code >= 400
    assert b"CANARY" not in answer.content
    with pytest.raises(SuspiciousFileOperation):
        storage.save("../secret", b"")
    with pytest.raises(SuspiciousFileOperation):
        storage.delete(["../secret"])


def test_what_is_no_picture_is_nothing_that_a_browser_shows(browser: Any, files: Path) -> None:
    storage.save("page.html", b"<script>alert(1)</script>")
    answer, _ = load(browser, storage.address_of("page.html"))
    assert answer["Content-Type"] == "application/octet-stream"


def test_the_door_itself(files: Path) -> None:
    storage.save("a/b.webp", b"1")
    assert storage.exists("a/b.webp")
    with storage.opened("a/b.webp") as file:
        assert file.read() == b"1"
    storage.delete(["a/b.webp", "a/never-there.webp"])
    assert not storage.exists("a/b.webp")
    with pytest.raises(NotThere):
        storage.opened("a/b.webp")
    assert list(files.iterdir()) == []  # no folder is left behind
