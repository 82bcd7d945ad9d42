"""An account's life on two phones, against a real server.

A guest keeps contacts, makes an account of it in place, signs in on a second phone by a mailed code, finds the contacts
there, and signs the first phone out for good, whose next call fails.
"""

import secrets
import time
from collections.abc import Callable

from handset_client.client import Client
from handset_client.demo import expect
from handset_client.mailbox import CODE, Mailbox, Post
from handset_client.outcomes import accept

PASSWORD = "correct horse battery staple"  # noqa: S105 -- of somebody who is made up
CONTACTS = ("Ada Lovelace", "Grace Hopper")
REVOKED_WITHIN_SECONDS = 5


class AccountWalk:
    """One walk. Each step says one line, or raises Unexpected."""

    def __init__(
        self,
        new_client: Callable[[], Client],
        *,
        mailbox: Mailbox,
        wait_for_mail: Callable[[], object],
        say: Callable[[str], object] = print,
    ) -> None:
        self._new_client = new_client
        self._post, self._say = Post(mailbox, wait_for_mail), say

    def run(self) -> None:
        """Walks all the way. Raises Unexpected, Refused, NetworkFailure."""
        first, email = self._new_client(), f"ada-{secrets.token_hex(5)}@example.com"
        first.get_token()
        guest = first.start_session("auth/guest/").json["user"]
        expect(guest["is_guest"], "a guest is none")
        for name in CONTACTS:
            accept(first.request("POST", "contacts/", {"display_name": name}))
        self._done(f"a guest, without any sign-up, keeps {len(CONTACTS)} contacts")
        self._sign_up_in_place(first, guest["id"], email)
        second = self._signed_in_by_code(email)
        expect(self._contacts(second) == set(CONTACTS), "the contacts are not on the second phone")
        self._done("she signed in on a second phone by a mailed code, and has them there")
        self._revoke(first, second)

    def _sign_up_in_place(self, first: Client, guest_id: str, email: str) -> None:
        person = accept(first.sign_up(email, PASSWORD)).json["user"]
        expect((person["id"], person["is_guest"]) == (guest_id, False), "the guest did not become the account")
        expect(self._contacts(first) == set(CONTACTS), "the guest's contacts are gone")
        self._done("she made an account of it in place: the same person, the same contacts")

    def _signed_in_by_code(self, email: str) -> Client:
        second = self._new_client()
        second.get_token()
        accept(second.request("POST", "auth/magic/request/", {"email": email}))
        code = self._post.awaited(email, CODE)
        second.start_session("auth/magic/verify/", {"token": code.replace(" ", "")})
        return second

    def _revoke(self, first: Client, second: Client) -> None:
        devices = accept(second.request("GET", "devices/")).json["data"]
        expect(len(devices) == 2, f"she sees {len(devices)} devices")
        accept(second.request("DELETE", f"devices/{first.state.device_id}/"))
        revoked_at = time.monotonic()
        while (answer := first.request("GET", "users/me/")).status < 400:
            is_late = time.monotonic() - revoked_at > REVOKED_WITHIN_SECONDS
            expect(not is_late, f"the first phone is still answered {answer.status}")
        self._done(f"she signed the first phone out from the second; its next call: {answer.status} {answer.code}")

    def _contacts(self, client: Client) -> set[str]:
        return {row["display_name"] for row in accept(client.request("GET", "contacts/")).json["data"]}

    def _done(self, what: str) -> None:
        self._say(f"ok   {what}")
