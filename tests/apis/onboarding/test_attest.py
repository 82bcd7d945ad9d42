"""`POST device/attest/`, and `attestation` at registration: evidence is taken up at once, and judged in the background."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import DatabaseError
from django.utils import timezone
from handset_client import Answer, Tag
from handset_client.outcomes import accept
from pytest_django import Settings

from api.apis.onboarding import services
from api.models import Attestation, AuditEntry, Device, OutboxMessage
from api.platform import attestation as platform
from api.platform import outbox
from tests.apis.auth.wire import assert_refused, draft, request_of, rows, send
from tests.apis.onboarding.attesting import Attester, judge
from tests.conftest import Person
from tests.http.routes import api_routes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "attests")]

Clock = time_machine.Traveller
NewAttester = Callable[[], Attester]
REFUSED = ("refused", "unattested", "unattested")


# -- what is proved


@pytest.mark.parametrize(
    ("how", "trust"),
    [
        (lambda attester: attester.app_attest(), "strong"),
        (lambda attester: attester.play_integrity(), "basic"),
        (
            lambda attester: attester.play_integrity(labels=("MEETS_DEVICE_INTEGRITY", "MEETS_STRONG_INTEGRITY")),
            "strong",
        ),
    ],
    ids=["app-attest", "play-integrity", "play-integrity-strong"],
)
def test_evidence_raises_the_device_s_trust(attester: Attester, how: Callable[[Attester], Any], trust: str) -> None:
    assert attester.verdict_on(how(attester)) == ("accepted", trust, trust)
    entry = AuditEntry.objects.get(action="device.trust_changed")
    assert entry.changes == {"trust": ["unattested", trust]}
    assert (entry.target_id, entry.channel, entry.actor_kind) == (str(attester.device.id), "job", "job")


def test_trust_goes_into_the_next_tokens(attester: Attester) -> None:
    attester.verdict_on(attester.app_attest())
    assert accept(attester.phone.request("GET", "auth/check/")).json["trust"] == "unattested"
    assert accept(attester.phone.get_token()).json["device"]["trust"] == "strong"
    assert accept(attester.phone.request("GET", "auth/check/")).json["trust"] == "strong"
    assert accept(attester.phone.refresh()).json["device"]["trust"] == "strong"


def test_the_newest_verdict_counts(attester: Attester) -> None:
    attester.verdict_on(attester.app_attest())
    assert attester.verdict_on(attester.play_integrity()) == ("accepted", "basic", "basic")
    assert attester.verdict_on(attester.play_integrity()) == ("accepted", "basic", "basic")
    changes = [entry.changes["trust"] for entry in AuditEntry.objects.filter(action="device.trust_changed")]
    assert sorted(changes) == [["strong", "basic"], ["unattested", "strong"]]


def test_what_was_judged_is_kept_without_its_evidence(attester: Attester) -> None:
    good, bad = attester.app_attest(), attester.app_attest(environment=b"appattestdevelop")
    for body in (good, bad):
        attester.attest(body)
        assert Attestation.objects.get(challenge=body["challenge"]).evidence == body["evidence"]
    judge()
    accepted, refused = (Attestation.objects.get(challenge=body["challenge"]) for body in (good, bad))
    assert (accepted.evidence, accepted.refusal, accepted.trust) == ("", "", "strong")
    assert (refused.evidence, refused.refusal, refused.attested_key) == ("", "InvalidAaguidException", None)
    assert accepted.judged_at == refused.judged_at == timezone.now()
    told = repr(rows()["OutboxMessage"]) + repr(rows()["AuditEntry"])
    assert good["evidence"] not in told
    assert bad["evidence"] not in told


def test_a_signature_by_policy_only(attester: Attester, settings: Settings) -> None:
    body = attester.app_attest()
    accept(attester.phone.get_token())
    settings.DEVICE_SIGNATURE_POLICY = "sensitive"
    bare = draft(attester.phone.state.signer, "POST", "device/attest/", body, tag=Tag.REQUEST)
    token = {"Authorization": f"Bearer {attester.phone.state.access}", "Signature": None, "Signature-Input": None}
    assert_refused(send(attester.transport, bare.with_headers(token)), 403, "signature_required")
    assert send(attester.transport, request_of(attester.phone, "POST", "device/attest/", body)).status == 202


# -- once


def test_a_repeat_finds_the_same_attestation(attester: Attester) -> None:
    body = attester.app_attest()
    assert [attester.attest(body).status for _ in range(3)] == [202, 202, 202]
    assert Attestation.objects.count() == OutboxMessage.objects.filter(task="onboarding.judge_attestation").count() == 1
    judge()
    assert [attester.attest(body).status for _ in range(2)] == [200, 200]


def test_a_lost_answer_is_found_again_when_the_challenge_is_over(attester: Attester, clock: Clock) -> None:
    body = attester.app_attest()
    attester.attest(body)
    judge()
    clock.shift(3600)
    assert attester.attest(body).json == {"status": "accepted", "trust": "strong"}


def test_a_challenge_is_good_for_one_attestation(attester: Attester) -> None:
    first = attester.app_attest()
    attester.attest(first)
    for other in (attester.play_integrity(first["challenge"]), attester.app_attest(first["challenge"])):
        assert_refused(attester.attest(other), 409, "challenge_invalid")
    judge()
    assert_refused(attester.attest(attester.play_integrity(first["challenge"])), 409, "challenge_invalid")
    assert Attestation.objects.count() == 1


def test_a_message_that_comes_twice_changes_nothing_more(attester: Attester) -> None:
    attester.verdict_on(attester.app_attest())
    Device.objects.update(trust="basic")
    services.judge_attestation(attestation_id=Attestation.objects.get().id)
    assert attester.device.trust == "basic"
    services.judge_attestation(attestation_id=uuid.uuid4())  # of a device that was forgotten


# -- refused at once


def test_a_challenge_lives_for_two_minutes(attester: Attester, clock: Clock) -> None:
    in_time, late = attester.app_attest(), attester.play_integrity()
    accept(attester.phone.get_token())
    clock.shift(120)
    assert attester.attest(in_time).status == 202
    clock.shift(1)
    assert_refused(attester.attest(late), 409, "challenge_invalid")


def test_a_challenge_of_another_installation(attester: Attester, new_attester: NewAttester) -> None:
    other = new_attester().challenge()
    assert_refused(attester.attest(attester.app_attest(other)), 409, "challenge_invalid")


@pytest.mark.parametrize("challenge", ["x", "1795253400.a.b", "🍣" * 100, "1" * 100])
def test_a_challenge_that_is_none(attester: Attester, challenge: str) -> None:
    body = {"kind": "app_attest", "challenge": challenge, "evidence": "AA"}
    assert_refused(attester.attest(body), 409, "challenge_invalid")
    assert not Attestation.objects.exists()


def test_a_kind_that_is_not_set_up(attester: Attester, settings: Settings) -> None:
    settings.PLAY_INTEGRITY_PACKAGE = ""
    answer = attester.attest(attester.play_integrity())
    assert_refused(answer, 400, "invalid_input")
    assert answer.json["errors"][0]["field"] == "kind"
    assert attester.attest(attester.app_attest()).status == 202


def test_where_attestation_is_off(attester: Attester, settings: Settings) -> None:
    body = attester.app_attest()
    settings.APP_ATTEST_APP_ID = settings.PLAY_INTEGRITY_PACKAGE = ""
    assert_refused(attester.attest(body), 404, "not_found")


@pytest.mark.parametrize(
    "bent",
    [
        {"kind": "safety_net"},
        {"kind": None},
        {"evidence": ""},
        {"evidence": 7},
        {"evidence": "a" * 16_385},
        {"evidence": ["AA"]},
        {"challenge": "a" * 101},
        {"challenge": None},
        {"trust": "strong"},
    ],
)
def test_the_form_of_the_body(attester: Attester, bent: dict[str, Any]) -> None:
    body = attester.app_attest()
    assert_refused(attester.attest(body | bent), 400, "invalid_input")
    assert attester.attest(body).status == 202


# -- refused in the background


def test_evidence_of_another_installation(attester: Attester, new_attester: NewAttester) -> None:
    other = new_attester()
    challenge = attester.challenge()
    stolen = other.apple.attestation(other.key, other.about(challenge))
    assert attester.verdict_on({"kind": "app_attest", "challenge": challenge, "evidence": stolen}) == REFUSED
    stolen = other.google.token(other.about(challenge))
    challenged = {"kind": "play_integrity", "challenge": attester.challenge(), "evidence": stolen}
    assert attester.verdict_on(challenged) == REFUSED


def test_evidence_that_was_used_before(attester: Attester) -> None:
    for body in (attester.app_attest(), attester.play_integrity()):
        attester.verdict_on(body)
        Device.objects.update(trust="unattested")
        assert attester.verdict_on({**body, "challenge": attester.challenge()}) == REFUSED


def test_evidence_about_another_enrolment(attester: Attester) -> None:
    """Whoever knows an installation's id, and not its enrolment key, has a genuine phone attest for nothing."""
    challenge = attester.challenge()
    about = attester.about(challenge).split(b"|")
    about[2] = b"A" * 43
    evidence = attester.apple.attestation(attester.key, b"|".join(about))
    assert attester.verdict_on({"kind": "app_attest", "challenge": challenge, "evidence": evidence}) == REFUSED


def test_evidence_of_another_app(attester: Attester) -> None:
    assert attester.verdict_on(attester.app_attest(app_id="A1B2C3D4E5.com.example.other")) == REFUSED
    assert attester.verdict_on(attester.play_integrity(package="com.example.other")) == REFUSED


@pytest.mark.parametrize("kind", ["app_attest", "app_attest_assertion", "play_integrity"])
def test_nonsense(attester: Attester, kind: str) -> None:
    body = {"kind": kind, "challenge": attester.challenge(), "evidence": "nonsense"}
    assert attester.verdict_on(body) == REFUSED
    assert not OutboxMessage.objects.exclude(failed_at=None, last_error="").exists()


def test_what_was_proved_before_stays(attester: Attester) -> None:
    attester.verdict_on(attester.app_attest())
    body = {"kind": "app_attest", "challenge": attester.challenge(), "evidence": "nonsense"}
    assert attester.verdict_on(body) == ("refused", "unattested", "strong")
    assert AuditEntry.objects.filter(action="device.trust_changed").count() == 1


def test_evidence_that_could_not_be_judged_is_judged_again(
    attester: Attester, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that is down says nothing about the evidence."""
    body = attester.app_attest()
    attester.attest(body)
    judging = platform.judge

    def and_the_database_goes(*args: Any) -> None:
        monkeypatch.setattr(platform, "judge", judging)
        raise DatabaseError("gone")

    monkeypatch.setattr(platform, "judge", and_the_database_goes)
    judge()
    message = OutboxMessage.objects.get(task="onboarding.judge_attestation")
    assert (message.attempts, message.done_at, message.last_error) == (1, None, "DatabaseError: gone")
    assert attester.attest(body).json["status"] == "pending"
    clock.shift(3600)
    judge()
    assert attester.attest(body).json == {"status": "accepted", "trust": "strong"}


# -- assertions


def test_an_assertion_proves_the_attested_key_again(attester: Attester) -> None:
    attester.verdict_on(attester.app_attest())
    Device.objects.update(trust="unattested")
    assert attester.verdict_on(attester.assertion(counter=1)) == ("accepted", "strong", "strong")
    assert attester.verdict_on(attester.assertion(counter=2**32 - 1)) == ("accepted", "strong", "strong")


@pytest.mark.parametrize("counter", [0, 4, 5])
def test_a_counter_that_does_not_go_up_is_refused(attester: Attester, counter: int) -> None:
    attester.verdict_on(attester.app_attest())
    attester.verdict_on(attester.assertion(counter=5))
    Device.objects.update(trust="unattested")
    body = attester.assertion(counter=counter)
    assert attester.verdict_on(body) == REFUSED
    assert Attestation.objects.get(challenge=body["challenge"]).refusal == "CounterReused"
    assert attester.verdict_on(attester.assertion(counter=6))[0] == "accepted"


def test_an_assertion_without_an_attested_key_is_refused(attester: Attester, new_attester: NewAttester) -> None:
    other = new_attester()
    other.verdict_on(other.app_attest())
    attester.key = other.key
    assert attester.verdict_on(attester.assertion(counter=1)) == REFUSED


def test_the_key_that_was_introduced_last_counts(attester: Attester, clock: Clock) -> None:
    attester.verdict_on(attester.app_attest())
    first, attester.key = attester.key, ec.generate_private_key(ec.SECP256R1())
    clock.shift(1)
    attester.verdict_on(attester.app_attest())
    assert attester.verdict_on(attester.assertion(counter=1))[0] == "accepted"
    attester.key = first
    assert attester.verdict_on(attester.assertion(counter=2))[0] == "refused"


# -- at registration


def register(attester: Attester, evidence: object, **more: Any) -> Answer:
    state = attester.phone.state
    body = {"install_id": state.install_id, "enrol_key": state.enrol_key, "platform": "ios", "attestation": evidence}
    return send(attester.transport, draft(attester.app, "POST", "device/register/", body | more, tag=Tag.REGISTER))


def test_registration_takes_evidence_along(attester: Attester) -> None:
    answer = register(attester, attester.app_attest())
    assert (answer.status, answer.json["trust"]) == (201, "unattested")
    judge()
    assert attester.device.trust == "strong"


def test_a_repeated_registration_takes_it_once(attester: Attester) -> None:
    evidence = attester.app_attest()
    assert [register(attester, evidence).status for _ in range(3)] == [201, 200, 200]
    assert Attestation.objects.count() == 1
    judge()
    assert register(attester, evidence).json["trust"] == "strong"


def test_evidence_never_blocks_a_registration(
    attester: Attester, new_attester: NewAttester, clock: Clock, settings: Settings
) -> None:
    late = attester.app_attest()
    clock.shift(121)
    nonsense = {"kind": "app_attest", "challenge": "nonsense", "evidence": "nonsense"}
    for evidence in (late, nonsense, new_attester().app_attest()):
        attester.phone.forget_device()
        assert register(attester, evidence).status == 201
    assert not Attestation.objects.exists()
    attester.phone.forget_device()
    refused = attester.app_attest(counter=1)
    assert register(attester, refused).status == 201
    settings.PLAY_INTEGRITY_PACKAGE = ""
    unavailable = attester.play_integrity()
    assert register(attester, unavailable).status == 200
    judge()
    assert [(row.status, row.kind) for row in Attestation.objects.all()] == [("refused", "app_attest")]


def test_evidence_of_an_installation_that_is_somebody_else_s_is_not_taken(
    attester: Attester, new_attester: NewAttester
) -> None:
    attester.phone.register_device()
    before = Attestation.objects.count()
    answer = register(attester, attester.app_attest(), enrol_key=new_attester().phone.state.enrol_key)
    assert_refused(answer, 409, "install_conflict")
    assert Attestation.objects.count() == before == 0


def test_registration_without_evidence_judges_nothing(attester: Attester) -> None:
    attester.phone.register_device()
    assert not OutboxMessage.objects.exists()
    assert attester.device.trust == "unattested"


# -- forgotten


def test_old_attestations_are_forgotten_but_keys_stay(attester: Attester, clock: Clock) -> None:
    attester.verdict_on(attester.app_attest())
    attester.verdict_on(attester.assertion(counter=1))
    attester.verdict_on({"kind": "app_attest", "challenge": attester.challenge(), "evidence": "nonsense"})
    attester.attest(attester.play_integrity())
    assert services.forget_old_attestations() == 0
    clock.shift(timedelta(days=1, seconds=1))
    assert services.forget_old_attestations() == 1  # what nobody could judge
    clock.shift(timedelta(days=30))
    assert services.forget_old_attestations(most=1) == 1
    assert services.forget_old_attestations() == 1
    assert [row.kind for row in Attestation.objects.all()] == ["app_attest"]
    clock.shift(-timedelta(days=31))
    assert attester.verdict_on(attester.assertion(counter=2))[0] == "accepted"
    outbox.enqueue("onboarding.sweep")
    judge()
    assert attester.device.trust == "strong"


# -- required


@pytest.mark.parametrize(("required", "enough"), [("basic", ["basic", "strong"]), ("strong", ["strong"])])
def test_a_device_that_is_not_trusted_changes_nothing(
    alice: Person, settings: Settings, required: str, enough: list[str]
) -> None:
    settings.ATTESTATION_REQUIRED = required
    for trust in ("unattested", "basic", "strong"):
        Device.objects.update(trust=trust)
        accept(alice.phone.get_token())
        accept(alice.get("contacts/"))
        before = rows()
        answer = alice.post("contacts/", {"display_name": "Grace"})
        if trust in enough:
            assert answer.status == 201
        else:
            assert_refused(answer, 403, "attestation_required")
            assert answer.json["required"] == required
            assert rows() == before


def test_what_an_untrusted_device_may_do_all_the_same(attester: Attester, settings: Settings) -> None:
    settings.ATTESTATION_REQUIRED = "strong"
    phone = attester.phone
    accept(phone.get_token())
    assert_refused(phone.request("POST", "auth/register/", {}), 403, "attestation_required")
    assert phone.request("POST", "token/verify/", {"token": phone.state.access}).status == 200
    phone.rotate_key()
    accept(phone.refresh())
    assert attester.verdict_on(attester.app_attest()) == ("accepted", "strong", "strong")
    assert_refused(phone.request("POST", "auth/register/", {}), 403, "attestation_required")
    accept(phone.get_token())
    accept(phone.sign_up("ada@example.com", "correct horse battery staple"))
    Device.objects.update(trust="unattested")
    accept(phone.get_token())
    assert phone.request("POST", "auth/logout/").status == 204


def test_every_write_asks_for_trust_unless_it_says_why_not() -> None:
    free = {route.pattern for route in api_routes() if route.view.serves_unattested}
    assert free == {
        "api/v1/auth/logout/",
        "api/v1/auth/logout-all/",
        "api/v1/device/attest/",
        "api/v1/token/verify/",
    }
