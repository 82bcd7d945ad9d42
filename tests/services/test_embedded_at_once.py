"""The embedded default under the same crowds: one process with threads, a SQLite file, and the background process."""

import secrets
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest
from handset_client import Call, Client, uuid7
from handset_client.outcomes import accept

from tests.services.conftest import PASSWORD, Deployment, embedded_default, no_failures, wire_of
from tests.services.crowds import answers_of, at_once, posting
from tests.services.servers import Process

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def _embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with embedded_default(tmp_path_factory.mktemp("embedded")) as found:
        background = Process(found.environment, found.folder / "run_outbox.log", "manage.py", "run_outbox")
        try:
            yield found
            assert background.is_running
            assert "Traceback" not in background.log.read_text()
        finally:
            background.stop()


@pytest.fixture
def embedded(_embedded: Deployment) -> Iterator[Deployment]:
    with no_failures(_embedded):
        yield _embedded


@pytest.mark.parametrize("hardware_key", [False, True], ids=["hmac", "p256"])
def test_twenty_of_everything_are_one_of_each(embedded: Deployment, hardware_key: bool, email: str) -> None:
    apps = embedded.copies(embedded.phone(hardware_key=hardware_key), 20)

    answers_of(apps, Client.register_device)
    assert Counter(status for app in apps for status in wire_of(app).statuses) == {201: 1, 200: 19}
    assert len({(app.state.device_id, app.state.secret) for app in apps}) == 1

    answers = answers_of(apps, Client.get_token)
    assert len({answer.json["refresh"] for answer in answers}) == 1

    body = {"refresh": apps[0].state.refresh, "attempt": secrets.token_urlsafe(16)}
    answers = answers_of(apps, posting("auth/refresh-token/", body))
    assert Counter(answer.status for answer in answers) == {200: 20}
    assert len({answer.json["refresh"] for answer in answers}) == 1

    answers = answers_of(apps, posting("auth/register/", {"email": email, "password": PASSWORD}))
    assert Counter((answer.status, answer.code) for answer in answers) == {(201, ""): 20}
    assert len({answer.json["session_id"] for answer in answers}) == 1

    phone = apps[0]
    phone.get_token()
    answers = answers_of(embedded.copies(phone, 20), posting("contacts/", {"id": str(uuid7()), "first_name": "Grace"}))
    assert Counter(answer.status for answer in answers) == {201: 1, 200: 19}


def test_many_writers_wait_for_one_another(embedded: Deployment) -> None:
    """SQLite has one writer at a time: sixteen threads that write all get their turn."""
    phones = embedded.phones(4)
    for index, phone in enumerate(phones):
        accept(phone.sign_up(f"writer{index}-{phone.state.device_id}@example.com", PASSWORD))

    def write(phone: Client) -> Counter[int]:
        body = {"first_name": "Grace", "notes": "a few words to be found by"}
        return Counter(phone.request("POST", "contacts/", body).status for _ in range(10))

    counts = at_once(partial(write, app) for phone in phones for app in embedded.copies(phone, 4))

    assert sum(counts, Counter()) == {201: 160}
    for phone in phones:
        page = accept(phone.request("GET", "contacts/", params={"total": "true"})).json
        assert page["meta"]["total"] == 40


def test_a_signature_counts_once(embedded: Deployment) -> None:
    phone = embedded.phone()
    device_id = phone.register_device()
    wire = wire_of(phone)
    attempt = phone._attempt(Call.of_json("POST", "auth/get-token/", {"device_id": device_id}), phone.state)
    answers = at_once([partial(wire.send_attempt, attempt)] * 50)

    assert Counter((answer.status, answer.code) for answer in answers) == {(200, ""): 1, (401, "nonce_replayed"): 49}
