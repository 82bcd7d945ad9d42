"""Second addresses of clients of earlier systems: each answers as the canonical one does."""

import json
from typing import Any

import pytest
from handset_client import Tag, new_nonce, sign

from api.aliases import ALIASES, API_PREFIXES
from api.checks import routes
from api.models import Job, WaitingListEntry
from tests.conftest import PASSWORD, Person
from tests.documented import document
from tests.http.answers import problem_of
from tests.http.conftest import Send
from tests.http.routes import api_routes
from tests.http.test_slash import told
from tests.phones import BASE_URL, Phone

pytestmark = pytest.mark.django_db

ROUTES = {route.pattern: route for route in api_routes(with_aliases=True)}
every = pytest.mark.parametrize("alias", ALIASES)


@every
def test_an_alias_is_served_by_the_same_view(alias: str) -> None:
    assert ROUTES[alias].view is ROUTES[ALIASES[alias]].view
    assert f"/{alias}".startswith(API_PREFIXES)


def test_everything_of_the_api_begins_as_it_is_known_to() -> None:
    others = {"", "health/", "health/ready/", "metrics", ".well-known/jwks.json", "api/v1/health"}
    assert all(
        f"/{route.pattern}".startswith(API_PREFIXES)
        for route in api_routes(with_aliases=True)
        if route.pattern not in others
    )
    foreign = {pattern for pattern, _ in routes() if f"/{pattern}".startswith(API_PREFIXES)} - set(ROUTES)
    assert foreign == {"api/v1/health"}


@every
def test_an_alias_answers_as_its_canonical_address(send: Send, alice: Person, alias: str) -> None:
    """Without a proof and with one, with the slash and without, whatever the method; and it sets no cookie."""
    here, there = ROUTES[alias], ROUTES[ALIASES[alias]]
    for verb in ("GET", "POST", "PATCH", "PUT", "DELETE"):
        for person in (None, alice):
            body = None if verb in {"GET", "DELETE"} else {"nobodys_member": 1}
            expected = told(send(verb, there.path(), body, person=person))
            for path in (here.path(), here.path().rstrip("/")):
                answer = send(verb, path, body, person=person)
                assert told(answer) == expected
                assert not answer.cookies
                if answer.status_code >= 400:
                    assert json.loads(answer.content)["instance"] == path


@every
def test_an_alias_is_called_from_other_origins_alike(send: Send, alias: str, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    asked = {"origin": "https://app.example.com", "access-control-request-method": "POST"}
    for path in (ROUTES[alias].path(), ROUTES[alias].path().rstrip("/")):
        answer = send("OPTIONS", path, headers=asked)
        assert answer.status_code == 200
        assert answer["access-control-allow-origin"] == "https://app.example.com"


def test_aliases_are_not_documented() -> None:
    assert not {ROUTES[alias].path(job_id="{job_id}") for alias in ALIASES} & document()["paths"].keys()


# -- what they do


def _signed(phone: Phone, path: str, body: dict[str, Any]) -> Any:
    """A call of a token endpoint, as its canonical address wants it signed."""
    content = json.dumps(body).encode()
    keyid, key = phone.state.signer
    headers = {"Content-Type": "application/json"}
    signature = sign(
        "POST",
        BASE_URL + path,
        content,
        key=key,
        keyid=keyid,
        tag=Tag.TOKEN,
        created=phone._clock.now(),
        nonce=new_nonce(),
        content_type=headers["Content-Type"],
        authorization="",
    )
    transport = phone._delivery._transport
    return transport.call("POST", BASE_URL + path, headers | dict(signature.headers), content)  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["/api/auth/jwt/refresh/", "/api/access/auth/refresh/"])
def test_tokens_are_refreshed(alice: Person, path: str) -> None:
    answer = _signed(alice.phone, path, {"refresh": alice.phone.state.refresh})
    assert answer.status == 200, answer.body
    assert json.loads(answer.body)["user"]["id"] == str(alice.user.id)


@pytest.mark.parametrize("path", ["/api/auth/jwt/token/", "/api/access/auth/login/"])
def test_somebody_signs_in(alice: Person, phone: Phone, path: str) -> None:
    phone.get_token()
    answer = phone.request("POST", path, {"email": alice.email, "password": PASSWORD})
    assert (answer.status, answer.json["user"]["id"]) == (200, str(alice.user.id))


def test_somebody_signs_up(phone: Phone) -> None:
    phone.get_token()
    answer = phone.request("POST", "/api/access/users/", {"email": "new@example.com", "password": PASSWORD})
    assert (answer.status, answer.json["user"]["email"]) == (201, "new@example.com")


def test_a_person_reads_and_changes_what_is_theirs(alice: Person) -> None:
    assert alice.get("/api/access/users/me/").json["id"] == str(alice.user.id)
    assert alice.patch("/api/access/users/me/", {"first_name": "Ada"}).json["first_name"] == "Ada"
    assert [row["id"] for row in alice.get("/api/access/logged-devices/").json["data"]] == [alice.phone.state.device_id]
    assert alice.post("/api/access/pre-register/", {"email": "soon@example.com"}).status == 202
    assert WaitingListEntry.objects.get().email == "soon@example.com"
    access = alice.phone.state.access
    assert alice.post("/api/auth/jwt/verify/", {"token": access}).json == {"kind": "access"}


def test_a_job_is_started_read_and_called_off(alice: Person) -> None:
    made = alice.phone.request("POST", "/tasks/", {"type": "add", "x": 5, "y": 3}, signed=True)
    assert made.status == 202
    assert alice.get("/tasks/").json["data"] == [made.json]
    path = f"/tasks/{made.json['id']}/"
    assert alice.get(path).json == made.json == alice.get(made.headers["location"]).json
    assert alice.delete(path).status == 204
    assert Job.objects.get().state == "REVOKED"
    problem_of(alice.get("/tasks/nothing/"), 404, "not_found")
