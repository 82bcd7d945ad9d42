"""Mail on its whole way: a call, the outbox, the task, a mail server on loopback that takes it, refuses it or hangs."""

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.urls import reverse
from handset_client.outcomes import accept

from api.apis.jobs import services as jobs
from api.apis.notifications import services
from api.apis.notifications.selectors import MAIL_KINDS, original_template
from api.models import OutboxMessage
from api.platform import mail, outbox
from tests.conftest import PASSWORD
from tests.phones import Phone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

ADA = "ada@example.com"
BUSY = "451 4.3.0 try again later"
HOUR = 3600


@pytest.fixture(autouse=True)
def _session(phone: Phone, clock: time_machine.Traveller) -> None:
    """A phone with a session, and nothing else to be carried out."""
    phone.get_token()


def ask(phone: Phone, email: str = ADA) -> None:
    """Has a code mailed, as soon as somebody carries the outbox out."""
    accept(phone.request("POST", "auth/magic/request/", {"email": email}))


def carry_out() -> None:
    while jobs.run_due():
        pass


def the_message() -> OutboxMessage:
    return OutboxMessage.objects.get(task="auth.mail_proof")


def test_a_mail_has_its_headers_and_both_forms(phone: Phone, post_office: Any) -> None:
    ask(phone)
    carry_out()
    [delivery] = post_office.deliveries
    assert (delivery.sender, delivery.recipients) == ("mail@example.org", [ADA])
    message = delivery.message
    assert (message["From"], message["To"]) == ("Handset <mail@example.org>", ADA)
    assert message["Subject"].startswith("Your sign-in code: ")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == f"<{the_message().arguments['proof_id']}@example.org>"
    assert message["Date"]
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    code = message["Subject"].rpartition(": ")[2]
    assert code in delivery.part("plain")
    assert code in delivery.part("html")


@pytest.mark.parametrize(
    "hostile", ["x\r\nBcc: eve@example.com", "x\nBcc: eve@example.com\n\nBody", "x\r\n.\r\nQUIT\r\n"]
)
def test_no_value_becomes_a_header_a_recipient_or_an_end(hostile: str, post_office: Any) -> None:
    values = {**MAIL_KINDS["auth.new_device"].samples, "device": hostile}
    services.send_mail("auth.new_device", to=ADA, values=values, reference="event-1")
    [delivery] = post_office.deliveries
    assert delivery.recipients == [ADA]
    assert delivery.message["Bcc"] is None
    told = original_template("auth.new_device").subject.replace("{{ device }}", " ".join(hostile.split()))
    assert delivery.message["Subject"] == told
    assert delivery.message["Auto-Submitted"] == "auto-generated"  # what follows the subject
    assert "set a new password" in delivery.part("plain")  # what follows the value


@pytest.mark.parametrize("email", ["ada@example.com\r\nBcc: eve@example.com", "ada@example.com, eve@example.com"])
def test_an_address_is_one_address(phone: Phone, post_office: Any, email: str) -> None:
    assert phone.request("POST", "auth/magic/request/", {"email": email}).status == 400
    with pytest.raises(mail.MailNotTaken):
        mail.send(mail.Mail(f"{ADA}\nBcc: eve@example.com", "Hello", "Text", "<p>Text</p>"), reference="event-2")
    assert post_office.attempts == 0


def test_a_server_that_refuses_twice_gets_one_mail_to_deliver(
    phone: Phone, post_office: Any, clock: time_machine.Traveller
) -> None:
    post_office.refusals = [BUSY, BUSY]
    ask(phone)
    for _ in range(4):
        carry_out()
        clock.shift(60)
    assert (post_office.attempts, len(post_office.deliveries)) == (3, 1)
    assert the_message().done_at is not None


def test_a_server_that_always_refuses_is_told_to_whoever_looks(
    phone: Phone,
    post_office: Any,
    clock: time_machine.Traveller,
    new_staff: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Ten attempts; then staff read on the dashboard that something was given up, and in the admin what and why."""
    post_office.refusals = [f"550 5.1.1 <{ADA.title()}> is not known here"] * 20
    accept(phone.sign_up(ADA, PASSWORD))
    for _ in range(outbox.ATTEMPTS + 2):
        carry_out()
        clock.shift(HOUR)
    message = the_message()
    assert (post_office.attempts, message.attempts) == (outbox.ATTEMPTS, outbox.ATTEMPTS)
    assert (message.done_at, message.due_at) == (None, None)
    assert message.failed_at is not None
    root = new_staff("rita", is_superuser=True)
    assert 'class="alarm"' in root.text("/cms/")
    page = root.text(reverse("admin:api_outboxmessage_changelist") + "?failed_at__isempty=0")
    assert "auth.mail_proof" in page
    assert "550" in page
    assert "is not known here" in page
    assert ADA not in f"{message.last_error}{caplog.text}".lower()  # in lists and logs nobody looks for addresses


def test_a_code_that_nobody_took_in_time_is_told_as_well(
    phone: Phone, post_office: Any, clock: time_machine.Traveller
) -> None:
    post_office.refusals = [BUSY] * 20
    ask(phone)
    for _ in range(4):
        carry_out()
        clock.shift(10 * 60)
    message = the_message()
    assert (post_office.attempts, message.attempts, message.done_at) == (2, 3, None)
    assert message.failed_at is not None
    assert message.last_error.startswith("TooLate: ")
    assert "try again later" in message.last_error


def test_a_code_that_was_asked_for_anew_is_no_failure(phone: Phone, post_office: Any) -> None:
    ask(phone)
    ask(phone)
    carry_out()
    assert len(post_office.deliveries) == 1
    assert OutboxMessage.objects.filter(task="auth.mail_proof", done_at__isnull=False).count() == 2


def test_a_server_that_says_nothing_keeps_nobody(phone: Phone, choose: Callable[..., None], settings: Any) -> None:
    """The attempt fails when its time is over, and the worker turns to what comes next."""
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel takes connections, nobody reads them
        choose("smtp", EMAIL_HOST="127.0.0.1", EMAIL_PORT=str(silent.getsockname()[1]))
        settings.EMAIL_TIMEOUT = 0.3
        ask(phone)
        outbox.enqueue("jobs.sweep", dedup_key="after")
        began_at = time.perf_counter()
        carry_out()
        assert time.perf_counter() - began_at < 5
    assert "imed out" in the_message().last_error
    assert the_message().due_at is not None
    assert OutboxMessage.objects.get(dedup_key="after").done_at is not None
