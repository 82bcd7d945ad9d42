"""An address without its slash is served like the one with it: no redirect, which would drop a phone's body."""

import json

import pytest
from django.http import HttpResponse
from handset_client import Answer, Tag, new_nonce, sign

from api.checks import routes
from api.models import Contact
from tests.conftest import Person
from tests.http.answers import problem_of
from tests.http.conftest import Send
from tests.http.routes import Route, api_routes
from tests.phones import BASE_URL, InProcess

pytestmark = pytest.mark.django_db

CANONICAL = [route for route in api_routes() if route.pattern.endswith("/")]
PAGES = [
    "/health/",
    "/health/live/",
    "/health/ready/",
    "/cms/login/",
    "/api/docs/",
    "/api/schema/",
]


def told(answer: HttpResponse) -> tuple[int, object]:
    """Status and body, without what differs from request to request."""
    if answer.get("content-type", "") not in {"application/json", "application/problem+json"}:
        return answer.status_code, None
    document = json.loads(answer.content)
    return answer.status_code, {n: v for n, v in document.items() if n not in {"request_id", "instance", "expires_in"}}


def test_the_canonical_form_ends_with_a_slash() -> None:
    without = {pattern for pattern, _ in routes() if pattern.startswith("api/") and not pattern.endswith("/")}
    # Where load balancers look for it; and files, by their names.
    assert without == {"api/v1/health", "api/v1/contacts/export.vcf", "api/v1/contacts/export.csv"}


@pytest.mark.parametrize("route", CANONICAL, ids=lambda route: route.pattern)
def test_both_forms_are_served_alike(send: Send, alice: Person, route: Route) -> None:
    path = route.path()
    for verb in sorted(route.verbs):
        for person in (None, alice):
            body = None if verb in {"GET", "DELETE"} else {"nobodys_member": 1}
            # The sign-out ends what the next round would need.
            if person is not None and path == "/api/v1/auth/logout/":
                continue
            with_slash = send(verb, path, body, person=person)
            without = send(verb, path.rstrip("/"), body, person=person)
            assert told(with_slash) == told(without)
            assert not 300 <= without.status_code < 400
            if without.status_code >= 400:
                assert json.loads(without.content)["instance"] == path.rstrip("/")


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_served_in_both_forms(send: Send, path: str) -> None:
    assert send("GET", path).status_code == send("GET", path.rstrip("/")).status_code == 200


def test_a_body_and_a_query_arrive_without_the_slash(send: Send, alice: Person) -> None:
    made = send("POST", "contacts", {"display_name": "Ada"}, person=alice)
    assert made.status_code == 201
    slug = json.loads(made.content)["slug"]
    assert send("PATCH", f"contacts/{slug}", {"company": "Analytical Engines"}, person=alice).status_code == 200
    listed = json.loads(send("GET", "/api/v1/contacts?q=analytical&limit=1", person=alice).content)
    assert [row["slug"] for row in listed["data"]] == [slug]
    assert send("DELETE", f"contacts/{slug}", person=alice).status_code == 204
    assert send("POST", f"contacts/{slug}/restore", person=alice).status_code == 200
    assert Contact.objects.get().company == "Analytical Engines"


def test_a_signature_holds_for_the_form_that_was_signed(alice: Person) -> None:
    for path in ("contacts/", "contacts"):
        answer = alice.phone.request("POST", path, {"display_name": "Ada"}, signed=True)
        assert answer.status == 201, answer.body
        assert alice.transport.sent[-1][1] == f"{BASE_URL}/api/v1/{path}"


def test_a_signature_does_not_hold_for_the_other_form(alice: Person) -> None:
    alice.phone.request("POST", "contacts/", {"display_name": "Ada"}, signed=True)
    method, url, headers, body = alice.transport.sent[-1]
    moved = Answer.read(alice.transport.call(method, url.removesuffix("/"), headers, body))
    problem_of(moved, 401, "signature_invalid")


def test_a_token_is_got_without_the_slash(alice: Person) -> None:
    url = f"{BASE_URL}/api/v1/auth/get-token"
    body = json.dumps({"device_id": alice.phone.state.device_id}).encode()
    keyid, key = alice.phone.state.signer
    headers = {"Content-Type": "application/json"}
    signature = sign(
        "POST",
        url,
        body,
        key=key,
        keyid=keyid,
        tag=Tag.TOKEN,
        created=alice.phone._clock.now(),
        nonce=new_nonce(),
        content_type=headers["Content-Type"],
        authorization="",
    )
    answer = Answer.read(InProcess().call("POST", url, headers | dict(signature.headers), body))
    assert (answer.status, answer.json["user"]["id"]) == (200, str(alice.user.id))


@pytest.mark.parametrize(
    "path", ["/api/v1/contacts//", "//api/v1/contacts/", "/api//v1/contacts", "/api/v1", "/api", "/api/v1/contacts/x/y"]
)
def test_other_forms_are_other_addresses(send: Send, alice: Person, path: str) -> None:
    problem_of(send("GET", path, person=alice), 404, "not_found")
