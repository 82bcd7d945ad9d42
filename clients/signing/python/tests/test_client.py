"""One phone, from the first start to the last, whatever the network and the server do."""

import threading
import uuid
from collections.abc import Mapping
from dataclasses import asdict, replace

import pytest
from fake_api import FakeApi, FakeTime, MakePhone, problem, success
from handset_client import (
    Call,
    Client,
    DeviceRevoked,
    MemoryStorage,
    NetworkFailure,
    Refused,
    Remedy,
    Response,
)

LOSE_ANSWER, LOSE_REQUEST = "lose the answer", "lose the request"
PERSON = ("ada@example.com", "correct horse battery")

# -- registration


@pytest.mark.parametrize("hardware_key", [False, True])
def test_lost_answers_make_one_device(make_phone: MakePhone, api: FakeApi, hardware_key: bool) -> None:
    api.script["device/register/"] = [LOSE_ANSWER, LOSE_REQUEST, LOSE_ANSWER]
    phone = make_phone(hardware_key=hardware_key)
    device_id = phone.register_device()
    assert list(api.devices) == [device_id]
    assert phone.state.key_id == f"dev:{device_id}:1"
    assert (phone.state.secret is None) == hardware_key
    assert phone.get_token().is_success


def test_registration_is_asked_for_once(phone: Client, api: FakeApi) -> None:
    assert phone.register_device() == phone.register_device()
    assert len(api.requests) == 1


def test_registration_goes_on_after_a_restart(make_phone: MakePhone, api: FakeApi) -> None:
    api.script["device/register/"] = [LOSE_ANSWER] * 4
    with pytest.raises(NetworkFailure):
        make_phone().register_device()
    make_phone().register_device()
    assert len(api.devices) == 1


def test_device_with_lost_keys_registers_anew(phone: Client, api: FakeApi) -> None:
    api.script["device/register/"] = [problem(409, "device_already_active")]
    before = phone.state
    phone.register_device()
    assert phone.state.install_id != before.install_id
    assert phone.state.enrol_key != before.enrol_key


def test_build_that_is_blocked_is_told_so(phone: Client, api: FakeApi) -> None:
    api.script["device/register/"] = [problem(403, "app_build_blocked")]
    with pytest.raises(Refused, match="app_build_blocked"):
        phone.request("GET", "users/me/")


def test_install_id_is_a_uuid4_and_the_enrol_key_32_bytes(phone: Client) -> None:
    assert uuid.UUID(phone.state.install_id).version == 4
    assert len(phone.state.enrol_key) == 43


# -- tokens


def test_first_call_gets_whatever_it_needs(phone: Client, api: FakeApi) -> None:
    assert phone.request("GET", "users/me/").remedy is Remedy.SIGN_OUT
    assert [request.path for request in api.requests] == [
        "device/register/",
        "auth/get-token/",
        "users/me/",
    ]


def test_lost_token_is_the_same_session(phone: Client, api: FakeApi) -> None:
    api.script["auth/get-token/"] = [LOSE_ANSWER]
    phone.get_token()
    assert list(api.sessions) == [phone.state.session_id]


def test_expired_token_is_refreshed(phone: Client, api: FakeApi) -> None:
    phone.sign_up(*PERSON)
    api.expired.add(phone.state.access or "")
    assert phone.request("GET", "users/me/").is_success
    assert len(api.sent("auth/refresh-token/")) == 1


def test_token_that_is_not_known_any_more_is_replaced(phone: Client, api: FakeApi) -> None:
    phone.sign_up(*PERSON)
    api.script["users/me/"] = [problem(401, "token_invalid")]
    assert phone.request("GET", "users/me/").is_success
    assert len(api.sent("auth/get-token/")) == 2
    assert not api.sent("auth/refresh-token/")


def test_refresh_without_a_session_gets_one(phone: Client, api: FakeApi) -> None:
    assert phone.refresh().json["session_id"] in api.sessions


def test_lost_refresh_is_repeated_in_the_same_attempt(phone: Client, api: FakeApi) -> None:
    phone.get_token()
    api.script["auth/refresh-token/"] = [LOSE_ANSWER]
    phone.refresh()
    first, second = api.sent("auth/refresh-token/")
    assert first.body == second.body
    assert phone.state.refresh_attempt is None
    phone.refresh()
    assert api.requests[-1].json["attempt"] != first.json["attempt"]


def test_lost_refresh_is_repeated_in_the_same_attempt_after_a_restart(make_phone: MakePhone, api: FakeApi) -> None:
    phone = make_phone()
    phone.get_token()
    api.script["auth/refresh-token/"] = [LOSE_ANSWER] * 4
    with pytest.raises(NetworkFailure):
        phone.refresh()
    phone = make_phone()
    phone.refresh()
    assert len({request.body for request in api.sent("auth/refresh-token/")}) == 1
    assert phone.state.session_id in api.sessions


def test_attempt_outlives_a_get_token_that_answers_the_same_refresh_token(phone: Client, api: FakeApi) -> None:
    phone.get_token()
    api.script["auth/refresh-token/"] = [LOSE_REQUEST] * 4
    with pytest.raises(NetworkFailure):
        phone.refresh()
    attempt = phone.state.refresh_attempt
    phone.get_token()
    assert phone.state.refresh_attempt == attempt is not None


@pytest.mark.parametrize("code", ["token_revoked", "token_invalid", "session_expired", "refresh_reuse_detected"])
def test_refresh_that_is_refused_becomes_get_token(phone: Client, api: FakeApi, code: str) -> None:
    phone.get_token()
    api.script["auth/refresh-token/"] = [problem(401, code)]
    assert phone.refresh().is_success
    assert api.requests[-1].path == "auth/get-token/"


@pytest.mark.parametrize(
    "noise",
    [
        Response(401, {"Content-Type": "text/html"}, b"<h1>Log in to the hotel</h1>"),
        Response(302, {"Location": "http://portal.example/"}, b""),
        problem(503, "replay_store_unavailable"),
    ],
)
def test_noise_signs_nobody_out(phone: Client, api: FakeApi, noise: Response) -> None:
    phone.sign_up(*PERSON)
    before = phone.state
    api.script["auth/refresh-token/"] = [noise] * 4
    with pytest.raises((NetworkFailure, Refused)):
        phone.refresh()
    assert replace(phone.state, refresh_attempt=None) == before
    assert phone.request("GET", "users/me/").is_success


def test_answer_without_tokens_is_a_network_failure(phone: Client, api: FakeApi) -> None:
    api.script["auth/get-token/"] = [success({"status": "welcome"})]
    with pytest.raises(NetworkFailure):
        phone.get_token()
    assert phone.get_token().is_success


class MeetingPoint:
    """A Transport on which `count` calls have to have met a refusal before any of them goes on."""

    def __init__(self, api: FakeApi, count: int) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._barrier = threading.Barrier(count, timeout=10)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        with self._lock:
            response = self._api.send(method, url, headers, body)
        if b"token_expired" in response.body:
            self._barrier.wait()
        return response


def test_many_threads_refresh_once(make_phone: MakePhone, api: FakeApi) -> None:
    phone = make_phone(transport=MeetingPoint(api, 8))
    phone.sign_up(*PERSON)
    api.expired.add(phone.state.access or "")
    statuses: list[int] = []

    def call() -> None:
        statuses.append(phone.request("GET", "users/me/").status)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 8
    assert len(api.sent("auth/refresh-token/")) == 1


# -- people


def test_lost_sign_up_is_one_person_in_one_session(phone: Client, api: FakeApi) -> None:
    api.script["auth/register/"] = [LOSE_ANSWER, LOSE_ANSWER]
    answer = phone.sign_up(*PERSON, first_name="Ada")
    assert list(api.users) == [PERSON[0]]
    assert len(api.sessions) == 2  # the device's own, and the person's
    assert phone.state.session_id == answer.json["session_id"]
    assert phone.request("GET", "users/me/").json["id"] == answer.json["user"]["id"]


def test_refused_sign_up_changes_nothing(phone: Client, api: FakeApi) -> None:
    phone.sign_up(*PERSON)
    before = phone.state
    with pytest.raises(Refused, match="email_taken") as refusal:
        phone.sign_up(*PERSON)
    assert refusal.value.answer.status == 409
    assert phone.state == before
    assert len(api.users) == 1


def test_wrong_password_is_refused_and_nobody_signed_out(phone: Client) -> None:
    phone.sign_up(*PERSON)
    before = phone.state
    with pytest.raises(Refused, match="invalid_credentials"):
        phone.sign_in("bob@example.com", "wrong")
    assert phone.state == before


def test_signing_out_keeps_the_device(phone: Client, api: FakeApi) -> None:
    phone.sign_up(*PERSON)
    device_id = phone.state.device_id
    api.script["auth/logout/"] = [LOSE_ANSWER]
    phone.sign_out()
    assert phone.request("GET", "users/me/").code == "sign_in_required"
    assert phone.sign_in(*PERSON).json["user"]["email"] == PERSON[0]
    assert phone.state.device_id == device_id


def test_session_that_was_ended_elsewhere_leaves_a_device(phone: Client, api: FakeApi) -> None:
    phone.sign_up(*PERSON)
    api.session_of(phone.state.access or "").has_ended = True
    assert phone.request("GET", "users/me/").remedy is Remedy.SIGN_OUT


# -- keys


@pytest.mark.parametrize("hardware_key", [False, True])
def test_lost_rotation_is_one_new_key(make_phone: MakePhone, api: FakeApi, hardware_key: bool) -> None:
    phone = make_phone(hardware_key=hardware_key)
    phone.get_token()
    before = phone.state
    api.script["device/rotate/"] = [LOSE_ANSWER]
    phone.rotate_key()
    first, second = api.sent("device/rotate/")
    assert first.json["attempt"] == second.json["attempt"]
    if hardware_key:
        assert first.json["public_key"] == second.json["public_key"]
    assert phone.state.key_id == f"dev:{phone.state.device_id}:2"
    assert (phone.state.secret, phone.state.private_key) != (before.secret, before.private_key)
    assert phone.state.next_private_key is phone.state.rotation_attempt is None
    assert api.devices[phone.state.device_id or ""].generation == 2  # used at once
    assert phone.refresh().is_success
    assert api.devices[phone.state.device_id or ""].generation == 2


def test_new_p256_key_outlives_a_restart_in_mid_rotation(make_phone: MakePhone, api: FakeApi) -> None:
    phone = make_phone(hardware_key=True)
    phone.get_token()
    api.script["device/rotate/"] = [LOSE_ANSWER] * 4
    with pytest.raises(NetworkFailure):
        phone.rotate_key()
    phone = make_phone(hardware_key=True)
    phone.rotate_key()
    assert phone.refresh().is_success
    assert len({request.json["attempt"] for request in api.sent("device/rotate/")}) == 1
    keys = [request.json["public_key"]["x"] for request in api.sent("device/rotate/")]
    assert len(set(keys)) == 1


def test_server_asks_for_a_new_key(phone: Client, api: FakeApi) -> None:
    api.wants_rekey = True
    phone.get_token()
    assert phone.state.key_id == f"dev:{phone.state.device_id}:2"


def test_failed_rotation_costs_no_tokens_and_is_made_up_for(phone: Client, api: FakeApi) -> None:
    api.wants_rekey = True
    api.script["device/rotate/"] = [LOSE_REQUEST] * 4
    assert phone.get_token().json["access"] == phone.state.access
    assert phone.state.key_id == f"dev:{phone.state.device_id}:1"
    phone.refresh()
    assert phone.state.key_id == f"dev:{phone.state.device_id}:2"


def test_device_whose_key_somebody_else_rotated_registers_anew(phone: Client, api: FakeApi) -> None:
    phone.get_token()
    old = phone.state
    api.devices[old.device_id or ""].generation = 2
    phone.get_token()
    assert phone.state.device_id != old.device_id
    assert phone.state.install_id != old.install_id


def test_rotation_of_a_superseded_key_registers_anew(phone: Client, api: FakeApi) -> None:
    phone.get_token()
    old = phone.state
    api.devices[old.device_id or ""].generation = 2
    phone.rotate_key()
    assert phone.state.device_id != old.device_id
    assert phone.state.access is None


def test_answer_to_an_old_signature_does_not_cost_the_device(phone: Client, api: FakeApi) -> None:
    phone.sign_up(*PERSON)
    before = phone.state
    send = api.send

    def rotate_meanwhile(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        api.send = send  # type: ignore[method-assign]
        phone.rotate_key()
        phone.refresh()
        return send(method, url, headers, body)

    api.send = rotate_meanwhile  # type: ignore[method-assign]
    assert phone.request("GET", "users/me/", signed=True).is_success
    assert phone.state.device_id == before.device_id


def test_unknown_device_registers_anew_in_the_middle_of_a_call(phone: Client, api: FakeApi) -> None:
    phone.get_token()
    old = phone.state
    api.devices.clear()
    api.expired.add(old.access or "")
    assert phone.request("GET", "users/me/").code == "sign_in_required"
    assert phone.state.install_id != old.install_id
    assert list(api.devices) == [phone.state.device_id]


def test_signed_call_of_an_unknown_device_registers_anew(phone: Client, api: FakeApi) -> None:
    phone.get_token()
    old = phone.state
    api.script["users/me/"] = [problem(401, "device_unknown")]
    assert phone.request("GET", "users/me/", signed=True).code == "sign_in_required"
    assert phone.state.install_id != old.install_id


# -- the end


def test_revoked_device_is_told_so(phone: Client, api: FakeApi) -> None:
    phone.sign_up(*PERSON)
    api.devices[phone.state.device_id or ""].is_revoked = True
    with pytest.raises(DeviceRevoked):
        phone.request("GET", "users/me/")
    with pytest.raises(DeviceRevoked):
        phone.get_token()
    assert len(api.devices) == 1
    phone.forget_device()
    assert phone.get_token().is_success


def test_lost_goodbye_is_said_again(phone: Client, api: FakeApi) -> None:
    phone.sign_up(*PERSON)
    api.script["device/revoke/"] = [LOSE_ANSWER]
    phone.revoke_device()
    assert len(api.sent("device/revoke/")) == 2
    assert {request.body for request in api.sent("device/revoke/")} == {b""}
    with pytest.raises(DeviceRevoked):
        phone.request("GET", "users/me/")


def test_nothing_is_revoked_that_was_never_registered(phone: Client, api: FakeApi) -> None:
    phone.revoke_device()
    assert not api.requests


# -- any call


def test_write_keeps_its_idempotency_key_over_attempts(phone: Client, api: FakeApi) -> None:
    phone.sign_up(*PERSON)
    contact = {"id": str(uuid.uuid4()), "last_name": "Lovelace"}
    api.script["contacts/"] = [LOSE_ANSWER, LOSE_REQUEST]
    api.expired.add(phone.state.access or "")
    assert phone.request("POST", "contacts/", contact).status == 201
    sent = api.sent("contacts/")
    assert len(sent) == 4
    assert len({request.headers["Idempotency-Key"] for request in sent}) == 1
    assert len(api.contacts) == 1
    phone.request("POST", "contacts/", contact)
    assert api.requests[-1].headers["Idempotency-Key"] != sent[0].headers["Idempotency-Key"]


def test_write_keeps_its_idempotency_key_over_another_session_token(phone: Client, api: FakeApi) -> None:
    phone.sign_up(*PERSON)
    api.script["contacts/"] = [LOSE_ANSWER, problem(401, "token_invalid")]
    answer = phone.request("POST", "contacts/", {"id": str(uuid.uuid4()), "last_name": "Lovelace"})
    assert (answer.status, answer.is_replayed) == (201, True)
    assert len({request.headers["Idempotency-Key"] for request in api.sent("contacts/")}) == 1
    assert len(api.sent("auth/get-token/")) == 2  # the second one is the cure


def test_caller_may_bring_an_idempotency_key(phone: Client, api: FakeApi) -> None:
    phone.request("POST", "contacts/", {}, headers={"Idempotency-Key": "mine"})
    assert api.requests[-1].headers["Idempotency-Key"] == "mine"


def test_reading_has_no_idempotency_key(phone: Client, api: FakeApi) -> None:
    phone.request("GET", "users/me/")
    assert "Idempotency-Key" not in api.requests[-1].headers


def test_signature_is_added_where_the_server_wants_one(phone: Client, api: FakeApi) -> None:
    phone.sign_up(*PERSON)
    api.wants_signatures = True
    assert phone.request("GET", "users/me/").is_success
    unsigned, signed = api.sent("users/me/")
    assert "Signature" not in unsigned.headers
    assert "Signature" in signed.headers


def test_signed_call_with_query_and_body(phone: Client, api: FakeApi) -> None:
    phone.sign_up(*PERSON)
    contact = {"id": "1", "last_name": "Zoë"}
    assert phone.request("POST", "contacts/", contact, signed=True).status == 201
    params = {"q": "zoë", "filter[tag]": ["a b", "c"]}
    assert phone.request("GET", "contacts/", params=params, signed=True).is_success
    assert api.requests[-1].query == {"q": ["zoë"], "filter[tag]": ["a b", "c"]}


def test_body_that_is_not_json(phone: Client, api: FakeApi) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    phone.perform(Call("POST", "users/avatar/", body=b"--x--", headers=headers, is_signed=True))
    sent = api.sent("users/avatar/")[0]
    assert sent.body == b"--x--"
    assert '"content-type"' in sent.headers["Signature-Input"]


def test_wrong_clock_costs_one_attempt(phone: Client, api: FakeApi, time: FakeTime) -> None:
    api.time = FakeTime()
    api.time.now = time.now + 3600
    phone.get_token()
    assert len(api.sent("device/register/")) == 2
    assert len(api.sent("auth/get-token/")) == 1


def test_calls_name_the_app_and_its_version(phone: Client, api: FakeApi) -> None:
    phone.get_token()
    for request in api.requests:
        assert request.headers["X-App-Platform"] == "other"
        assert request.headers["X-App-Version"] == "0.1.0"


def test_signing_needs_a_device(phone: Client) -> None:
    with pytest.raises(LookupError):
        phone.request("POST", "device/rotate/", {})


def test_purposes_of_the_profile_can_be_called_by_hand(phone: Client, api: FakeApi) -> None:
    phone.register_device()
    answer = phone.request("POST", "auth/get-token/", {"device_id": phone.state.device_id})
    assert answer.is_success
    assert "Authorization" not in api.requests[-1].headers
    assert phone.state.access is None


# -- before it is sent


class Witness:
    """A Transport that looks into the storage at the moment something is sent."""

    def __init__(self, api: FakeApi, storage: MemoryStorage) -> None:
        self._api = api
        self._storage = storage
        self.stored: dict[str, Mapping[str, object]] = {}

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        response = self._api.send(method, url, headers, body)
        self.stored[self._api.requests[-1].path] = self._storage.load() or {}
        return response


def test_what_must_be_repeated_is_stored_before_it_is_sent(
    make_phone: MakePhone, api: FakeApi, storage: MemoryStorage
) -> None:
    witness = Witness(api, storage)
    phone = make_phone(hardware_key=True, transport=witness)
    phone.get_token()
    phone.refresh()
    phone.rotate_key()
    registration = api.sent("device/register/")[0].json
    stored = witness.stored["device/register/"]
    assert stored["install_id"] == registration["install_id"]
    assert stored["enrol_key"] == registration["enrol_key"]
    assert stored["private_key"]
    refresh = api.sent("auth/refresh-token/")[0].json
    assert witness.stored["auth/refresh-token/"]["refresh_attempt"] == refresh["attempt"]
    assert witness.stored["device/rotate/"]["next_private_key"] == phone.state.private_key
    rotation = api.sent("device/rotate/")[0].json
    assert witness.stored["device/rotate/"]["rotation_attempt"] == rotation["attempt"]


def test_what_cannot_be_stored_is_not_sent(
    make_phone: MakePhone, api: FakeApi, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = make_phone()
    phone.get_token()
    count, before = len(api.requests), phone.state

    def fail(_data: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(storage, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        phone.refresh()
    assert len(api.requests) == count
    assert phone.state == before


def test_state_of_something_else_is_refused(make_phone: MakePhone, storage: MemoryStorage) -> None:
    storage.save({"theme": "dark"})
    with pytest.raises(ValueError, match="not the state"):
        make_phone()


def test_restarted_app_goes_on_where_it_was(make_phone: MakePhone, api: FakeApi) -> None:
    phone = make_phone()
    phone.sign_up(*PERSON)
    again = make_phone()
    assert asdict(again.state) == asdict(phone.state)
    count = len(api.requests)
    assert again.request("GET", "users/me/").is_success
    assert len(api.requests) == count + 1
