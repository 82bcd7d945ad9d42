"""Signing in by a provider, many times at once: one person for an identity, one session for a token."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from handset_client import Answer, Client
from handset_client.outcomes import accept

from api.models import Organization, Session, SocialIdentity, User
from tests.issuer import Issuer
from tests.services.conftest import Deployment, no_failures
from tests.services.crowds import answers_of, at_once, posting
from tests.services.servers import Gunicorn

pytestmark = pytest.mark.services

CLIENT, PATH = "handset", "auth/social/example/"
ROUNDS = 3


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    found = Issuer()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def _provided(deployed: Deployment, issuer: Issuer) -> Iterator[Deployment]:
    """Two more servers over the same stores, which know the issuer."""
    providers = {"example": {"issuer": issuer.address, "client_ids": [CLIENT]}}
    environment = {**deployed.environment, "OIDC_PROVIDERS": json.dumps(providers)}
    servers = [Gunicorn(environment, deployed.folder / f"provided-{number}.log") for number in range(2)]
    try:
        for server in servers:
            server.wait_until_up()
        yield replace(deployed, environment=environment, servers=servers, wires=[], forgiven=[])
    finally:
        for server in servers:
            server.stop()


@pytest.fixture
def provided(_provided: Deployment) -> Iterator[Deployment]:
    with no_failures(_provided):
        yield _provided


def proof(phone: Client, issuer: Issuer, **said: Any) -> dict[str, Any]:
    """A nonce of the phone's and a token for it."""
    nonce = accept(phone.request("POST", f"{PATH}nonce/")).json["nonce"]
    now = int(time.time())
    claims = {
        "iss": issuer.address,
        "aud": CLIENT,
        "iat": now,
        "exp": now + 600,
        "nonce": nonce,
        "email_verified": True,
    }
    return {"id_token": issuer.sign(claims | said), "nonce": nonce}


def outcomes(answers: list[Answer]) -> Counter[tuple[int, str]]:
    return Counter((answer.status, answer.code) for answer in answers)


def test_ten_devices_meet_an_identity_for_the_first_time_and_it_is_one_person(
    provided: Deployment, issuer: Issuer, email: str
) -> None:
    for number in range(ROUNDS):
        address = f"{number}-{email}"
        phones = provided.phones(10)
        bodies = [proof(phone, issuer, sub=address, email=address) for phone in phones]

        answers = at_once(
            partial(phone.request, "POST", PATH, body) for phone, body in zip(phones, bodies, strict=True)
        )

        assert outcomes(answers) == {(200, ""): 10}
        person = User.objects.get(email_identity=address)
        assert {answer.json["user"]["id"] for answer in answers} == {str(person.id)}
        assert SocialIdentity.objects.filter(user=person).count() == 1
        assert Organization.objects.filter(personal_of=person).count() == 1
        assert Session.objects.filter(user=person, live_device__isnull=False).count() == 10


def test_an_identity_meets_the_account_of_its_address_at_once(provided: Deployment, issuer: Issuer) -> None:
    phones = provided.phones(11)
    person = provided.person(phones.pop())
    bodies = [proof(phone, issuer, sub=str(person.email), email=person.email) for phone in phones]

    answers = at_once(partial(phone.request, "POST", PATH, body) for phone, body in zip(phones, bodies, strict=True))

    assert outcomes(answers) == {(200, ""): 10}
    assert {answer.json["user"]["id"] for answer in answers} == {str(person.id)}
    assert SocialIdentity.objects.filter(user=person).count() == 1


def test_twenty_uses_of_one_token_are_one_person_and_session(provided: Deployment, issuer: Issuer, email: str) -> None:
    for number in range(ROUNDS):
        address = f"{number}-{email}"
        phone = provided.phone()
        phone.get_token()
        body = proof(phone, issuer, sub=address, email=address)

        answers = answers_of(provided.copies(phone, 20), posting(PATH, body))

        assert outcomes(answers) == {(200, ""): 20}
        assert len({answer.json["session_id"] for answer in answers}) == 1
        person = User.objects.get(email_identity=address)
        assert Session.objects.filter(user=person).count() == 1


def test_guests_meet_an_address_at_once_and_one_becomes_its_person(
    provided: Deployment, issuer: Issuer, email: str
) -> None:
    phones = provided.phones(10)
    for phone in phones:
        accept(phone.start_session("auth/guest/"))
    bodies = [proof(phone, issuer, sub=email, email=email) for phone in phones]

    answers = at_once(partial(phone.request, "POST", PATH, body) for phone, body in zip(phones, bodies, strict=True))

    assert outcomes(answers) == {(200, ""): 10}
    person = User.objects.get(email_identity=email)
    assert {answer.json["user"]["id"] for answer in answers} == {str(person.id)}
    assert User.objects.filter(merged_into=person).count() == 9
