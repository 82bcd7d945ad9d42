"""The client: one installation of an app, from its registration to its goodbye."""

import secrets
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from handset_client.calls import Attempt, Call
from handset_client.clock import ServerClock
from handset_client.delivery import Delivery
from handset_client.device_info import DeviceInfo
from handset_client.keys import HmacKey, P256Key, unb64url
from handset_client.outcomes import Answer, DeviceRevoked, Refused, Remedy, accept
from handset_client.signature import Tag, new_nonce, sign
from handset_client.state import State
from handset_client.storage import MemoryStorage, Storage
from handset_client.transport import HttpTransport, NetworkFailure, Transport


class Client:
    """One installation. Safe to use from several threads.

    Nothing has to be called in order: whatever a call needs, a device, a session, a fresh token,
    is got on the way. Everything that a repetition must repeat is stored before it is first sent.
    Every method raises

    * NetworkFailure when no answer came in spite of retries: call it again whenever you like, what
      was done is not done twice;
    * DeviceRevoked when the installation was shut out;
    * Refused for any other no, except `request`, which returns what the API answers.
    """

    def __init__(
        self,
        base_url: str,
        app_key_id: str,
        app_key_secret: str,
        *,
        transport: Transport | None = None,
        storage: Storage | None = None,
        clock: ServerClock | None = None,
        sleep: Callable[[float], object] = time.sleep,
        device_info: DeviceInfo | None = None,
        hardware_key: bool = False,
    ) -> None:
        """Takes up what is stored, or begins.

        `app_key_id` is without its `app:`, `app_key_secret` in base64url. `hardware_key` gives
        installations that begin here a P-256 key; a stored one keeps what it has.
        """
        self._base_url = base_url.rstrip("/")
        self._app_signer = f"app:{app_key_id}", HmacKey(unb64url(app_key_secret))
        self._clock = clock or ServerClock()
        self._delivery = Delivery(transport or HttpTransport(), self._clock, sleep)
        self._storage = storage or MemoryStorage()
        self._info = device_info or DeviceInfo()
        self._hardware_key = hardware_key
        # Held while the state is replaced, and while an answer that will replace it is under way:
        # of many threads that find a token expired, one refreshes and the others wait for it.
        self._lock = threading.RLock()
        self._tokens: Answer | None = None  # the last answer that brought some
        stored = self._storage.load()
        if stored is None:
            self.forget_device()
        else:
            self._state = State.from_json(stored)

    @property
    def state(self) -> State:
        """What the installation knows at this moment."""
        return self._state

    # -- the device

    def register_device(self) -> str:
        """The device's id; asks for it when there is none yet."""
        with self._lock:
            if self._state.device_id is not None:
                return self._state.device_id
            answer = self._or_as_new_device(self._post_registration)
            self._store(self._state.registered(answer))
            self._clock.adopt(answer.json.get("server_time"))
            device_id: str = answer.json["device_id"]
            return device_id

    def rotate_key(self) -> None:
        """Gets the device its next key, and uses it at once: that is what ends the present one."""
        with self._lock:
            self.register_device()
            if self._state.rotation_attempt is None:
                self._store(self._state.rotating())
            proof = self._proof_of_key(self._state.next_private_key)
            answer = self._post("device/rotate/", {"attempt": self._state.rotation_attempt, **proof})
            if answer.remedy is Remedy.REGISTER_ANEW:
                self.forget_device()
                self.register_device()  # which brings a new key too
            else:
                self._store(self._state.rotated(accept(answer)))
                with suppress(NetworkFailure):  # whatever is signed next will do it
                    self.get_token()

    def revoke_device(self) -> None:
        """Tells the server that this installation is over.

        From now on calls raise DeviceRevoked, until `forget_device`.
        """
        with self._lock:
            if self._state.device_id is None:
                return
            with suppress(DeviceRevoked):  # the answer to an earlier attempt was lost
                accept(self._deliver(Call("POST", "device/revoke/"), self._state))

    def forget_device(self) -> None:
        """Begins a new installation, with nothing in common with the one before."""
        with self._lock:
            self._store(State.begin(hardware_key=self._hardware_key))

    # -- sessions

    def get_token(self) -> Answer:
        """The tokens of the device's present session, or of a new one if that has ended."""
        with self._lock:
            return self._adopt(self._or_as_new_device(self._post_get_token))

    def refresh(self) -> Answer:
        """A new pair of tokens. Threads that ask at the same time share one answer."""
        return self._renew(self._state, self._refresh)

    def sign_up(self, email: str, password: str, **profile: Any) -> Answer:
        """Makes a person and signs them in; `profile` as in `users/me/`.

        Repeated long after a lost answer it may be refused with `email_taken`: then `sign_in`.
        """
        return self.start_session("auth/register/", {"email": email, "password": password, **profile})

    def sign_in(self, email: str, password: str) -> Answer:
        """Signs a person in on this device."""
        return self.start_session("token/pair/", {"email": email, "password": password})

    def start_session(self, path: str, json: Any = None) -> Answer:
        """Any POST that answers tokens, such as `auth/guest/` and `auth/magic/verify/`.

        They replace the present ones; until they have arrived the call is repeated with those.
        """
        with self._lock:
            return self._adopt(self.request("POST", path, json))

    def sign_out(self) -> None:
        """Ends the session. The device stays registered and gets one without a person."""
        with self._lock:
            accept(self.request("POST", "auth/logout/"))
            self._store(self._state.without_session())
            self.get_token()

    # -- anything else

    def request(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        params: Mapping[str, Any] | None = None,
        signed: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Any call of the API; what is refused is returned, not raised.

        `path` is relative to `/api/v1/`, or begins with `/`. A write carries an `Idempotency-Key`,
        the same for all its attempts: pass your own to repeat it after a NetworkFailure.
        What belongs to the profile's own paths (`device/register/`, `auth/get-token/`, …) is signed
        by the key that belongs there and sent without a session: LookupError if there is no key.
        Raises NetworkFailure, DeviceRevoked, and Refused when no session could be had.
        """
        return self.perform(Call.of_json(method, path, json, params=params, headers=headers, is_signed=signed))

    def perform(self, call: Call) -> Answer:
        """`request` for any body; its Content-Type is one of the call's headers."""
        if call.method in {"POST", "PUT", "PATCH", "DELETE"}:
            call = replace(call, headers={"Idempotency-Key": str(uuid.uuid4()), **call.headers})
        if call.purpose is not Tag.REQUEST:
            return self._deliver(call, self._state)
        cured: set[Remedy] = set()
        while True:
            state = self._with_session()
            answer = self._deliver(call, state)
            remedy = answer.remedy
            if remedy is None or remedy in cured:
                return answer
            cured.add(remedy)
            match remedy:
                case Remedy.SIGN:
                    call = replace(call, is_signed=True)
                case Remedy.REFRESH:
                    self._renew(state, self._refresh)
                case Remedy.GET_TOKEN:
                    self._renew(state, self.get_token)
                case Remedy.REGISTER_ANEW:
                    self._leave_device(state)
                case _:
                    return answer

    def prepare(self, call: Call) -> Attempt:
        """The call as it would be sent now, for somebody else to send."""
        return self._attempt(call, self._with_session())

    # -- the inside

    def _post_registration(self) -> Answer:
        state = self._state
        made_here = {"install_id": state.install_id, "enrol_key": state.enrol_key}
        proof = self._proof_of_key(state.private_key)
        return self._post("device/register/", made_here | proof | self._info.at_registration())

    def _post_get_token(self) -> Answer:
        device_id = self.register_device()
        return self._post("auth/get-token/", {"device_id": device_id, **self._info.at_token()})

    def _or_as_new_device(self, post: Callable[[], Answer]) -> Answer:
        """The answer to `post`, as a new installation if this one has no future. Raises Refused."""
        answer = post()
        if answer.remedy is Remedy.REGISTER_ANEW:
            self.forget_device()
            answer = post()
        return accept(answer)

    def _proof_of_key(self, private_key: str | None) -> dict[str, Any]:
        """The members that bring a public key to the server; none where keys are secrets."""
        if private_key is None:
            return {}
        key = P256Key.from_pem(private_key)
        proof = key.proof(self._state.install_id, self._state.enrol_key)
        return {"public_key": key.public_jwk(), "key_proof": proof}

    def _with_session(self) -> State:
        if self._state.access is None:
            self._renew(self._state, self.get_token)
        return self._state

    def _renew(self, stale: State, renew: Callable[[], Answer]) -> Answer:
        """`renew()`, unless another thread has replaced the access token of `stale` meanwhile."""
        with self._lock:
            last = self._tokens
            if last is not None and last.json["access"] == self._state.access != stale.access:
                return last
            return renew()

    def _refresh(self) -> Answer:
        state = self._state
        if state.refresh is None:
            return self.get_token()
        attempt = state.refresh_attempt or secrets.token_urlsafe(16)
        self._store(replace(state, refresh_attempt=attempt))
        answer = self._post("auth/refresh-token/", {"refresh": state.refresh, "attempt": attempt})
        if answer.remedy in {Remedy.REFRESH, Remedy.GET_TOKEN, Remedy.REGISTER_ANEW}:
            return self.get_token()  # which registers anew where that is what is needed
        return self._adopt(answer)

    def _adopt(self, answer: Answer) -> Answer:
        """Makes the tokens of an answer the present ones. Raises Refused."""
        self._store(self._state.with_session(accept(answer)))
        self._tokens = answer
        self._clock.adopt(answer.json.get("server_time"))
        if answer.json.get("rekey"):
            # If it fails, the tokens are good all the same, and the next ones will ask again.
            with suppress(NetworkFailure, Refused):
                self.rotate_key()
        return answer

    def _leave_device(self, state: State) -> None:
        """Forgets the device of `state`, unless another thread has got it a new key meanwhile."""
        with self._lock:
            if self._state.key_id == state.key_id:
                self.forget_device()

    def _store(self, state: State) -> None:
        """Durable first: nothing is ever sent that a crash could make us forget."""
        self._storage.save(state.to_json())
        self._state = state

    def _post(self, path: str, json: Any) -> Answer:
        return self._deliver(Call.of_json("POST", path, json), self._state)

    def _deliver(self, call: Call, state: State) -> Answer:
        return self._delivery.deliver(lambda: self._attempt(call, state))

    def _attempt(self, call: Call, state: State) -> Attempt:
        path = call.path if call.path.startswith("/") else f"/api/v1/{call.path}"
        url = f"{self._base_url}{path}" + (f"?{call.query}" if call.query else "")
        headers = {
            "Accept": "application/json",
            "X-App-Platform": self._info.platform,
            "X-App-Version": self._info.app_version,
        }
        if call.purpose is Tag.REQUEST and state.access is not None:
            headers["Authorization"] = f"Bearer {state.access}"
        headers.update(call.headers)
        if call.is_signed or call.purpose is not Tag.REQUEST:
            keyid, key = self._app_signer if call.purpose is Tag.REGISTER else state.signer
            signature = sign(
                call.method,
                url,
                call.body,
                key=key,
                keyid=keyid,
                tag=call.purpose,
                created=self._clock.now(),
                nonce=new_nonce(),
                content_type=headers.get("Content-Type", ""),
                authorization=headers.get("Authorization", ""),
            )
            headers.update(signature.headers)
        return Attempt(call.method, url, headers, call.body)
