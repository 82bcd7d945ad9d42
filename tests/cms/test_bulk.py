"""Doing one thing to many: choosing, asking, the job, what is left out, stopping, and taking it back."""

import re
from http import HTTPStatus

import pytest

from api.apis.auth import services as auth
from api.apis.jobs import services as jobs
from api.apis.staff import services as staff_services
from api.exceptions import Forbidden
from api.models import AuditEntry, BulkChange, Device, Job, JobState, OutboxMessage, User
from api.platform import callers
from api.platform.callers import Caller

pytestmark = pytest.mark.django_db


def of_staff(person, *duties: str) -> Caller:
    return Caller(kind="staff", channel="cms", user_id=person.user.id, duties=frozenset(duties), reason="because")


def begun(staff, page: str, **fields) -> str:
    """Begins a bulk change; the address of its page."""
    answer = staff.post(f"/cms/many/{page}/", reason="A list of spammers", **fields)
    assert answer.status_code == HTTPStatus.FOUND, answer.content.decode()
    return answer["Location"]


def is_active(*people: User) -> list[bool]:
    return [User.objects.get(id=person.id).is_active for person in people]


def test_the_list_offers_to_choose_what_one_may_do(staff, new_staff, alice):
    page = staff.text("/cms/users/")
    assert f'name="chosen" value="{alice.user.id}"' in page
    assert 'formaction="/cms/many/users/deactivate/"' in page
    page = new_staff(roles=["Support"]).text("/cms/users/")
    assert 'formaction="/cms/many/users/sign-out/"' in page
    assert "many/users/deactivate" not in page
    assert 'name="chosen"' not in new_staff(roles=["Auditor"]).text("/cms/users/")


def test_it_asks_first_and_names_them(staff, new_user):
    one, two, other = new_user("one"), new_user("two"), new_user("other")
    answer = staff.post("/cms/many/users/deactivate/", chosen=[str(one.id), str(two.id)])
    page = answer.content.decode()
    assert answer.status_code == HTTPStatus.OK
    assert "2 are chosen" in page
    assert one.username in page
    assert other.username not in page
    assert not BulkChange.objects.exists()
    assert is_active(one, two) == [True, True]


def test_looking_does_nothing(staff, new_user):
    somebody = new_user()
    assert staff.get(f"/cms/many/users/deactivate/?chosen={somebody.id}&reason=x").status_code == 405
    assert is_active(somebody) == [True]


@pytest.mark.parametrize("reason", ["", "  "])
def test_without_a_reason_it_asks_again_and_keeps_the_choice(staff, new_user, reason):
    somebody = new_user()
    answer = staff.post("/cms/many/users/deactivate/", chosen=str(somebody.id), reason=reason)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert f'name="chosen" value="{somebody.id}"' in answer.content.decode()
    assert not BulkChange.objects.exists()


@pytest.mark.parametrize("fields", [{}, {"chosen": "nonsense"}, {"all": "1", "query": "q=nobody"}])
def test_nothing_chosen_is_said(staff, fields):
    answer = staff.post("/cms/many/users/deactivate/", reason="because", **fields)
    assert "Nothing was chosen" in staff.text(answer["Location"])


def test_those_chosen_are_deactivated_each_with_a_row_of_the_trail(staff, new_user):
    people, other = [new_user(f"p{number}") for number in range(3)], new_user("other")
    address = begun(staff, "users/deactivate", chosen=[str(person.id) for person in people])
    assert "0 of 3" in staff.text(address)
    assert is_active(*people) == [True] * 3
    assert jobs.run_due() == 1
    assert is_active(*people, other) == [False, False, False, True]
    assert "Done: all 3 were looked at." in staff.text(address)
    rows = AuditEntry.objects.filter(action="user.deactivated")
    assert {row.target_id for row in rows} == {str(person.id) for person in people}
    assert {(row.actor_id, row.channel, row.reason) for row in rows} == {
        (str(staff.user.id), "job", "A list of spammers")
    }
    assert AuditEntry.objects.get(action="staff.bulk_begun").changes["chosen"] == [None, 3]


def test_all_that_match_are_those_of_the_filter_on_every_page(staff, new_user, settings):
    settings.PAGE_LIMIT_DEFAULT = 2
    spam, ham = [new_user("spam") for _ in range(5)], new_user("ham")
    answer = staff.post("/cms/many/users/deactivate/", all="1", query="q=spam&status=active")
    assert "5 are chosen" in answer.content.decode()
    begun(staff, "users/deactivate", all="1", query="q=spam&status=active")
    jobs.run_due()
    assert is_active(*spam, ham) == [False] * 5 + [True]


def test_what_may_not_be_done_to_one_is_left_out_and_told(staff, new_user):
    root, somebody = new_user("rita", is_staff=True, is_superuser=True), new_user()
    address = begun(staff, "users/deactivate", chosen=[str(root.id), str(staff.user.id), str(somebody.id)])
    jobs.run_due()
    page = staff.text(address)
    assert is_active(root, staff.user, somebody) == [True, True, False]
    assert "2 were left out" in page
    assert str(root.id) in page
    assert "You may not do this to this person" in page


def test_undoing_brings_back_those_whom_it_changed_and_no_others(staff, new_user):
    changed, shut_out_before = new_user("changed"), new_user("before")
    auth.deactivate_person(callers.command(), user_id=shut_out_before.id)
    address = begun(staff, "users/deactivate", chosen=[str(changed.id), str(shut_out_before.id)])
    jobs.run_due()
    answer = staff.post(f"{address}undo/")
    assert jobs.run_due() == 1
    assert is_active(changed, shut_out_before) == [True, False]
    assert "Done" in staff.text(answer["Location"])
    row = AuditEntry.objects.get(action="user.reactivated")
    assert row.reason == "Undone: A list of spammers"


def test_it_is_stopped_and_what_was_done_stays(staff, new_user):
    somebody = new_user()
    address = begun(staff, "users/deactivate", chosen=str(somebody.id))
    assert staff.post(f"{address}stop/").status_code == HTTPStatus.FOUND
    assert jobs.run_due() == 0
    assert is_active(somebody) == [True]
    assert "Stopped after 0 of 1." in staff.text(address)
    assert AuditEntry.objects.filter(action="staff.bulk_stopped").count() == 1


def test_one_whose_role_is_taken_away_meanwhile_does_nothing_more(new_staff, new_user):
    lea, somebody = new_staff("lea"), new_user()
    begun(lea, "users/deactivate", chosen=str(somebody.id))
    auth.set_staff_roles(callers.command(), user_id=lea.user.id, roles=["Support"])
    jobs.run_due()
    assert is_active(somebody) == [True]
    assert (Job.objects.get().state, Job.objects.get().error) == (JobState.FAILURE, "forbidden")


def test_a_worker_that_died_is_followed_by_one_that_goes_on(staff, new_user):
    people = [new_user(f"p{number}") for number in range(3)]
    address = begun(staff, "users/deactivate", chosen=[str(person.id) for person in people])
    BulkChange.objects.update(done=2)  # as the first worker left it
    jobs.run_due()
    assert is_active(*people) == [True, True, False]
    assert "Done" in staff.text(address)


def test_htmx_is_given_the_middle_of_the_page_and_told_when_to_stop(staff, new_user):
    address = begun(staff, "users/deactivate", chosen=str(new_user().id))
    part = staff.browser.get(address, headers={"hx-request": "true"}).content.decode()
    assert "<html" not in part
    assert f'hx-get="{address}" hx-trigger="every 1s"' in part
    assert re.search(r'<noscript><meta http-equiv="refresh" content="3"></noscript>', staff.text(address))
    jobs.run_due()
    assert "hx-get" not in staff.browser.get(address, headers={"hx-request": "true"}).content.decode()


def test_who_has_not_begun_it_sees_it_only_with_background_work(staff, new_staff, new_user):
    address = begun(staff, "users/deactivate", chosen=str(new_user().id))
    assert new_staff(roles=["Operator"]).get(address).status_code == HTTPStatus.OK
    for page in (address, f"{address}stop/", f"{address}undo/"):
        assert new_staff(roles=["Support"]).post(page).status_code in {HTTPStatus.NOT_FOUND, 405}
    assert Job.objects.get().state == JobState.PENDING


def test_devices_are_revoked(staff, alice, bob):
    mine, theirs = (Device.objects.get(live_session__user=person.user) for person in (alice, bob))
    begun(staff, "devices/revoke", chosen=str(mine.id))
    jobs.run_due_job()
    assert Device.objects.get(id=mine.id).revoked_at
    assert not Device.objects.get(id=theirs.id).revoked_at


def test_what_was_given_up_is_tried_again(staff):
    OutboxMessage.objects.create(task="jobs.sweep", due_at=None, failed_at="2026-01-01T00:00:00Z")
    begun(staff, "jobs/retry", all="1", query="state=failed")
    jobs.run_due()
    assert OutboxMessage.objects.get(task="jobs.sweep").failed_at is None


def test_ten_thousand_are_the_most(staff, new_user, monkeypatch):
    monkeypatch.setattr(staff_services.bulk, "BULK_MOST", 1)
    answer = staff.post("/cms/many/users/deactivate/", chosen=[str(new_user().id), str(new_user().id)], reason="all")
    assert answer.status_code == HTTPStatus.CONFLICT
    assert "too many at once" in answer.content.decode()


def test_the_rule_stands_in_the_service(new_staff, new_user):
    with pytest.raises(Forbidden):
        staff_services.begin_bulk(
            of_staff(new_staff(), "sessions.end"), verb="users.deactivate", chosen=[new_user().id]
        )
