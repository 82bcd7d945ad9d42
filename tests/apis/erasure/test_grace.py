"""`ERASURE_GRACE_DAYS`: until it is over, signing in takes the deletion back; afterwards nothing does."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from handset_client.outcomes import accept

from api.apis.auth import services as auth
from api.exceptions import NotThere
from api.models import AuditEntry, Job, Membership, OutboxMessage, User
from api.platform import callers
from tests.apis.auth.mailbox import received
from tests.apis.auth.wire import lower_rates
from tests.apis.erasure.asking import give_up, run_outbox
from tests.conftest import PASSWORD, Person
from tests.http.answers import problem_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _grace(settings: Any) -> None:
    settings.ERASURE_GRACE_DAYS = 7
    lower_rates(settings, magic=1000, auth_token=1000, burst=1000)


def test_whoever_signs_in_again_has_everything_as_it_was(alice: Person) -> None:
    alice.post("contacts/", {"display_name": "Grace"})
    job = give_up(alice)
    problem_of(alice.get("users/me/"), 403, "sign_in_required")
    run_outbox()
    assert User.objects.get(id=alice.user.id).email == alice.email
    accept(alice.phone.sign_in(alice.email, PASSWORD))
    assert [row["display_name"] for row in alice.get("contacts/").json["data"]] == ["Grace"]
    job.refresh_from_db()
    assert job.state == "REVOKED"
    assert not OutboxMessage.objects.filter(job=job).exists()
    assert AuditEntry.objects.filter(action="user.deletion_cancelled").count() == 1
    with time_machine.travel(timezone.now() + timedelta(days=8), tick=False):
        run_outbox()
    assert User.objects.get(id=alice.user.id).deleted_at is None


def test_a_code_takes_it_back_too(alice: Person) -> None:
    give_up(alice)
    alice.phone.request("POST", "auth/magic/request/", {"email": alice.email})
    alice.phone.start_session("auth/magic/verify/", {"token": received(alice.email)[-1].code})
    assert alice.get("users/me/").json["id"] == str(alice.user.id)


def test_the_person_is_told_until_when(alice: Person) -> None:
    received()
    give_up(alice)
    assert [mail.subject for mail in received(alice.email)] == ["Your account is going to be erased"]


def test_when_it_is_over_the_account_goes(alice: Person) -> None:
    job = give_up(alice)
    run_outbox()
    with time_machine.travel(timezone.now() + timedelta(days=7, seconds=1), tick=False):
        run_outbox()
        job.refresh_from_db()
        assert job.state == "SUCCESS"
        assert not User.objects.filter(id=alice.user.id).exists()


def test_whoever_waits_for_erasure_owns_no_group_for_another(alice: Person, bob: Person, team: Any) -> None:
    Membership.objects.filter(user=bob.user).update(role="owner")
    give_up(alice)
    problem_of(bob.post("auth/delete/", {"password": PASSWORD}), 409, "last_owner")
    problem_of(bob.post(f"orgs/{team.slug}/leave/"), 409, "last_owner")


def test_somebody_who_is_being_erased_is_nobody_to_staff(alice: Person, settings: Any) -> None:
    settings.ERASURE_GRACE_DAYS = 0
    job = give_up(alice)
    for verb in (auth.reactivate_person, auth.sign_out_person, auth.delete_person):
        with pytest.raises(NotThere):
            verb(callers.command(), user_id=alice.user.id)
    assert Job.objects.get(id=job.id).state == "PENDING"
