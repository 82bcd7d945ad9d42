"""The main job: a phone that was never seen registers, signs a person up and keeps contacts, losing answers."""

from collections.abc import Callable

import pytest
from handset_client.outcomes import accept

from api.models import Contact, Device, Organization, Session, User
from tests.conftest import PASSWORD
from tests.phones import InProcess, Phone

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("hardware_key", [False, True])
def test_a_new_phone_ends_with_exactly_one_of_each(
    new_phone: Callable[..., tuple[Phone, InProcess]], hardware_key: bool
) -> None:
    phone, transport = new_phone(hardware_key=hardware_key)
    transport.lose_next = 1
    phone.register_device()
    transport.lose_next = 1
    accept(phone.get_token())
    transport.lose_next = 1
    signed_up = accept(phone.sign_up("ada@example.com", PASSWORD, first_name="Ada"))
    transport.lose_next = 1
    accept(phone.request("POST", "contacts/", {"id": "01933b5e-0000-7000-8000-000000000001", "first_name": "Grace"}))
    transport.lose_next = 1
    refreshed = accept(phone.refresh())

    assert Device.objects.count() == 1
    assert User.objects.count() == Organization.objects.count() == 1
    assert Contact.objects.count() == 1
    assert Session.objects.filter(live_device__isnull=False).count() == 1
    assert refreshed.json["session_id"] == signed_up.json["session_id"]
    assert accept(phone.request("GET", "users/me/")).json["first_name"] == "Ada"
