"""A phone's whole life against a real server, on a network that keeps losing the answers.

Whatever makes something, or ends it for good, is answered into the void once and then repeated; and
still there is one of each: one device, one session, one person, one contact.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from handset_client.client import Client
from handset_client.clock import ServerClock
from handset_client.device_info import DeviceInfo
from handset_client.ids import uuid7
from handset_client.outcomes import Answer, DeviceRevoked, accept
from handset_client.storage import FileStorage
from handset_client.transport import NetworkFailure, Response, Transport

_REVOCATION_SECONDS = 5  # until every process of a server has heard of it

T = TypeVar("T")


class Unexpected(Exception):
    """The server did not do what it should have."""


class LossyTransport:
    """Lets every request through; answers that `lose(method, url, response)` picks are thrown away.

    `lost` has them, for whoever wants to compare.
    """

    def __init__(self, inner: Transport, lose: Callable[[str, str, Response], bool]) -> None:
        self._inner = inner
        self._lose = lose
        self.lost: list[Response] = []

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Raises NetworkFailure, on purpose or not."""
        response = self._inner.send(method, url, headers, body)
        if self._lose(method, url, response):
            self.lost.append(response)
            raise NetworkFailure("the answer was thrown away on purpose")
        return response


class Demo:
    """One walk through the API. Each step says one line, or raises Unexpected."""

    def __init__(
        self,
        base_url: str,
        app_key_id: str,
        app_key_secret: str,
        *,
        transport: Transport,
        state_directory: Path,
        hardware_key: bool = False,
        clock: ServerClock | None = None,
        say: Callable[[str], object] = print,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._say = say
        self._sleep = sleep
        self._losing_path = ""
        self._transport = LossyTransport(transport, self._is_to_be_lost)
        self._drafts = FileStorage(state_directory / "draft.json")
        self._client = Client(
            base_url,
            app_key_id,
            app_key_secret,
            transport=self._transport,
            storage=FileStorage(state_directory / "state.json"),
            clock=clock,
            sleep=self._wait,
            device_info=DeviceInfo(model="Demo", name="Demo phone"),
            hardware_key=hardware_key,
        )
        self._email = f"demo-{secrets.token_hex(6)}@example.com"
        self._password = secrets.token_urlsafe(18)

    def run(self) -> None:
        """Walks all the way. Raises Unexpected, Refused, NetworkFailure."""
        self._client.forget_device()  # each walk is a phone that has never been seen
        try:
            self._walk()
        except (KeyError, TypeError) as error:
            raise Unexpected(f"an answer has not the form it should have: {error!r}") from error

    def _walk(self) -> None:
        self._register()
        self._get_token()
        user_id = self._sign_up()
        session_id = self._client.state.session_id
        slug = self._create_contact()
        self._work_on_contact(slug)
        self._refresh()
        self._check_who_we_are(user_id, session_id)
        self._sign_out_and_in(user_id)
        self._revoke()

    def _register(self) -> None:
        lost, device_id = self._losing("device/register/", self._client.register_device)
        expect(lost["device_id"] == device_id, "the repeated registration made another device")
        self._done(f"registered; the first answer was lost, the second is the same: {device_id}")

    def _get_token(self) -> None:
        lost, answer = self._losing("auth/get-token/", self._client.get_token)
        session_id = answer.json["session_id"]
        expect(lost["session_id"] == session_id, "the repeated get-token began another session")
        self._done(f"got a token; answer lost, repeated, one session: {session_id}")

    def _sign_up(self) -> str:
        lost, answer = self._losing(
            "auth/register/",
            lambda: self._client.sign_up(self._email, self._password, first_name="Demo"),
        )
        user_id: str = answer.json["user"]["id"]
        expect(lost["user"]["id"] == user_id, "the repeated sign-up made another person")
        session_id = answer.json["session_id"]
        expect(lost["session_id"] == session_id, "the repeated sign-up began another session")
        self._done(f"signed up {self._email}; answer lost, repeated, one person: {user_id}")
        return user_id

    def _create_contact(self) -> str:
        contact = {
            "id": str(uuid7()),
            "first_name": "Ada",
            "last_name": "Lovelace",
            "company": "Analytical Engines",
        }
        self._drafts.save(contact)  # from here on a crash would repeat it, not double it
        lost, answer = self._losing("contacts/", lambda: accept(self._client.request("POST", "contacts/", contact)))
        is_same = lost["id"] == answer.json["id"] == contact["id"]
        expect(is_same, "the contact has not the id that we gave it")
        slug: str = answer.json["slug"]
        self._expect_contacts(1, "after the repeated creation")
        self._done(f"created a contact; answer lost, repeated, one contact: {slug}")
        return slug

    def _work_on_contact(self, slug: str) -> None:
        path = f"contacts/{slug}/"
        self._expect_contacts(1, "in a search", q="lovel")
        self._expect_contacts(0, "in a search for somebody else", q="babbage")
        self._done("found it by the beginning of a name, and nobody else")
        etag = accept(self._client.request("GET", path)).headers.get("etag")
        headers = {"If-Match": etag} if etag else {}
        answer = self._client.request("PATCH", path, {"title": "Countess"}, headers=headers)
        expect(accept(answer).json["title"] == "Countess", "the change was not made")
        self._done("changed it, on the condition that nobody else had")
        accept(self._client.request("DELETE", path))
        self._expect_contacts(0, "after the deletion")
        accept(self._client.request("POST", f"{path}restore/"))
        self._expect_contacts(1, "after the restoration")
        accept(self._client.request("DELETE", path))
        self._expect_contacts(0, "after the second deletion")
        self._done("deleted it, restored it, deleted it again")

    def _refresh(self) -> None:
        lost, answer = self._losing("auth/refresh-token/", self._client.refresh)
        same = lost["refresh"] == answer.json["refresh"]
        expect(same, "the same attempt to refresh was answered with another token")
        following = self._client.refresh().json["refresh"]
        expect(following != answer.json["refresh"], "a refresh answered the token it was given")
        self._done("refreshed; answer lost, the same attempt again, the same token; then the next")

    def _check_who_we_are(self, user_id: str, session_id: str | None) -> None:
        me = accept(self._client.request("GET", "users/me/")).json
        expect(me["id"] == user_id, "the session has another person now")
        check = accept(self._client.request("GET", "auth/check/")).json
        expect(check["device"]["id"] == self._client.state.device_id, "the token is of another device")
        expect(check["session_id"] == session_id, "the token is of another session")
        self._done("checked: still the same person, session and device")

    def _sign_out_and_in(self, user_id: str) -> None:
        device_id = self._client.state.device_id
        self._client.sign_out()
        answer = self._client.request("GET", "users/me/")
        expect(answer.code == "sign_in_required", f"signed out, users/me/ says {_said(answer)}")
        answer = self._client.sign_in(self._email, self._password)
        expect(answer.json["user"]["id"] == user_id, "somebody else was signed in")
        expect(self._client.state.device_id == device_id, "signing out cost us the device")
        self._done("signed out and in again, on the same device")

    def _revoke(self) -> None:
        self._losing("device/revoke/", self._client.revoke_device)
        for _ in range(_REVOCATION_SECONDS + 1):
            try:
                answer = self._client.request("GET", "users/me/")
            except DeviceRevoked as refusal:
                self._done(f"revoked the device; its next call: {_said(refusal.answer)}")
                return
            expect(answer.is_success, f"after the revocation users/me/ says {_said(answer)}")
            self._sleep(1)
        raise Unexpected(f"a revoked device still gets answers after {_REVOCATION_SECONDS} s")

    def _expect_contacts(self, count: int, when: str, **params: str) -> None:
        answer = accept(self._client.request("GET", "contacts/", params={"total": "true", **params}))
        found = answer.json["meta"]["total"]
        expect(found == len(answer.json["data"]) == count, f"{found} contacts {when}, not {count}")

    def _losing(self, path: str, act: Callable[[], T]) -> tuple[Any, T]:
        """Does `act` while the first success of `path` is lost: its JSON, and the result."""
        self._losing_path = path
        result = act()
        expect(not self._losing_path, f"nothing was done at {path}")
        return Answer.read(self._transport.lost[-1]).json, result

    def _is_to_be_lost(self, _method: str, url: str, response: Response) -> bool:
        is_meant = self._losing_path and urlsplit(url).path.endswith(self._losing_path)
        if not is_meant or response.status >= HTTPStatus.BAD_REQUEST:
            return False
        self._losing_path = ""
        return True

    def _wait(self, seconds: float) -> None:
        if seconds > 1:
            self._say(f"     (trying again in {seconds:.0f} s)")
        self._sleep(seconds)

    def _done(self, what: str) -> None:
        self._say(f"ok   {what}")


def expect(holds: bool, otherwise: str) -> None:
    """Raises Unexpected."""
    if not holds:
        raise Unexpected(otherwise)


def _said(answer: Answer) -> str:
    return f"{answer.status} {answer.code}"
