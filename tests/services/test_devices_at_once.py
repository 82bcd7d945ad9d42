"""One installation that asks many times at once, over two servers, is one device with one key and one session."""

import secrets
from functools import partial

import pytest
from handset_client import Client
from handset_client.outcomes import accept

from api.models import Device, Session
from tests.services.conftest import Deployment, wire_of
from tests.services.crowds import answers_of, at_once, posting

pytestmark = pytest.mark.services

ROUNDS = 3


def _session_ids(device_id: str | None) -> list[str]:
    live = Session.objects.filter(live_device_id=device_id)
    return [str(session_id) for session_id in live.values_list("id", flat=True)]


@pytest.mark.parametrize("hardware_key", [False, True], ids=["hmac", "p256"])
def test_twenty_first_registrations_are_one_device(deployed: Deployment, hardware_key: bool) -> None:
    apps = deployed.copies(deployed.phone(hardware_key=hardware_key), 20)

    answers_of(apps, Client.register_device)

    assert sorted(status for app in apps for status in wire_of(app).statuses) == [200] * 19 + [201]
    assert len({(app.state.device_id, app.state.key_id, app.state.secret) for app in apps}) == 1
    assert Device.objects.filter(install_id=apps[0].state.install_id).count() == 1
    assert (apps[0].state.secret is None) == hardware_key
    accept(apps[-1].get_token())  # and the key is the device's


def test_twenty_registrations_with_other_secrets_let_one_in(deployed: Deployment) -> None:
    """Whoever was first has the installation; the others are told nothing and begin anew."""
    apps = [deployed.phone(url) for url in deployed.base_urls * 10]
    install_id = apps[0].state.install_id
    bodies = [
        {"install_id": install_id, "enrol_key": app.state.enrol_key, **app._info.at_registration()} for app in apps
    ]

    answers = answers_of(
        zip(apps, bodies, strict=True), lambda pair: pair[0].request("POST", "device/register/", pair[1])
    )

    assert sorted(answer.status for answer in answers) == [201] + [409] * 19
    assert {answer.code for answer in answers if answer.status == 409} == {"install_conflict"}
    assert Device.objects.filter(install_id=install_id).count() == 1


@pytest.mark.parametrize("hardware_key", [False, True], ids=["hmac", "p256"])
def test_twenty_first_tokens_are_one_session(deployed: Deployment, hardware_key: bool) -> None:
    phone = deployed.phone(hardware_key=hardware_key)
    phone.register_device()

    answers = answers_of(deployed.copies(phone, 20), Client.get_token)

    assert len({answer.json["session_id"] for answer in answers}) == 1
    assert len({answer.json["refresh"] for answer in answers}) == 1
    assert Session.objects.filter(device_id=phone.state.device_id).count() == 1


def test_twenty_rotations_promise_one_key_and_its_first_uses_agree(deployed: Deployment, phone: Client) -> None:
    phone.get_token()
    apps = deployed.copies(phone, 20)

    answers = answers_of(apps, posting("device/rotate/", {"attempt": secrets.token_urlsafe(16)}))
    for app, answer in zip(apps, answers, strict=True):
        app._store(app.state.rotated(accept(answer)))

    assert len({(app.state.key_id, app.state.secret) for app in apps}) == 1
    answers = answers_of(apps, Client.get_token)
    assert len({answer.json["session_id"] for answer in answers}) == 1
    device = Device.objects.get(id=phone.state.device_id)
    assert (device.generation, device.has_next_key) == (2, False)


def test_of_twenty_attempts_to_rotate_one_gets_the_key(deployed: Deployment, phone: Client) -> None:
    phone.get_token()
    attempts = [{"attempt": secrets.token_urlsafe(16)} for _ in range(20)]

    answers = at_once(
        partial(app.request, "POST", "device/rotate/", attempt)
        for app, attempt in zip(deployed.copies(phone, 20), attempts, strict=True)
    )

    assert sorted(answer.code for answer in answers) == ["", *["key_superseded"] * 19]


def test_a_key_that_was_replaced_meanwhile_gets_no_other_one(deployed: Deployment) -> None:
    """Rotations signed with the first key arrive together with the first uses of the second: whoever else holds the
    first has it superseded, and is handed neither the second nor the third.
    """
    for _ in range(ROUNDS):
        old = deployed.phone()
        old.get_token()
        new = deployed.copies(old, 1)[0]
        attempt = {"attempt": secrets.token_urlsafe(16)}
        answer = new.request("POST", "device/rotate/", attempt)
        new._store(new.state.rotated(accept(answer)))

        answers = at_once(
            [
                *(partial(app.request, "POST", "device/rotate/", {}) for app in deployed.copies(old, 10)),
                *(app.get_token for app in deployed.copies(new, 10)),
            ]
        )

        assert {answer.status for answer in answers[10:]} == {200}
        told = {answer.json["key_id"] if answer.is_success else answer.code for answer in answers[:10]}
        assert told == {"key_superseded"}


def test_twenty_goodbyes_end_everything_once(deployed: Deployment, phone: Client) -> None:
    phone.get_token()
    apps = deployed.copies(phone, 20)

    answers_of(apps, Client.revoke_device)

    statuses = {status for app in apps for status in wire_of(app).statuses}
    assert 204 in statuses
    assert statuses <= {204, 403}
    assert Device.objects.filter(id=phone.state.device_id, revoked_at__isnull=False).exists()
    assert _session_ids(phone.state.device_id) == []
