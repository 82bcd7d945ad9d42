"""One signature counts once, however many copies of the request arrive at the same moment, at whichever server."""

from collections import Counter

import pytest
from handset_client import Call, Client
from handset_client.outcomes import Answer

from api.models import Contact, Device, Session
from tests.services.conftest import Deployment, wire_of
from tests.services.crowds import answers_to

pytestmark = pytest.mark.services

COPIES = 50


def _replayed(deployed: Deployment, phone: Client, call: Call) -> list[Answer]:
    """What fifty copies of one attempt are answered: the same bytes under the same name, at both servers."""
    return answers_to(wire_of(phone), phone._attempt(call, phone.state), deployed.base_urls, COPIES)


def _require_one(answers: list[Answer], status: int) -> None:
    told = Counter((answer.status, answer.code) for answer in answers)
    assert told == {(status, ""): 1, (401, "nonce_replayed"): COPIES - 1}


@pytest.mark.parametrize("hardware_key", [False, True], ids=["hmac", "p256"])
def test_a_token_request_counts_once(deployed: Deployment, hardware_key: bool) -> None:
    phone = deployed.phone(hardware_key=hardware_key)
    device_id = phone.register_device()

    answers = _replayed(deployed, phone, Call.of_json("POST", "auth/get-token/", {"device_id": device_id}))

    _require_one(answers, 200)
    assert Session.objects.filter(device_id=device_id).count() == 1


def test_a_registration_counts_once(deployed: Deployment, phone: Client) -> None:
    body = {"install_id": phone.state.install_id, "enrol_key": phone.state.enrol_key, **phone._info.at_registration()}

    answers = _replayed(deployed, phone, Call.of_json("POST", "device/register/", body))

    _require_one(answers, 201)
    assert Device.objects.filter(install_id=phone.state.install_id).count() == 1


def test_a_signed_creation_counts_once(deployed: Deployment, phone: Client) -> None:
    person = deployed.person(phone)
    call = Call.of_json("POST", "contacts/", {"first_name": "Grace"}, is_signed=True)

    answers = _replayed(deployed, phone, call)

    _require_one(answers, 201)
    assert Contact.objects.filter(creator=person).count() == 1


def test_a_refresh_counts_once(deployed: Deployment, phone: Client) -> None:
    phone.get_token()

    answers = _replayed(deployed, phone, Call.of_json("POST", "auth/refresh-token/", {"refresh": phone.state.refresh}))

    _require_one(answers, 200)
    assert Session.objects.get(id=phone.state.session_id).refresh_counter == 1
