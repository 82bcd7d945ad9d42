"""Evidence that arrives many times at once is taken up once, judged once, and a counter counts once."""

import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import connection
from handset_client import Client
from pytest_django import Settings

from api.apis.onboarding import services
from api.models import ActorKind, Attestation, AuditEntry, Channel, Device, OutboxMessage
from api.platform import attestation
from api.platform.attestation import ChallengeInvalid
from api.platform.callers import Caller
from tests.attesters import APP_ID, Apple
from tests.services.conftest import Deployment
from tests.services.crowds import at_once

pytestmark = pytest.mark.services

CROWD = 12
APPLE = Apple()
KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(autouse=True)
def _attests(settings: Settings) -> None:
    settings.APP_ATTEST_APP_ID = APP_ID
    settings.APP_ATTEST_ROOT_CA = APPLE.root_pem


@pytest.fixture
def device(deployed: Deployment, phone: Client) -> Iterator[Device]:
    """A device. What it leaves in the outbox is for nobody else: the deployment is not set up to judge it."""
    phone.get_token()
    found = Device.objects.get(id=phone.state.device_id)
    yield found
    OutboxMessage.objects.filter(task="onboarding.judge_attestation").delete()


def about(device: Device, challenge: str) -> bytes:
    return attestation.client_data(device.install_id, bytes(device.enrol_digest), challenge)


def attest(device: Device, kind: str, challenge: str, evidence: str) -> Attestation | None:
    caller = Caller(kind=ActorKind.DEVICE, channel=Channel.API, device_id=device.id)
    try:
        return services.attest_device(caller, kind=kind, challenge=challenge, evidence=evidence)
    except ChallengeInvalid:
        return None


def together(actions: list[Callable[[], Any]]) -> list[Any]:
    """Each in a thread with a database connection of its own."""

    def alone(action: Callable[[], Any]) -> Any:
        try:
            return action()
        finally:
            connection.close()

    return at_once([partial(alone, action) for action in actions])


def judged_by_many(ids: list[uuid.UUID]) -> None:
    together([partial(services.judge_attestation, attestation_id=one) for one in ids])


def introduced(device: Device) -> Attestation:
    challenge = attestation.new_challenge(device.install_id)
    found = attest(device, "app_attest", challenge, APPLE.attestation(KEY, about(device, challenge)))
    assert found is not None
    return found


def test_the_same_evidence_is_taken_up_once_and_judged_once(device: Device) -> None:
    challenge = attestation.new_challenge(device.install_id)
    evidence = APPLE.attestation(KEY, about(device, challenge))

    found = together([partial(attest, device, "app_attest", challenge, evidence)] * CROWD)

    assert len({one.id for one in found}) == 1
    assert OutboxMessage.objects.filter(arguments={"attestation_id": str(found[0].id)}).count() == 1
    judged_by_many([found[0].id] * CROWD)
    device.refresh_from_db()
    assert device.trust == "strong"
    assert AuditEntry.objects.filter(action="device.trust_changed", target_id=str(device.id)).count() == 1


def test_one_challenge_takes_one_of_many_evidences(device: Device) -> None:
    challenge = attestation.new_challenge(device.install_id)
    evidences = [APPLE.attestation(KEY, about(device, challenge)) for _ in range(CROWD)]

    found = together([partial(attest, device, "app_attest", challenge, evidence) for evidence in evidences])

    assert len([one for one in found if one is not None]) == 1
    assert Attestation.objects.filter(device=device).count() == 1


def test_one_of_many_assertions_with_one_counter_is_accepted(device: Device) -> None:
    services.judge_attestation(attestation_id=introduced(device).id)
    challenges = [attestation.new_challenge(device.install_id) for _ in range(CROWD)]
    pending = [
        attest(device, "app_attest_assertion", challenge, APPLE.assertion(KEY, about(device, challenge), counter=1))
        for challenge in challenges
    ]

    judged_by_many([one.id for one in pending if one is not None])

    made = Attestation.objects.filter(device=device, kind="app_attest_assertion").values_list("status", "refusal")
    assert sorted(made) == [("accepted", ""), *[("refused", "CounterReused")] * (CROWD - 1)]
