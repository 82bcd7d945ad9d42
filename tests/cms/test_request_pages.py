"""What people have asked for by mail, sending it again, and the waiting list."""

import re

import pytest

from api.apis.auth import services as auth
from api.exceptions import Forbidden
from api.models import ActorKind, AuditEntry, Channel, MailedProof, OutboxMessage, ProofPurpose, User
from api.platform.callers import Caller

pytestmark = pytest.mark.django_db


def listed(page: str) -> list[str]:
    return re.findall(r'<th role="rowheader" scope="row">([^<]+)</th>', page)


def test_confirmations_and_resets_are_listed_apart(staff, alice, bob):
    alice.post("auth/password-reset/request/", {"email": alice.email})
    kinds = {purpose: MailedProof.objects.filter(purpose=purpose) for purpose in ProofPurpose}
    for purpose in (ProofPurpose.EMAIL_CONFIRM, ProofPurpose.PASSWORD_RESET):
        expected = [proof.email for proof in kinds[purpose].order_by("-id")]
        assert listed(staff.text(f"/cms/requests/?purpose={purpose}")) == expected
    assert set(listed(staff.text("/cms/requests/"))) >= {alice.email, bob.email}


def test_codes_that_sign_somebody_in_are_nobodys_to_see(staff, alice):
    MailedProof.objects.filter(user=alice.user).update(purpose=ProofPurpose.MAGIC_CODE)
    assert alice.email not in staff.text("/cms/requests/")
    assert 'aria-invalid="true"' in staff.text(f"/cms/requests/?purpose={ProofPurpose.MAGIC_CODE}")


def test_a_confirmation_is_sent_again(staff, alice):
    before = MailedProof.objects.get(user=alice.user, live_key__isnull=False)
    staff.post(f"/cms/users/{alice.user.id}/confirmation/", reason="Never arrived")
    before.refresh_from_db()
    assert before.live_key is None
    proof = MailedProof.objects.get(user=alice.user, live_key__isnull=False)
    assert OutboxMessage.objects.filter(task="auth.mail_proof", arguments__proof_id=str(proof.id)).exists()
    entry = AuditEntry.objects.get(action="user.mailed_by_staff")
    assert (entry.reason, entry.changes) == ("Never arrived", {"purpose": [None, "email_confirm"]})


def test_a_reset_is_sent_and_changes_nothing_by_itself(staff, alice):
    staff.post(f"/cms/users/{alice.user.id}/reset/", reason="Asked on the telephone")
    proof = MailedProof.objects.get(purpose=ProofPurpose.PASSWORD_RESET)
    assert (proof.user_id, proof.email) == (alice.user.id, alice.email)
    assert alice.get("users/me/").status == 200


@pytest.mark.parametrize("columns", [{"is_email_confirmed": True}, {"is_active": False}])
def test_nothing_is_sent_where_there_is_nothing_to_say(staff, alice, columns):
    User.objects.filter(id=alice.user.id).update(**columns)
    assert staff.post(f"/cms/users/{alice.user.id}/confirmation/", reason="r").status_code == 409
    assert not AuditEntry.objects.filter(action="user.mailed_by_staff").exists()


def test_staff_send_no_more_than_a_day_allows(staff, alice, settings):
    settings.MAILS_PER_DAY = 1
    assert staff.post(f"/cms/users/{alice.user.id}/reset/", reason="r").status_code == 302
    assert staff.post(f"/cms/users/{alice.user.id}/reset/", reason="r").status_code == 409


def test_looking_sends_nothing_and_the_service_asks_for_the_role(staff, alice):
    count = MailedProof.objects.count()
    staff.text(f"/cms/users/{alice.user.id}/reset/")
    reader = Caller(kind=ActorKind.STAFF, channel=Channel.CMS, duties=frozenset({"requests.read"}))
    with pytest.raises(Forbidden):
        auth.send_password_reset(reader, user_id=alice.user.id)
    assert MailedProof.objects.count() == count


def test_the_waiting_list_is_told_newest_first_page_by_page(staff, settings):
    settings.PAGE_LIMIT_DEFAULT = 2
    for number in range(3):
        auth.join_waiting_list(email=f"somebody{number}@example.com")
    page = staff.text("/cms/waiting-list/")
    assert listed(page) == ["somebody2@example.com", "somebody1@example.com"]
    behind = re.search(r'rel="next" href="([^"]+)"', page)
    assert behind is not None
    assert listed(staff.text(f"/cms/waiting-list/{behind[1]}")) == ["somebody0@example.com"]
