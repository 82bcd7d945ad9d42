"""A phone's first day on a bad network, where a third of all answers is lost; nothing is doubled, nothing lost.

The app here does what any app should: it writes down what it means to do before it does it (`Journal`), and repeats every
call until it is answered, also after it was killed. What has come of it is asked over a network without losses.
"""

import secrets
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from handset_client.client import Client
from handset_client.demo import expect
from handset_client.device_info import DeviceInfo
from handset_client.ids import uuid7
from handset_client.lossy_proxy import Exchange, Fate, LossyProxy, ThroughProxy, fate_of
from handset_client.outcomes import Answer, Refused, Remedy, accept
from handset_client.storage import FileStorage, Storage
from handset_client.transport import NetworkFailure, Transport

_ROUNDS = 6  # so often the app asks its client for one thing, which itself tries four times
_TITLE = "Countess"

T = TypeVar("T")


class Killed(Exception):
    """The app's process ends here; only what is stored goes on."""


@dataclass(frozen=True, slots=True)
class Write:
    """What the app means to change, in the very form in which it is sent until it is answered."""

    name: str
    contact_id: str
    method: str
    path: str
    json: dict[str, Any] | None
    headers: dict[str, str]


class Journal:
    """The writes that have no answer yet, and the entity tags of what the app has. Durable; used by several threads."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._lock = threading.Lock()
        stored = storage.load() or {"pending": [], "etags": {}}
        self._pending = {row["name"]: Write(**row) for row in stored["pending"]}
        self._etags: dict[str, str] = stored["etags"]

    @property
    def pending(self) -> list[Write]:
        """In the order in which they were planned."""
        return list(self._pending.values())

    def plan(self, method: str, contacts: dict[str, str], json: Callable[[str], dict[str, Any] | None]) -> None:
        """Writes down one write for each of `contacts` (name of the write: id), with its Idempotency-Key, and the
        version it is meant for if there is one.
        """
        with self._lock:
            for name, contact_id in contacts.items():
                is_new = method == "POST"
                headers = {"Idempotency-Key": str(uuid.uuid4()), "X-Request-ID": name}
                if not is_new:
                    headers["If-Match"] = self._etags[contact_id]
                path = "contacts/" if is_new else f"contacts/{contact_id}/"
                self._pending[name] = Write(name, contact_id, method, path, json(contact_id), headers)
            self._save()

    def settle(self, write: Write, answer: Answer) -> None:
        """Crosses out what is answered."""
        with self._lock:
            del self._pending[write.name]
            if "etag" in answer.headers:
                self._etags[write.contact_id] = answer.headers["etag"]
            self._save()

    def _save(self) -> None:
        self._storage.save({"pending": [asdict(write) for write in self.pending], "etags": self._etags})


class _Ended(NamedTuple):
    """A call that has its answer, and the answers that the server gave to its attempts, lost ones too."""

    attempts: list[Exchange]
    answers: list[Answer]


class Storm:
    """One run. Every call that is answered says a line; what does not hold raises Unexpected."""

    def __init__(
        self,
        base_url: str,
        app_key_id: str,
        app_key_secret: str,
        *,
        transport: Transport,
        state_directory: Path,
        contacts: int,
        seed: int,
        say: Callable[[str], object] = print,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._server = base_url, app_key_id, app_key_secret
        self._transport = transport
        self._directory = state_directory
        self._ids = [str(uuid7()) for _ in range(contacts)]
        self._seed = seed
        self._say = say
        self._sleep = sleep
        self._lock = threading.Lock()  # of what the threads tell
        self._told: Counter[str] = Counter()  # attempts by call
        self._calls = 0
        self._is_doomed = False

    def run(self) -> None:
        """Raises Unexpected, Refused, NetworkFailure."""
        self._say(f"A phone that was never seen, {len(self._ids)} contacts, seed {self._seed}. A line is a call and")
        self._say("its attempts: what the server answered to each, and whether that was lost.")
        with LossyProxy(self._transport, self._server[0].rstrip("/"), partial(fate_of, self._seed)) as self._proxy:
            self._network = ThroughProxy(self._proxy)
            try:
                self._live()
            finally:
                self._network.close()
        self._check()

    # -- the app's day

    def _live(self) -> None:
        self._start_app()
        client = self._client
        self._do("POST", "device/register/", client.register_device, same="device_id")
        self._do("POST", "auth/get-token/", client.get_token, same="session_id")
        email, password = f"storm-{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(18)
        answer = self._do("POST", "auth/register/", lambda: client.sign_up(email, password), same="session_id")
        self._user_id, self._session_id = answer.json["user"]["id"], answer.json["session_id"]

        self._journal.plan("POST", self._named("create"), lambda contact_id: {"id": contact_id, "last_name": "Byron"})
        self._upload_until_killed()
        self._start_app()
        self._upload(threads=2)
        self._refresh()
        self._journal.plan("PATCH", self._named("change"), lambda _: {"title": _TITLE})
        self._upload(threads=2)
        self._refresh()
        self._journal.plan("DELETE", self._named("delete", self._ids[::3]), lambda _: None)
        self._upload(threads=1)
        self._do("POST", "device/rotate/", self._client.rotate_key, same="key_id")

    def _start_app(self) -> None:
        self._client = Client(
            *self._server,
            transport=self._network,
            storage=FileStorage(self._directory / "state.json"),
            sleep=self._wait,
            device_info=DeviceInfo(model="Storm", name="A phone in a storm"),
        )
        self._journal = Journal(FileStorage(self._directory / "journal.json"))

    def _named(self, verb: str, contact_ids: Iterable[str] | None = None) -> dict[str, str]:
        """The contacts, all or these, by the names of what is done with them."""
        return {f"{verb}-{self._ids.index(each) + 1}": each for each in contact_ids or self._ids}

    def _refresh(self) -> None:
        self._do("POST", "auth/refresh-token/", self._client.refresh, same="refresh")

    def _upload_until_killed(self) -> None:
        self._is_doomed = True
        try:
            self._upload(threads=1)
        except Killed:
            call = self._proxy.exchanges[-1].call
            self._say(f"     the app is killed while {call} has no answer, and started again")
        self._is_doomed = False

    def _upload(self, *, threads: int) -> None:
        """Sends what the journal has, in `threads` at once."""
        shares = [self._journal.pending[first::threads] for first in range(threads)]
        if threads == 1:
            self._send(shares[0])
            return
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(self._send, shares))

    def _send(self, writes: list[Write]) -> None:
        for write in writes:
            self._journal.settle(write, self._perform(write))

    def _perform(self, write: Write) -> Answer:
        """Sends a write until it is answered. Raises Unexpected where it was carried out anew."""
        send = partial(self._client.request, write.method, write.path, write.json, headers=write.headers)
        answer = self._insist(lambda: accept(send()))
        ended = self._end(write.name)
        done = [each for each in ended.answers if each.is_success]
        expect(all(each.is_replayed for each in done[1:]), f"{write.name} was carried out twice")
        expect(len({(each.status, each.body) for each in done}) == 1, f"{write.name} was answered in two ways")
        self._tell(write.name, ended, "replayed" if answer.is_replayed else "")
        return answer

    def _do(self, method: str, path: str, act: Callable[[], T], *, same: str) -> T:
        """Does `act` until it is answered. Raises Unexpected unless all its answers agree in the member `same`."""
        result = self._insist(act)
        ended = self._end(f"{method} /api/v1/{path}")
        given = [each.json[same] for each in ended.answers if each.is_success]
        expect(len(set(given)) == 1, f"{path} answered with several {same}: {len(set(given))}")
        self._tell(path, ended, f"the same {same}" if len(given) > 1 else "")
        return result

    def _insist(self, act: Callable[[], T]) -> T:
        """What `act` returns once it is answered. Raises what it raises, but lost answers only in the end."""
        for _ in range(_ROUNDS - 1):
            try:
                return act()
            except NetworkFailure:
                continue
            except Refused as refusal:
                if refusal.answer.remedy is not Remedy.RETRY_LATER:
                    raise
        return act()

    def _wait(self, seconds: float) -> None:
        """What the client does between two attempts; where a doomed app dies."""
        if self._is_doomed and self._proxy.exchanges[-1].fate is Fate.ANSWER_LOST:
            raise Killed
        self._sleep(seconds)

    # -- what is told

    def _end(self, call: str) -> _Ended:
        with self._lock:
            attempts = [each for each in self._proxy.exchanges if each.call == call][self._told[call] :]
            self._told[call] += len(attempts)
            self._calls += 1
        return _Ended(attempts, list(_answers(attempts)))

    def _tell(self, what: str, ended: _Ended, remark: str) -> None:
        story = ", ".join(_told(attempt) for attempt in ended.attempts)
        with self._lock:
            self._say(f"ok   {what:<20} {story}{f' ({remark})' if remark else ''}")

    # -- what has come of it

    def _check(self) -> None:
        """Asks over a network without losses. Raises Unexpected."""
        expect(not self._journal.pending, "the journal still has something to do")
        witness = Client(
            *self._server,
            transport=self._transport,
            storage=FileStorage(self._directory / "state.json"),
            sleep=self._sleep,
        )
        answers = list(_answers(self._proxy.exchanges))
        self._check_identity(witness, answers)
        left = self._check_contacts(witness)
        fates = Counter(exchange.fate for exchange in self._proxy.exchanges)
        self._say(
            f"\n{self._calls} calls took {fates.total()} attempts. Lost were {fates[Fate.REQUEST_LOST]} requests and "
            f"{fates[Fate.ANSWER_LOST]} of {len(answers)} answers;\n{sum(each.is_replayed for each in answers)} answers "
            f"were replayed, {sum(each.remedy is Remedy.RETRY_LATER for each in answers)} told us to wait."
        )
        deleted = len(self._ids) - left
        self._say(
            f"1 device, 1 person, 1 session since the sign-up; {len(self._ids)} contacts created, {deleted} deleted:"
        )
        self._say(f"{left} are there, each once and at version 2. Nothing doubled, nothing lost.")

    def _check_identity(self, witness: Client, answers: list[Answer]) -> None:
        """One device, one person, and after the device's own session no other than the person's."""
        documents = [each.json for each in answers if each.is_success and isinstance(each.json, dict)]
        devices = {each["device_id"] for each in documents if "device_id" in each}
        expect(devices == {witness.state.device_id}, f"{len(devices)} devices were registered")
        sessions = list(dict.fromkeys(each["session_id"] for each in documents if "session_id" in each))
        expect(len(sessions) == 2 and sessions[1] == self._session_id, f"there were {len(sessions)} sessions")
        people = {each["user"]["id"] for each in documents if each.get("user")}
        expect(people == {self._user_id}, f"{len(people)} people were signed in")
        check = accept(witness.request("GET", "auth/check/")).json
        expect(check["device"]["id"] == witness.state.device_id, "the token is of another device")
        expect(check["session_id"] == self._session_id, "the session has ended on the way")
        expect(accept(witness.request("GET", "users/me/")).json["id"] == self._user_id, "somebody else is signed in")

    def _check_contacts(self, witness: Client) -> int:
        """How many there are: exactly those that are not deleted, each made once and changed once."""
        found = list(_contacts_of(witness))
        expected = {(contact_id, _TITLE, 2) for contact_id in self._ids if contact_id not in self._ids[::3]}
        seen = Counter((row["id"], row["title"], row["version"]) for row in found)
        missing, surplus = expected - set(seen), seen - Counter(expected)
        expect(not missing, f"{len(missing)} contacts are not as they should be, such as {missing}")
        expect(not surplus, f"{surplus.total()} contacts should not be there, such as {surplus}")
        return len(found)


def _answers(exchanges: Iterable[Exchange]) -> Iterator[Answer]:
    """The answers that the server gave, lost ones too."""
    return (Answer.read(exchange.response) for exchange in exchanges if exchange.response is not None)


def _told(attempt: Exchange) -> str:
    if attempt.response is None:
        return "request lost"
    return f"{attempt.response.status}{' lost' if attempt.fate is Fate.ANSWER_LOST else ''}"


def _contacts_of(client: Client) -> Iterator[dict[str, Any]]:
    params = {"limit": "100"}
    while True:
        page = accept(client.request("GET", "contacts/", params=params)).json
        yield from page["data"]
        if page["meta"]["next"] is None:
            return
        params["cursor"] = page["meta"]["next"]
