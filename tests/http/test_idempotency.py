"""Idempotency-Key: the same write again is the first answer again, another one under the key is refused."""

import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from handset_client import Answer
from handset_client.calls import Call

from api.apis.jobs import services as jobs
from api.models import AuditEntry, Contact, IdempotencyKey, Organization, User
from api.platform import callers, idempotency
from tests.apis.contacts.rows import make_contact
from tests.conftest import PASSWORD, Person
from tests.http.answers import problem_of
from tests.http.routes import Route, api_routes

pytestmark = pytest.mark.django_db

KEY = "4f8a2c"
ADA = {"display_name": "Ada Lovelace"}


def post(person: Person, body: Any = ADA, key: str = KEY, path: str = "contacts/") -> Answer:
    return person.phone.request("POST", path, body, headers={"Idempotency-Key": key})


def is_replayed(answer: Answer) -> bool:
    return answer.headers.get("idempotency-replayed") == "true"


def test_repeat_is_the_first_answer_and_no_second_change(alice: Person) -> None:
    first = post(alice)
    changed = alice.patch(f"contacts/{first.json['slug']}/", {"company": "Remington Rand"})
    assert changed.status == 200
    for _ in range(3):
        again = post(alice)
        assert is_replayed(again)
        assert (again.status, again.body) == (first.status, first.body)
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["content-type"] == "application/json"
    assert not is_replayed(first)
    assert Contact.objects.count() == 1
    assert AuditEntry.objects.filter(action="contact.created").count() == 1


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_every_verb_that_changes_something(alice: Person, method: str) -> None:
    contact = make_contact(alice, display_name="Ada")
    body = None if method == "DELETE" else ADA
    answers = [
        alice.phone.request(method, f"contacts/{contact.slug}/", body, headers={"Idempotency-Key": KEY})
        for _ in range(2)
    ]
    assert [is_replayed(answer) for answer in answers] == [False, True]
    assert answers[0].status == answers[1].status == (204 if method == "DELETE" else 200)
    assert answers[0].body == answers[1].body
    assert ("content-type" in answers[1].headers) is (method != "DELETE")
    contact.refresh_from_db()
    assert contact.version == 2


def test_other_content_under_the_key_is_refused(alice: Person) -> None:
    post(alice)
    problem_of(post(alice, {"display_name": "Grace Hopper"}), 422, "idempotency_key_reused")
    # Bytes are compared, not what they mean.
    spaced = alice.phone.perform(_raw(b'{"display_name":  "Ada Lovelace"}'))
    problem_of(spaced, 422, "idempotency_key_reused")
    assert list(Contact.objects.values_list("display_name", flat=True)) == ["Ada Lovelace"]
    assert is_replayed(post(alice))


def _raw(body: bytes) -> Call:
    headers = {"Idempotency-Key": KEY, "Content-Type": "application/json"}
    return Call("POST", "contacts/", body=body, headers=headers)


def test_a_key_belongs_to_its_person_and_its_address(alice: Person, bob: Person, team: Organization) -> None:
    first = post(alice).json["id"]
    assert post(bob).json["id"] != first
    contact = make_contact(alice, team, display_name="Grace")
    changed = alice.phone.request("PATCH", f"contacts/{contact.slug}/", ADA, headers={"Idempotency-Key": KEY})
    assert not is_replayed(changed)
    replaced = alice.phone.request("PUT", f"contacts/{contact.slug}/", ADA, headers={"Idempotency-Key": KEY})
    assert not is_replayed(replaced)


def test_a_key_is_the_same_on_any_phone_of_the_person_and_with_any_token(alice: Person) -> None:
    first = post(alice)
    alice.phone.refresh()
    assert is_replayed(post(alice))
    accepted = alice.phone.sign_in(alice.email, PASSWORD)
    assert accepted.json["user"]["id"] == str(alice.user.id)
    assert post(alice).body == first.body


def test_another_precondition_is_another_request(alice: Person) -> None:
    contact = make_contact(alice, display_name="Ada")
    path = f"contacts/{contact.slug}/"

    def change(etag: str) -> Answer:
        return alice.phone.request("PATCH", path, ADA, headers={"Idempotency-Key": KEY, "If-Match": etag})

    etag = alice.get(path).headers["etag"]
    assert change(etag).status == 200
    assert is_replayed(change(etag))
    problem_of(change('"7"'), 422, "idempotency_key_reused")


def test_who_may_not_do_it_any_more_hears_what_anybody_else_does(
    alice: Person, bob: Person, team: Organization
) -> None:
    body = {**ADA, "organization": team.slug}
    assert post(bob, body).status == 201
    place = f"orgs/{team.slug}/members/{bob.user.username}/"
    alice.patch(place, {"role": "billing"})
    problem_of(post(bob, body), 403, "forbidden")
    alice.delete(place)
    problem_of(post(bob, body), 404, "not_found")


def test_who_has_given_up_a_place_hears_once_more_that_it_is_so(alice: Person, bob: Person, team: Organization) -> None:
    User.objects.update(is_email_confirmed=True)
    path = f"orgs/{team.slug}/"
    for person, method, end, body in (
        (alice, "POST", "transfer-ownership/", {"username": bob.user.username}),
        (alice, "POST", "leave/", None),
        (bob, "DELETE", "", {"name": team.name}),
    ):
        first, again = (
            person.phone.request(method, path + end, body, headers={"Idempotency-Key": KEY}) for _ in range(2)
        )
        assert first.status in {200, 202, 204}
        assert is_replayed(again)
        assert (again.status, again.body) == (first.status, first.body)


def test_what_a_guest_has_not_heard_the_person_is_told(new_phone: Any, alice: Person) -> None:
    """The answer is lost, the guest comes home, and the app repeats what waits in its journal."""
    phone, _ = new_phone()
    phone.start_session("auth/guest/")
    first = phone.request("POST", "contacts/", ADA, headers={"Idempotency-Key": KEY})
    other = phone.request("POST", "contacts/", ADA, headers={"Idempotency-Key": "other"})
    answer = phone.start_session("token/pair/", {"email": alice.email, "password": PASSWORD, "merge_guest": True})
    assert answer.status == 200
    for made, key in ((first, KEY), (other, "other")):
        again = phone.request("POST", "contacts/", ADA, headers={"Idempotency-Key": key})
        assert (again.status, again.json["id"]) == (201, made.json["id"])
    assert Contact.objects.count() == 2


def test_path_without_its_slash_is_the_same_call(alice: Person) -> None:
    post(alice)
    assert is_replayed(post(alice, path="contacts"))


def test_a_refusal_is_not_kept(alice: Person) -> None:
    problem_of(post(alice, {"display_name": ""}), 400, "invalid_input")
    problem_of(
        alice.phone.request("DELETE", "contacts/nobodys-aaaaaa/", headers={"Idempotency-Key": KEY}), 404, "not_found"
    )
    assert not IdempotencyKey.objects.exists()
    assert post(alice).status == 201


def test_what_is_refused_on_the_way_changes_nothing(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change is undone with the claim when the last step fails."""

    def fail(*_: Any) -> None:
        raise RuntimeError("no room")

    with monkeypatch.context() as patch:
        patch.setattr("api.idempotency.Answer", fail)
        problem_of(post(alice), 500, "internal_error")
    assert not Contact.objects.exists()
    assert not IdempotencyKey.objects.exists()
    assert post(alice).status == 201


@pytest.mark.parametrize(
    ("given", "other"), [("abc", '"abc"'), ("a" * 128, '"' + "a" * 128 + '"'), ("~!#$%&'()*+,-./", None)]
)
def test_quoted_or_bare(alice: Person, given: str, other: str | None) -> None:
    assert not is_replayed(post(alice, key=given))
    assert is_replayed(post(alice, key=other or given))


@pytest.mark.parametrize("given", ["", '""', '"abc', "a b", "a" * 129, "schlüssel", 'a"b', "a\\b", "a\tb"])
def test_other_forms_are_refused(alice: Person, send: Any, given: str) -> None:
    answer = send("POST", "/api/v1/contacts/", ADA, person=alice, headers={"Idempotency-Key": given})
    problem_of(answer, 400, "idempotency_key_invalid")
    assert not Contact.objects.exists()


def test_reading_does_not_look_at_it(alice: Person, send: Any) -> None:
    assert send("GET", "/api/v1/contacts/", person=alice, headers={"Idempotency-Key": "a b"}).status_code == 200


def test_without_a_key_nothing_is_kept(alice: Person, send: Any) -> None:
    for _ in range(2):
        assert send("POST", "/api/v1/contacts/", ADA, person=alice).status_code == 201
    assert Contact.objects.count() == 2
    assert not IdempotencyKey.objects.exists()


WRITES = [route for route in api_routes() if route.verbs - {"GET"}]


@pytest.mark.parametrize("route", WRITES, ids=lambda route: route.pattern)
def test_what_carries_secrets_or_repeats_by_itself_keeps_no_answer(route: Route) -> None:
    first = route.pattern.removeprefix("api/v1/").partition("/")[0]
    answers_keys = route.pattern.endswith(("api-keys/", "rotate/"))
    signs = first == "shared" or "/uploads/" in route.pattern or "/shares/" in route.pattern
    signs = signs or route.pattern.endswith("<str:export_id>/")
    is_repeatable = first in {"auth", "token", "device", "pre-register"} or answers_keys or signs
    assert route.view.keeps_answers is not is_repeatable
    assert not (route.view.keeps_answers and route.view.is_confidential)


def test_signing_in_keeps_no_answer(alice: Person) -> None:
    alice.phone.sign_in(alice.email, PASSWORD)
    assert not IdempotencyKey.objects.exists()


def test_kept_for_a_day_then_swept(alice: Person) -> None:
    post(alice)
    with time_machine.travel(time.time() + timedelta(hours=23, minutes=59).total_seconds()):
        assert idempotency.forget_answers() == 0
    with time_machine.travel(time.time() + timedelta(hours=24, minutes=1).total_seconds()):
        jobs.forget_expired()
    assert not IdempotencyKey.objects.exists()


def test_a_write_under_a_key_takes_two_queries_more(alice: Person, django_assert_num_queries: Any) -> None:
    def scope() -> bytes:
        return uuid.uuid4().bytes * 2

    answer = idempotency.Answer(204, {}, b"")
    frames = 2 if connection.in_atomic_block else 0  # of the savepoint, in this test's own transaction
    known = scope()
    with django_assert_num_queries(2 + frames):
        idempotency.once(callers.command(), known, bytes(32), lambda: answer)
    with django_assert_num_queries(2 + frames):
        assert idempotency.once(callers.command(), known, bytes(32), lambda: answer).is_replayed
