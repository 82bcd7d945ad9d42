"""`POST device/challenge/`: what evidence is made for, for whoever holds an app key; nothing is stored."""

import uuid

import pytest
from handset_client import Tag
from handset_client.outcomes import accept
from pytest_django import Settings

from api.platform import attestation
from tests.apis.auth.wire import NOW, assert_refused, draft, lower_rates, rows, send, with_token
from tests.apis.onboarding.attesting import Attester
from tests.conftest import Person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "attests")]


def test_a_challenge_for_an_installation_that_is_not_registered_yet(attester: Attester) -> None:
    install_id = uuid.uuid4()
    before = rows()
    answer = attester.ask({"install_id": str(install_id)})
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json == {"challenge": answer.json["challenge"], "expires_in": 120, "server_time": NOW}
    assert attestation.challenge_time(answer.json["challenge"], install_id) == NOW
    assert rows() == before


def test_each_challenge_is_another_one(attester: Attester) -> None:
    assert len({attester.challenge() for _ in range(5)}) == 5


def test_it_takes_an_app_key_and_no_other(attester: Attester, alice: Person) -> None:
    body = {"install_id": attester.phone.state.install_id}
    by_device = draft(alice.phone.state.signer, "POST", "device/challenge/", body)
    assert_refused(send(alice.transport, by_device), 401, "signature_wrong_purpose")
    bearer = with_token(
        alice.transport, "POST", "device/challenge/", accept(alice.phone.get_token()).json["access"], body
    )
    assert_refused(bearer, 401, "signature_missing")


def test_its_signature_counts_once(attester: Attester) -> None:
    given = draft(attester.app, "POST", "device/challenge/", {"install_id": str(uuid.uuid4())}, tag=Tag.REGISTER)
    assert send(attester.transport, given).status == 200
    assert_refused(send(attester.transport, given), 401, "nonce_replayed")


@pytest.mark.parametrize("body", [{}, {"install_id": None}, {"install_id": "x"}, {"install_id": 7}, [], {"id": "x"}])
def test_it_is_for_an_installation(attester: Attester, body: object) -> None:
    assert_refused(attester.ask(body), 400, "invalid_input")


def test_where_attestation_is_off_there_is_none(attester: Attester, settings: Settings) -> None:
    settings.APP_ATTEST_APP_ID = settings.PLAY_INTEGRITY_PACKAGE = ""
    assert_refused(attester.ask({"install_id": attester.phone.state.install_id}), 404, "not_found")


def test_challenges_have_budgets_of_their_own(attester: Attester, settings: Settings) -> None:
    lower_rates(settings, auth_address=2)
    attester.challenge()
    attester.challenge()
    assert_refused(attester.ask({"install_id": attester.phone.state.install_id}), 429, "throttled")
    attester.phone.register_device()
