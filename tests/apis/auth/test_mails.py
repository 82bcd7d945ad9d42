"""What a stranger who signs up with somebody's address can have them mailed: ten of a kind a day, in no words of theirs."""

import itertools
from collections import Counter
from typing import Any

import pytest
from handset_client.outcomes import accept

from api.models import Device, Notification, User
from tests.apis.auth.mailbox import received
from tests.apis.auth.wire import MakePhone, lower_rates
from tests.conftest import PASSWORD, Person
from tests.phones import Phone

pytestmark = pytest.mark.django_db

VICTIM = "victim@example.com"


@pytest.fixture(autouse=True)
def _rates(settings: Any) -> None:
    settings.MAILS_PER_DAY = 3
    lower_rates(settings, auth_token=1000, data_modification=1000, burst=1000)


def subjects() -> Counter[str]:
    return Counter(mail.subject.partition(":")[0] for mail in received(VICTIM))


def sign_up(phone: Phone) -> Phone:
    phone._adopt(accept(phone.sign_up(VICTIM, PASSWORD)))
    return phone


def sign_in_on_new_phones(new_phone: MakePhone, email: str, *, times: int) -> None:
    for _ in range(times):
        phone, _ = new_phone()
        phone.get_token()
        Device.objects.filter(id=phone.state.device_id).update(name="Win a prize at evil.example")
        accept(phone.sign_in(email, PASSWORD))


def test_signing_in_on_many_phones(new_phone: MakePhone) -> None:
    sign_up(new_phone()[0])
    sign_in_on_new_phones(new_phone, VICTIM, times=5)
    assert Device.objects.filter(name__startswith="Win").count() == 5
    mails = received(VICTIM)
    assert sum("new device" in mail.subject for mail in mails) == 3
    assert "evil.example" not in str(mails)
    assert Notification.objects.filter(type="auth.new_device").count() == 5


def test_who_has_confirmed_the_address_hears_of_every_new_device(alice: Person, new_phone: MakePhone) -> None:
    User.objects.update(is_email_confirmed=True)
    sign_in_on_new_phones(new_phone, alice.email, times=5)
    told = [mail.subject for mail in received(alice.email) if "new device" in mail.subject]
    assert told == ["A new device signed in: Win a prize at evil.example"] * 5


def test_changing_the_password_again_and_again(new_phone: MakePhone) -> None:
    phone = sign_up(new_phone()[0])
    passwords = [PASSWORD, *(f"another long one {number}" for number in range(5))]
    for old, new in itertools.pairwise(passwords):
        body = {"old_password": old, "new_password": new}
        phone._adopt(accept(phone.request("POST", "auth/change-password/", body)))
    assert subjects()["Your password was changed"] == 3


def test_deleting_the_account_and_signing_up_again(new_phone: MakePhone) -> None:
    """What was mailed is counted longer than the account is there."""
    told: Counter[str] = Counter()
    for _ in range(5):
        phone = sign_up(new_phone()[0])
        told += subjects()
        accept(phone.request("POST", "auth/delete/", {"password": PASSWORD}))
        told += subjects()
    assert not User.objects.filter(email=VICTIM).exists()
    assert told == {"Confirm your address": 3, "Your account has been erased": 3}


def test_asking_for_somebodys_address_from_one_account_after_another(new_phone: MakePhone, alice: Person) -> None:
    User.objects.update(is_email_confirmed=True)
    told = 0
    for number in range(5):
        phone, _ = new_phone()
        phone._adopt(accept(phone.sign_up(f"mallory{number}@example.com", PASSWORD)))
        body = {"email": alice.email, "current_password": PASSWORD}
        accept(phone.request("PATCH", "auth/email/", body))
        told += sum("have an account" in mail.subject for mail in received(alice.email))
        accept(phone.request("POST", "auth/delete/", {"password": PASSWORD}))
        received()
    assert told == 3
