"""A refresh token moves its counter once, whoever presents it, however often, at the same moment."""

import secrets
from collections import Counter
from functools import partial

import pytest
from handset_client import Call, Client
from handset_client.outcomes import Answer, accept

from api.models import AuditEntry, Session
from tests.services.conftest import PASSWORD, Deployment, wire_of
from tests.services.crowds import answers_of, at_once, posting

pytestmark = pytest.mark.services

ROUNDS = 3


def _refreshed(app: Client, refresh: str | None, attempt: str | None) -> Answer:
    given = {"refresh": refresh} | ({"attempt": attempt} if attempt else {})
    return app.request("POST", "auth/refresh-token/", given)


@pytest.mark.parametrize("path", ["auth/refresh-token/", "token/refresh/"])
@pytest.mark.parametrize("sends_attempt", [True, False], ids=["same attempt", "no attempt"])
def test_twenty_refreshes_of_one_token_get_one_child(deployed: Deployment, sends_attempt: bool, path: str) -> None:
    phone = deployed.phone()
    phone.get_token()
    for moved in range(1, ROUNDS + 1):
        body = {"refresh": phone.state.refresh} | ({"attempt": secrets.token_urlsafe(16)} if sends_attempt else {})

        answers = answers_of(deployed.copies(phone, 20), posting(path, body))

        assert [answer.status for answer in answers] == [200] * 20
        assert len({answer.json["refresh"] for answer in answers}) == 1
        session = Session.objects.get(id=phone.state.session_id)
        assert (session.refresh_counter, session.ended_at) == (moved, None)
        phone._adopt(answers[-1])
        assert accept(phone.request("GET", "auth/check/")).json["session_id"] == phone.state.session_id


def test_twenty_refreshes_in_different_attempts_never_leave_two_children(deployed: Deployment) -> None:
    for _ in range(ROUNDS):
        phone = deployed.phone()
        refresh = phone.get_token().json["refresh"]

        answers = at_once(
            partial(_refreshed, app, refresh, secrets.token_urlsafe(16)) for app in deployed.copies(phone, 20)
        )

        outcomes = Counter(answer.code for answer in answers)
        assert outcomes[""] == 1  # the first, before anybody else had been seen
        assert outcomes["refresh_reuse_detected"] >= 1
        assert outcomes.keys() <= {"", "refresh_reuse_detected", "token_revoked"}
        session = Session.objects.get(id=phone.state.session_id)
        assert (session.end_reason, session.live_device_id) == ("refresh_reused", None)
        told = AuditEntry.objects.filter(action="auth.refresh_reuse_detected", target_id=session.id)
        assert told.count() == 1  # the person hears of it once
        # The child that was handed out is dead, and so is its access token.
        child = next(answer.json for answer in answers if answer.is_success)
        assert _refreshed(phone, child["refresh"], None).code == "token_revoked"
        phone._adopt(next(answer for answer in answers if answer.is_success))
        check = wire_of(phone).send_attempt(phone.prepare(Call("GET", "auth/check/")))
        assert (check.status, check.code) == (401, "token_revoked")
        anew = phone.get_token().json
        assert (anew["session_id"] == child["session_id"], anew["rekey"]) == (False, True)


def test_refreshing_beside_everything_else_that_a_device_does(deployed: Deployment) -> None:
    """Refreshing, asking for tokens, signing out and signing up touch the same two rows: no order of them blames the
    server, and one session is left.
    """
    for number in range(ROUNDS):
        phone = deployed.phone()
        phone.get_token()
        apps = deployed.copies(phone, 16)
        attempt = secrets.token_urlsafe(16)
        body = {"email": f"mixed-{phone.state.device_id}-{number}@example.com", "password": PASSWORD}

        answers = at_once(
            [
                *(partial(_refreshed, app, phone.state.refresh, attempt) for app in apps[:6]),
                *(app.get_token for app in apps[6:12]),
                *(partial(app.request, "POST", "auth/register/", body) for app in apps[12:]),
            ]
        )

        assert {answer.code for answer in answers} <= {"", "token_revoked"}
        assert Session.objects.filter(live_device_id=phone.state.device_id).count() == 1
