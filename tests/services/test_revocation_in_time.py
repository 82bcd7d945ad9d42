"""What is ended in one process is over in all others within five seconds, access tokens included."""

import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from handset_client import Call, Client, DeviceRevoked

from api.apis.jobs import services as jobs
from api.platform import revocation, state
from tests.services.conftest import PASSWORD, Deployment, wire_of
from tests.services.hands import Hand

pytestmark = pytest.mark.services

LIMIT_SECONDS = 5


def _refused_everywhere_at(deployed: Deployment, phone: Client) -> float:
    """When (monotonic clock) every server had begun to refuse the phone's token."""
    attempt = phone.prepare(Call("GET", "auth/check/"))
    deadline = time.monotonic() + 2 * LIMIT_SECONDS
    refused: dict[str, float] = {}
    while len(refused) < len(deployed.base_urls) and time.monotonic() < deadline:
        for url in deployed.base_urls:
            if url not in refused:
                answer = wire_of(phone).send_attempt(attempt, to=url)
                if answer.status == 401:
                    assert answer.code == "token_revoked"
                    refused[url] = time.monotonic()
    assert len(refused) == len(deployed.base_urls), "some server still takes the token"
    # And so it stays, whichever worker answers.
    for url in deployed.base_urls * 10:
        assert wire_of(phone).send_attempt(attempt, to=url).status == 401
    return max(refused.values())


def _warm(deployed: Deployment, phone: Client) -> None:
    """Every worker has seen the token, and remembers that it is good."""
    attempt = phone.prepare(Call("GET", "auth/check/"))
    for url in deployed.base_urls * 10:
        assert wire_of(phone).send_attempt(attempt, to=url).status == 200


def _measured(deployed: Deployment, phone: Client, end: Callable[[], float], what: str, report: Any) -> None:
    _warm(deployed, phone)
    ended_at = end()
    seconds = _refused_everywhere_at(deployed, phone) - ended_at
    report(f"{what}: refused everywhere {seconds * 1000:.1f} ms later")
    assert seconds < LIMIT_SECONDS


def test_a_revoked_device_is_refused_everywhere(
    deployed: Deployment, hand: Hand, phone: Client, report: Callable[[str], None]
) -> None:
    deployed.person(phone)
    _measured(
        deployed,
        phone,
        lambda: hand.do("revoke_device", device_id=phone.state.device_id).at,
        "a device revoked by another process",
        report,
    )
    with pytest.raises(DeviceRevoked):
        phone.get_token()


def test_a_deactivated_person_is_refused_everywhere(
    deployed: Deployment, hand: Hand, phone: Client, report: Callable[[str], None]
) -> None:
    person = deployed.person(phone)
    _measured(
        deployed,
        phone,
        lambda: hand.do("deactivate_person", user_id=str(person.id)).at,
        "a person deactivated by another process",
        report,
    )
    assert phone.request("POST", "token/pair/", {"email": person.email, "password": PASSWORD}).status == 401


def test_a_session_signed_out_at_one_server_is_over_at_the_other(
    deployed: Deployment, phone: Client, report: Callable[[str], None]
) -> None:
    deployed.person(phone)
    twin = deployed.copies(phone, 1)[0]

    def sign_out() -> float:
        phone.sign_out()
        return time.monotonic()

    _measured(deployed, twin, sign_out, "a session signed out", report)


def test_a_revocation_outlives_the_process_that_ended_the_session(deployed: Deployment, phone: Client) -> None:
    """The marks are lost, as if the process had died after its commit: the outbox writes them again."""
    deployed.person(phone)
    _warm(deployed, phone)
    twin = deployed.copies(phone, 1)[0]
    phone.sign_out()
    with state.guarded() as redis:
        assert redis.delete(revocation.mark_key(uuid.UUID(twin.state.session_id))) == 1
    while jobs.run_due():
        pass

    _refused_everywhere_at(deployed, twin)
