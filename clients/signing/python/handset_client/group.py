"""A group's life on two phones, and a service that works for it with an API key, against a real server.

Two people sign in by mailed codes; one makes a group and invites the other, who accepts on another phone,
is promoted, gets the group handed over, and removes the first. Meanwhile a service copies the group's
contacts every night, and its key is rotated in the middle of one without a call that fails.
"""

import json
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from handset_client.client import Client
from handset_client.demo import expect
from handset_client.mailbox import Mailbox, Post
from handset_client.outcomes import Answer, accept
from handset_client.transport import Transport

CONTACTS = 25
_PAGE = 5


class Service:
    """Calls with an API key: no device, no signature."""

    def __init__(self, base_url: str, key: str, *, transport: Transport) -> None:
        self._base_url, self._key, self._transport = base_url, key, transport
        self.statuses: list[int] = []

    def request(self, method: str, path: str, body: Any = None, **params: str) -> Answer:
        """Raises NetworkFailure."""
        query = f"?{urlencode(params)}" if params else ""
        headers = {"Authorization": f"Api-Key {self._key}"}
        content = b""
        if body is not None:
            headers["Content-Type"], content = "application/json", json.dumps(body).encode()
        url = f"{self._base_url}/api/v1/{path}{query}"
        answer = Answer.read(self._transport.send(method, url, headers, content))
        self.statuses.append(answer.status)
        return answer

    def contacts(self, between_pages: Callable[[], object] = lambda: None) -> set[str]:
        """A nightly copy: the ids of all contacts, page by page."""
        found: set[str] = set()
        params = {"limit": str(_PAGE)}
        while True:
            page = accept(self.request("GET", "contacts/", **params)).json
            found |= {row["id"] for row in page["data"]}
            if page["meta"]["next"] is None:
                return found
            params["cursor"] = page["meta"]["next"]
            between_pages()


class GroupWalk:
    """One walk. Each step says one line, or raises Unexpected."""

    def __init__(
        self,
        base_url: str,
        new_client: Callable[[], Client],
        *,
        transport: Transport,
        mailbox: Mailbox,
        wait_for_mail: Callable[[], object],
        say: Callable[[str], object] = print,
    ) -> None:
        self._base_url, self._new_client, self._transport = base_url, new_client, transport
        self._post, self._say = Post(mailbox, wait_for_mail), say

    def run(self) -> None:
        """Walks all the way. Raises Unexpected, Refused, NetworkFailure."""
        ada, _, ada_name = self._person("ada")
        grace, grace_email, grace_name = self._person("grace")
        group = accept(ada.request("POST", "orgs/", {"name": "Analytical Engines"})).json
        path = f"orgs/{group['slug']}/"
        self._done(f"two people signed in by mailed codes, and ada made {group['slug']}")
        self._invite_and_accept(ada, grace, path, grace_email)
        accept(ada.request("PATCH", f"{path}members/{grace_name}/", {"role": "admin"}))
        expect(self._role(grace, path) == "admin", "grace is no admin")
        self._done("grace was promoted to admin")
        service = self._service_works(grace, path)
        handed = accept(ada.request("POST", f"{path}transfer-ownership/", {"username": grace_name})).json
        expect((handed["owner"], handed["role"]) == (grace_name, "admin"), "the group was not handed over")
        expect(self._role(grace, path) == "owner", "grace is no owner")
        refused = grace.request("POST", f"{path}leave/")
        expect(refused.code == "last_owner", f"the last owner may leave: {refused.status} {refused.code}")
        self._done("ada handed the group over; its last owner cannot leave")
        accept(grace.request("DELETE", f"{path}members/{ada_name}/"))
        gone = ada.request("GET", path)
        expect(gone.status == 404, f"removed, ada is answered {gone.status}")
        self._done("grace removed ada, whose live token opens nothing from the next call on")
        expect(service.request("GET", "contacts/").status == 200, "the key of one who stays does not work")
        trail = accept(grace.request("GET", f"{path}audit/")).json["data"]
        self._done(
            f"the trail tells of it: {', '.join(row['action'] for row in reversed(trail) if 'member' in row['action'])}"
        )

    def _person(self, name: str) -> tuple[Client, str, str]:
        """Somebody on a new phone, signed in by a mailed code: the client, the address, the username."""
        client = self._new_client()
        email = f"{name}-{secrets.token_hex(5)}@example.com"
        client.get_token()
        accept(client.request("POST", "auth/magic/request/", {"email": email}))
        code = self._post.awaited(email, r"(\d{4} \d{4})")
        user = client.start_session("auth/magic/verify/", {"token": code.replace(" ", "")}).json["user"]
        return client, email, user["username"]

    def _invite_and_accept(self, ada: Client, grace: Client, path: str, email: str) -> None:
        invited = accept(ada.request("POST", f"{path}invitations/", {"email": email})).json
        token = self._post.awaited(email, r"/invitation\?token=([A-Za-z0-9_-]{43})")
        (waiting,) = accept(grace.request("GET", "invitations/")).json["data"]
        expect(waiting["id"] == invited["id"], "the invitation is not in the app")
        stranger = ada.request("POST", "invitations/accept/", {"token": token})
        expect(stranger.status == 404, f"somebody else with the link is answered {stranger.status}")
        joined = accept(grace.request("POST", "invitations/accept/", {"token": token})).json
        expect(joined["role"] == "member", "grace did not become a member")
        self._done("ada invited grace by mail, who accepted on her own phone, and nobody else could")

    def _service_works(self, admin: Client, path: str) -> Service:
        """A nightly copy by an API key that is rotated while it runs."""
        made = accept(admin.request("POST", f"{path}api-keys/", {"name": "Nightly", "scopes": ["contacts:*"]})).json
        old = Service(self._base_url, made["key"], transport=self._transport)
        for number in range(CONTACTS):
            accept(old.request("POST", "contacts/", {"display_name": f"Contact {number:02}"}))
        rotated: list[str] = []

        def rotate() -> None:
            if not rotated:
                body = {"overlap_seconds": 3600}
                rotated.append(accept(admin.request("POST", f"{path}api-keys/{made['id']}/rotate/", body)).json["key"])

        tonight = old.contacts(rotate)
        new = Service(self._base_url, rotated[0], transport=self._transport)
        tomorrow = new.contacts()
        expect(len(tonight) == CONTACTS and tonight == tomorrow, "the copies differ")
        failed = [status for status in old.statuses + new.statuses if status >= 400]
        expect(not failed, f"calls failed: {failed}")
        refused = new.request("GET", "users/me/")
        expect(refused.code == "device_required", f"a key is answered {refused.status} as a person")
        accept(admin.request("DELETE", f"{path}api-keys/{made['id']}/"))
        ended = old.request("GET", "contacts/")
        expect(ended.code == "api_key_invalid", f"a revoked key is answered {ended.status}")
        calls = len(old.statuses) + len(new.statuses) - 2
        self._done(
            f"a service copied {CONTACTS} contacts on two nights; rotated in between, none of {calls} calls failed"
        )
        return new

    def _role(self, client: Client, path: str) -> str:
        role: str = accept(client.request("GET", path)).json["role"]
        return role

    def _done(self, what: str) -> None:
        self._say(f"ok   {what}")
