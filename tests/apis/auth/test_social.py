"""Signing in by a provider: a nonce of the device, a token of the issuer, and one person for each identity."""

import hashlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from handset_client import Answer
from handset_client.outcomes import accept

from api.apis.auth import services as auth
from api.models import AuditEntry, Contact, EndReason, Membership, ReplayNonce, Session, SocialIdentity, User
from api.platform import callers, nonces, oidc
from tests.apis.auth.mailbox import received
from tests.apis.auth.wire import MakePhone, commit, lower_rates
from tests.conftest import PASSWORD, Person
from tests.http.answers import problem_of
from tests.issuer import Issuer
from tests.phones import Phone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

ADA = "Ada@Example.com"
CLIENT, ANDROID = "handset-ios", "handset-android"


@pytest.fixture(scope="module")
def _process() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.stop()


@pytest.fixture
def issuer(_process: Issuer, settings: Any) -> Iterator[Issuer]:
    """The only provider there is, by the name `example`; nobody has asked for its keys yet."""
    settings.OIDC_PROVIDERS = {"example": {"issuer": _process.address, "client_ids": [CLIENT, ANDROID]}}
    lower_rates(settings, auth_token=1000, data_modification=1000, burst=1000)
    oidc.forget_keys()
    yield _process
    _process.misbehave("")
    oidc.forget_keys()


def nonce_of(phone: Phone, provider: str = "example") -> str:
    nonce: str = accept(phone.request("POST", f"auth/social/{provider}/nonce/")).json["nonce"]
    return nonce


def claims_of(issuer: Issuer, nonce: str, **others: Any) -> dict[str, Any]:
    """What a good token says, but for the others; None leaves one out."""
    now = int(time.time())
    claims = {
        "iss": issuer.address,
        "sub": "Subject-1",
        "aud": CLIENT,
        "iat": now,
        "exp": now + 3600,
        "nonce": nonce,
        "email": ADA,
        "email_verified": True,
    } | others
    return {name: value for name, value in claims.items() if value is not None}


def bring(phone: Phone, token: str, nonce: str, **more: Any) -> Answer:
    return phone.request("POST", "auth/social/example/", {"id_token": token, "nonce": nonce, **more})


def sign_in(phone: Phone, issuer: Issuer, *, algorithm: str = "RS256", **others: Any) -> Answer:
    """Everything: a nonce, a token, and what it is answered."""
    nonce = nonce_of(phone)
    return bring(phone, issuer.sign(claims_of(issuer, **{"nonce": nonce, **others}), algorithm), nonce)


def adopt(phone: Phone, answer: Answer) -> Answer:
    """Has the phone go on with the tokens of an answer."""
    phone._adopt(answer)
    return answer


def refused(answer: Answer) -> None:
    problem_of(answer, 400, "social_token_invalid")


def reason() -> str:
    """Why the last token was refused, as the operator sees it."""
    return str(AuditEntry.objects.filter(action="auth.sign_in_failed").latest("at", "id").changes["reason"][1])


# -- who it is


def test_somebody_new_is_a_person_with_a_proved_address(phone: Phone, issuer: Issuer) -> None:
    answer = adopt(phone, accept(sign_in(phone, issuer)))
    person = User.objects.get()
    assert (person.email, person.is_email_confirmed, person.is_guest) == (ADA, True, False)
    assert not person.has_usable_password()
    assert answer.json["user"]["id"] == str(person.id)
    assert Membership.objects.filter(user=person, organization__personal_of=person, role="owner").count() == 1
    linked = SocialIdentity.objects.get()
    assert (linked.issuer, linked.subject, linked.provider) == (issuer.address, "Subject-1", "example")
    assert (linked.user, linked.email) == (person, ADA)
    assert Session.objects.get(user=person).amr == ["fed"]
    assert phone.request("GET", "users/me/").json["email"] == ADA
    assert {"auth.identity_linked", "auth.signed_in"} <= set(AuditEntry.objects.values_list("action", flat=True))


def test_the_identity_is_the_subject_and_not_the_address(new_phone: MakePhone, issuer: Issuer) -> None:
    first = accept(sign_in(new_phone()[0], issuer))
    for others in ({"email": None, "email_verified": None}, {"email": "new@example.com"}, {"email_verified": False}):
        again = accept(sign_in(new_phone()[0], issuer, **others))
        assert again.json["user"]["id"] == first.json["user"]["id"]
    other = accept(sign_in(new_phone()[0], issuer, sub="subject-1", email="new@example.com"))
    assert other.json["user"]["id"] != first.json["user"]["id"]
    assert User.objects.count() == SocialIdentity.objects.count() == 2


def test_a_confirmed_address_links_to_its_account(alice: Person, phone: Phone, issuer: Issuer) -> None:
    User.objects.filter(id=alice.user.id).update(is_email_confirmed=True)
    answer = accept(sign_in(phone, issuer, email=alice.email.upper()))
    assert answer.json["user"]["id"] == str(alice.user.id)
    assert SocialIdentity.objects.get().user == alice.user
    assert alice.get("users/me/").status == 200  # the other phone goes on
    assert User.objects.get().check_password(PASSWORD)


def test_a_strangers_sign_up_with_the_address_is_undone(new_phone: MakePhone, issuer: Issuer) -> None:
    """Somebody has registered the victim's address and waits. The victim's provider ends that."""
    attacker, _ = new_phone()
    adopt(attacker, accept(attacker.sign_up(ADA, PASSWORD)))
    victim, _ = new_phone()
    adopt(victim, accept(sign_in(victim, issuer)))
    assert attacker.request("GET", "users/me/").code in {"token_revoked", "sign_in_required"}
    problem_of(
        attacker.request("POST", "token/pair/", {"email": ADA, "password": PASSWORD}), 401, "invalid_credentials"
    )
    assert Session.objects.get(end_reason=EndReason.ADDRESS_PROVED).device_id != victim.state.device_id
    assert victim.request("GET", "users/me/").json["is_email_confirmed"] is True


@pytest.mark.parametrize(
    "others",
    [
        {"email": None},
        {"email_verified": None},
        {"email_verified": False},
        {"email_verified": "false"},
        {"email_verified": 1},
        {"email": "nobody"},
        {"email": f"{'x' * 250}@example.com"},
        {"email": ["ada@example.com"]},
        {"email": '"\x01"@example.com'},
        {"email": "ada@\ud800.com"},
    ],
    ids=repr,
)
def test_an_address_that_is_not_vouched_for_leads_nowhere(
    alice: Person, phone: Phone, issuer: Issuer, others: dict[str, Any]
) -> None:
    before = SocialIdentity.objects.count()
    nonce = nonce_of(phone)
    said = claims_of(issuer, nonce, **{"email": alice.email, **others})
    problem_of(bring(phone, issuer.sign(said), nonce), 409, "provider_email_missing")
    assert (User.objects.count(), SocialIdentity.objects.count()) == (1, before)


@pytest.mark.parametrize("similar", ["\ufb01ona@example.com", "\uff46iona@example.com", "fiona\u200b@example.com"])
def test_an_address_that_only_looks_like_the_accounts_opens_nothing(
    new_phone: MakePhone, issuer: Issuer, similar: str
) -> None:
    """By their identities these are one; whoever has the other mailbox at a provider is somebody else."""
    victim, _ = new_phone()
    adopt(victim, accept(victim.sign_up("fiona@example.com", PASSWORD)))
    stranger, _ = new_phone()
    problem_of(sign_in(stranger, issuer, email=similar), 409, "provider_email_missing")
    assert not SocialIdentity.objects.exists()
    assert User.objects.get(email="fiona@example.com").check_password(PASSWORD)
    assert User.objects.get(email="fiona@example.com").is_email_confirmed is False
    accept(sign_in(new_phone()[0], issuer, sub="Subject-2", email="FIONA@EXAMPLE.COM"))
    assert SocialIdentity.objects.get(subject="Subject-2").user.email == "fiona@example.com"


def test_apple_says_it_in_a_string(phone: Phone, issuer: Issuer) -> None:
    assert accept(sign_in(phone, issuer, email_verified="true")).json["user"]["email"] == ADA


def test_one_person_may_have_several_identities(new_phone: MakePhone, issuer: Issuer) -> None:
    ids = {accept(sign_in(new_phone()[0], issuer, sub=sub)).json["user"]["id"] for sub in ("one", "two", "one")}
    assert len(ids) == 1
    assert SocialIdentity.objects.count() == 2


def test_who_is_shut_out_is_answered_like_a_bad_token(new_phone: MakePhone, issuer: Issuer) -> None:
    accept(sign_in(new_phone()[0], issuer))
    commit(auth.deactivate_person, callers.command(), user_id=User.objects.get().id)
    for sub in ("Subject-1", "another"):  # by the identity, and by the address
        refused(sign_in(new_phone()[0], issuer, sub=sub))
        assert reason() == "inactive person"
    assert SocialIdentity.objects.count() == 1


# -- guests


def guest_with_a_contact(phone: Phone) -> None:
    accept(phone.start_session("auth/guest/"))
    accept(phone.request("POST", "contacts/", {"display_name": "Grace Hopper"}))


def test_a_guest_becomes_the_person(phone: Phone, issuer: Issuer) -> None:
    guest_with_a_contact(phone)
    before = User.objects.get()
    adopt(phone, accept(sign_in(phone, issuer)))
    person = User.objects.get()
    assert (person.id, person.email, person.is_guest, person.is_email_confirmed) == (before.id, ADA, False, True)
    assert phone.request("GET", "contacts/").json["data"][0]["display_name"] == "Grace Hopper"


@pytest.mark.parametrize("way", ["by the identity", "by the address"])
def test_a_guest_with_data_is_asked_about_and_the_nonce_stays_good(
    new_phone: MakePhone, issuer: Issuer, way: str
) -> None:
    accept(sign_in(new_phone()[0], issuer))
    phone, _ = new_phone()
    guest_with_a_contact(phone)
    nonce = nonce_of(phone)
    token = issuer.sign(claims_of(issuer, nonce, sub="Subject-1" if way == "by the identity" else "another"))
    problem_of(bring(phone, token, nonce), 409, "guest_has_data")
    adopt(phone, accept(bring(phone, token, nonce, merge_guest=True)))
    assert Contact.objects.get().creator == User.objects.get(is_guest=False)
    assert phone.request("GET", "contacts/").json["data"][0]["display_name"] == "Grace Hopper"


# -- the nonce


def test_a_token_counts_once_but_a_lost_answer_may_be_asked_for(phone: Phone, issuer: Issuer) -> None:
    nonce = nonce_of(phone)
    token = issuer.sign(claims_of(issuer, nonce))
    first = accept(bring(phone, token, nonce))
    issuer.misbehave("broken")  # nobody need be asked for the repeat
    oidc.forget_keys()
    again = accept(bring(phone, token, nonce))
    assert first.json["session_id"] == again.json["session_id"]
    issuer.misbehave("")
    oidc.forget_keys()
    adopt(phone, again)
    assert phone.request("GET", "auth/check/").status == 200
    refused(bring(phone, token, nonce))
    assert reason() == "used nonce"
    assert User.objects.count() == 1


def test_another_token_is_no_repeat(phone: Phone, issuer: Issuer) -> None:
    nonce = nonce_of(phone)
    accept(bring(phone, issuer.sign(claims_of(issuer, nonce)), nonce))
    refused(bring(phone, issuer.sign(claims_of(issuer, nonce, sub="another")), nonce))
    assert reason() == "used nonce"


def test_a_nonce_is_for_the_device_that_asked(new_phone: MakePhone, issuer: Issuer) -> None:
    phone, other = new_phone()[0], new_phone()[0]
    nonce = nonce_of(phone)
    token = issuer.sign(claims_of(issuer, nonce))
    refused(bring(other, token, nonce))
    assert reason() == "nonce of somebody else"
    assert bring(phone, token, nonce).status == 200


def test_a_nonce_is_for_one_provider(phone: Phone, issuer: Issuer, settings: Any) -> None:
    settings.OIDC_PROVIDERS = {**settings.OIDC_PROVIDERS, "second": settings.OIDC_PROVIDERS["example"]}
    nonce = nonce_of(phone, "second")
    refused(bring(phone, issuer.sign(claims_of(issuer, nonce)), nonce))
    assert reason() == "nonce of somebody else"


def test_a_nonce_runs_out(phone: Phone, issuer: Issuer, clock: time_machine.Traveller) -> None:
    nonce = nonce_of(phone)
    clock.shift(15 * 60 - 1)
    token = issuer.sign(claims_of(issuer, nonce))
    clock.shift(1)
    phone.get_token()
    refused(bring(phone, token, nonce))
    assert reason() == "old nonce"


@pytest.mark.parametrize("given", ["", "x", "1795253400.AAAAAAAAAAAAAAAAAAAAAA." + "A" * 43])
def test_a_made_up_nonce_is_none(phone: Phone, issuer: Issuer, given: str) -> None:
    answer = bring(phone, issuer.sign(claims_of(issuer, given)), given)
    assert answer.code == ("social_token_invalid" if given else "invalid_input")


def test_a_kit_may_hash_the_nonce(phone: Phone, issuer: Issuer) -> None:
    nonce = nonce_of(phone)
    hashed = hashlib.sha256(nonce.encode()).hexdigest()
    assert bring(phone, issuer.sign(claims_of(issuer, hashed)), nonce).status == 200


def test_asking_stores_nothing_and_used_nonces_are_swept(
    phone: Phone, issuer: Issuer, clock: time_machine.Traveller
) -> None:
    phone.get_token()
    before = ReplayNonce.objects.count()
    nonce = nonce_of(phone)
    assert ReplayNonce.objects.count() == before
    accept(bring(phone, issuer.sign(claims_of(issuer, nonce)), nonce))
    digest = hashlib.sha256(nonce.encode()).digest()
    assert ReplayNonce.objects.filter(digest=digest).count() == 1
    clock.shift(15 * 60 + 1)
    nonces.forget_expired()
    assert not ReplayNonce.objects.filter(digest=digest).exists()


# -- the token


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_the_issuers_keys_are_good(phone: Phone, issuer: Issuer, algorithm: str) -> None:
    assert sign_in(phone, issuer, algorithm=algorithm).status == 200


@pytest.mark.parametrize(
    ("algorithm", "why"),
    [("none", "header"), ("HS256", "header"), ("stranger", "InvalidSignatureError"), ("PS256", "alg")],
)
def test_other_signatures_are_none(phone: Phone, issuer: Issuer, algorithm: str, why: str) -> None:
    refused(sign_in(phone, issuer, algorithm=algorithm))
    assert reason() == why
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"kid": "mac"}, "kid"),
        ({"kid": "broken"}, "kid"),
        ({"kid": "encryption"}, "kid"),
        ({"kid": "../../../etc/passwd"}, "kid"),
        ({"kid": ""}, "kid"),
        ({"typ": "at+jwt"}, "header"),
        ({"typ": "logout+jwt"}, "header"),
        ({"crit": ["exp"]}, "InvalidTokenError"),
    ],
    ids=repr,
)
def test_a_header_chooses_no_key_but_the_issuers(
    phone: Phone, issuer: Issuer, headers: dict[str, Any], why: str
) -> None:
    nonce = nonce_of(phone)
    refused(bring(phone, issuer.sign(claims_of(issuer, nonce), **headers), nonce))
    assert reason() == why


def test_a_key_is_for_its_own_algorithm(phone: Phone, issuer: Issuer) -> None:
    nonce = nonce_of(phone)
    refused(bring(phone, issuer.sign(claims_of(issuer, nonce), kid=issuer.kid("ES256")), nonce))
    assert reason() == "alg"


def test_a_key_that_the_token_brings_is_not_looked_at(phone: Phone, issuer: Issuer) -> None:
    nonce = nonce_of(phone)
    headers = {"jku": f"{issuer.address}/jwks", "x5u": f"{issuer.address}/x5u", "jwk": {"kty": "oct", "k": "c2VjcmV0"}}
    refused(bring(phone, issuer.sign(claims_of(issuer, nonce), "stranger", **headers), nonce))
    assert reason() == "InvalidSignatureError"


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({"iss": "https://accounts.example.com"}, "InvalidIssuerError"),
        ({"iss": None}, "MissingRequiredClaimError"),
        ({"aud": "another app"}, "InvalidAudienceError"),
        ({"aud": [CLIENT, "another app"], "azp": CLIENT}, "aud"),
        ({"aud": []}, "MissingRequiredClaimError"),
        ({"aud": None}, "MissingRequiredClaimError"),
        ({"aud": [CLIENT, ANDROID]}, "azp"),
        ({"azp": "another app"}, "azp"),
        ({"azp": [CLIENT]}, "azp"),
        ({"exp": 1_795_253_400 - 61}, "ExpiredSignatureError"),
        ({"exp": None}, "MissingRequiredClaimError"),
        ({"exp": "soon"}, "DecodeError"),
        ({"exp": 1e400}, "DecodeError"),
        ({"iat": 1_795_253_400 + 61}, "ImmatureSignatureError"),
        ({"iat": None}, "MissingRequiredClaimError"),
        ({"nbf": 1_795_253_400 + 61}, "ImmatureSignatureError"),
        ({"nonce": None}, "MissingRequiredClaimError"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": ["another"]}, "nonce"),
        ({"nonce": "\ud800"}, "nonce"),
        ({"sub": None}, "MissingRequiredClaimError"),
        ({"sub": ""}, "sub"),
        ({"sub": 1}, "InvalidSubjectError"),
        ({"sub": "é"}, "sub"),
        ({"sub": "x" * 256}, "sub"),
    ],
    ids=repr,
)
def test_every_claim_is_looked_at(phone: Phone, issuer: Issuer, others: dict[str, Any], why: str) -> None:
    refused(sign_in(phone, issuer, **others))
    assert reason() == why
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "others",
    [
        {"aud": [CLIENT]},
        {"aud": [CLIENT, ANDROID], "azp": ANDROID},
        {"aud": CLIENT, "azp": ANDROID},
        {"sub": "x" * 255},
    ],
)
def test_what_providers_say_beyond_that_is_fine(phone: Phone, issuer: Issuer, others: dict[str, Any]) -> None:
    assert sign_in(phone, issuer, **others).status == 200


def test_an_issuer_may_have_a_second_name(phone: Phone, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(sign_in(phone, issuer, iss="accounts.example.com"))
    monkeypatch.setitem(oidc._OTHER_NAMES, issuer.address, "accounts.example.com")
    assert sign_in(phone, issuer, iss="accounts.example.com").status == 200
    assert SocialIdentity.objects.get().issuer == issuer.address


@pytest.mark.parametrize("token", ["x", "a.b.c", "é.é.é", "eyJhbGciOiJSUzI1NiJ9", "." * 16_384])
def test_what_is_no_token_is_refused(phone: Phone, issuer: Issuer, token: str) -> None:
    before = issuer.asked
    refused(bring(phone, token, nonce_of(phone)))
    assert issuer.asked == before


def test_a_refusal_signs_nobody_out(alice: Person, issuer: Issuer) -> None:
    answer = bring(alice.phone, "x", nonce_of(alice.phone))
    refused(answer)
    assert "www-authenticate" not in answer.headers
    assert alice.get("users/me/").json["email"] == alice.email


def test_tokens_are_counted_per_device_and_what_is_wrong_per_address(
    new_phone: MakePhone, issuer: Issuer, settings: Any
) -> None:
    phones = [new_phone()[0], new_phone()[0]]
    nonces_of = [nonce_of(phone) for phone in phones]
    lower_rates(settings, auth_token=2)
    for phone, nonce in zip(phones, nonces_of, strict=True):
        assert [bring(phone, "x", nonce).status for _ in range(3)] == [400, 400, 429]
    lower_rates(settings, auth_token=1000, auth_address=2)
    assert [bring(phones[0], "x", nonces_of[0]).status for _ in range(3)] == [400, 400, 429]


def test_an_unknown_provider_is_not_there(phone: Phone, issuer: Issuer) -> None:
    problem_of(phone.request("POST", "auth/social/nobody/nonce/"), 404, "provider_unknown")
    answer = phone.request("POST", "auth/social/nobody/", {"id_token": "x", "nonce": "x"})
    problem_of(answer, 404, "provider_unknown")


def test_nothing_secret_is_stored(phone: Phone, issuer: Issuer) -> None:
    nonce = nonce_of(phone)
    token = issuer.sign(claims_of(issuer, nonce))
    accept(bring(phone, token, nonce))
    stored = repr(
        [list(AuditEntry.objects.values()), list(Session.objects.values()), list(ReplayNonce.objects.values())]
    )
    assert nonce not in stored
    assert token not in stored
    assert received(ADA) == []  # nobody was known on another device


# -- the issuer


def test_its_keys_are_asked_for_once(new_phone: MakePhone, issuer: Issuer) -> None:
    before = issuer.asked
    for _ in range(3):
        assert sign_in(new_phone()[0], issuer).status == 200
    assert issuer.asked == before + 1


def test_new_keys_are_found_a_minute_later_at_most(phone: Phone, issuer: Issuer, clock: time_machine.Traveller) -> None:
    adopt(phone, accept(sign_in(phone, issuer)))
    before = issuer.asked
    issuer.rotate()
    for _ in range(3):
        refused(sign_in(phone, issuer))
        assert reason() == "kid"
    assert issuer.asked == before
    clock.shift(60)
    assert sign_in(phone, issuer).status == 200
    assert issuer.asked == before + 1


def test_withdrawn_keys_are_forgotten_within_an_hour(
    phone: Phone, issuer: Issuer, clock: time_machine.Traveller
) -> None:
    nonce = nonce_of(phone)
    old = issuer.sign(claims_of(issuer, nonce, exp=int(time.time()) + 10_000))
    accept(sign_in(phone, issuer))
    issuer.rotate()
    clock.shift(3601)
    phone.get_token()
    nonce = nonce_of(phone)
    refused(bring(phone, old, nonce))
    assert reason() == "kid"


@pytest.mark.parametrize("how", ["broken", "hangs", "drips", "huge", "garbled", "redirects", "other issuer"])
def test_an_issuer_that_fails_is_left_alone_for_a_while(
    phone: Phone, issuer: Issuer, clock: time_machine.Traveller, settings: Any, how: str
) -> None:
    settings.OIDC_TIMEOUT_SECONDS = 0.3
    issuer.misbehave(how)
    before = issuer.asked
    nonce = nonce_of(phone)
    token = issuer.sign(claims_of(issuer, nonce))
    for _ in range(3):
        answer = bring(phone, token, nonce)
        problem_of(answer, 503, "provider_unavailable")
        assert answer.headers["retry-after"] == "10"
    assert issuer.asked == before + 1
    issuer.misbehave("")
    clock.shift(10)
    assert bring(phone, token, nonce).status == 200  # the same token: nothing was used up


def test_known_keys_last_while_the_issuer_is_down(
    new_phone: MakePhone, issuer: Issuer, clock: time_machine.Traveller
) -> None:
    phone, _ = new_phone()
    accept(sign_in(phone, issuer))
    issuer.misbehave("broken")
    clock.shift(23 * 3600)
    assert sign_in(new_phone()[0], issuer).status == 200
    clock.shift(3601)
    problem_of(sign_in(new_phone()[0], issuer), 503, "provider_unavailable")


def test_nobody_listens(phone: Phone, settings: Any) -> None:
    gone = Issuer()
    settings.OIDC_PROVIDERS = {"example": {"issuer": gone.address, "client_ids": [CLIENT]}}
    nonce = nonce_of(phone)
    token = gone.sign(claims_of(gone, nonce))
    gone.stop()
    problem_of(bring(phone, token, nonce), 503, "provider_unavailable")


def test_a_deployment_asks_over_tls_only(phone: Phone, issuer: Issuer, settings: Any) -> None:
    provider = oidc.providers()["example"]
    nonce = nonce_of(phone)
    token = issuer.sign(claims_of(issuer, nonce))
    before = issuer.asked
    settings.EMBEDDED = False
    with pytest.raises(ValueError, match="https"):
        oidc.providers()
    with pytest.raises(oidc.ProviderUnavailable):
        oidc.verified(provider, token, nonce=nonce)
    assert issuer.asked == before
