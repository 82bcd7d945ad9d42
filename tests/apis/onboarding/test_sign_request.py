"""`manage.py sign_request`: prints a curl that the server accepts."""

import io
import json
import shlex
import uuid
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from handset_client import Answer
from handset_client.outcomes import accept

from tests.apis.auth.wire import BASE_URL, Draft, MakePhone, assert_refused, send
from tests.conftest import AppKeyOnPhone, Person
from tests.phones import InProcess

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def printed(*arguments: str, **options: Any) -> Draft:
    """What the printed command would send."""
    out = io.StringIO()
    call_command("sign_request", *arguments, base_url=BASE_URL, stdout=out, **options)
    words = shlex.split(out.getvalue())
    assert words[:3] == ["curl", "-sS", "-X"]
    method, url, *rest = words[3:]
    headers = dict(line.split(": ", 1) for flag, line in zip(rest[::2], rest[1::2], strict=True) if flag == "-H")
    body = next((value for flag, value in zip(rest[::2], rest[1::2], strict=True) if flag == "--data-binary"), "")
    return Draft(method, url, headers, body.encode())


def sent(given: Draft) -> Answer:
    return send(InProcess(), given)


def test_device_gets_its_tokens(new_phone: MakePhone) -> None:
    phone, _ = new_phone()
    phone.register_device()
    answer = accept(sent(printed("POST", "/api/v1/auth/get-token/", device=phone.state.device_id)))
    assert answer.json["device"]["id"] == phone.state.device_id


def test_device_calls_with_a_token(alice: Person) -> None:
    options = {"device": alice.phone.state.device_id, "token": alice.phone.state.access}
    given = printed("GET", "/api/v1/contacts/?limit=5&sort=-created_at", **options)
    accept(sent(given))
    assert_refused(sent(given), 401, "nonce_replayed")
    created = sent(printed("POST", "/api/v1/contacts/", body='{"first_name": "Zoë’s 🍣"}', **options))
    assert created.status == 201


def test_app_key_registers(app_key: AppKeyOnPhone) -> None:
    body = json.dumps({"install_id": str(uuid.uuid4()), "enrol_key": "A" * 43, "platform": "other"})
    given = printed("POST", "/api/v1/device/register/", app_key=app_key.row.key_id, body=body)
    assert sent(given).status == 201


def test_author_of_a_client_compares(new_phone: MakePhone) -> None:
    phone, _ = new_phone()
    phone.register_device()
    given = printed("POST", "/api/v1/device/verify-signature/", device=phone.state.device_id, body='{"a": 1}')
    answer = accept(sent(given))
    assert answer.json["holds"] is True


def test_rotated_device_signs_by_its_present_key(new_phone: MakePhone) -> None:
    phone, _ = new_phone()
    phone.rotate_key()
    accept(phone.get_token())
    accept(sent(printed("POST", "/api/v1/auth/get-token/", device=phone.state.device_id)))


def test_what_cannot_be_signed_is_said(new_phone: MakePhone) -> None:
    phone, _ = new_phone(hardware_key=True)
    phone.register_device()
    for message, arguments, options in (
        ("hardware", ("POST", "/api/v1/auth/get-token/"), {"device": phone.state.device_id}),
        ("no such device", ("POST", "/api/v1/auth/get-token/"), {"device": str(uuid.uuid4())}),
        ("no such device", ("POST", "/api/v1/auth/get-token/"), {"device": "x"}),
        ("no such device", ("POST", "/api/v1/auth/get-token/"), {}),
        ("no such app key", ("POST", "/api/v1/device/register/"), {"app_key": "nobody"}),
        ("--token", ("GET", "/api/v1/contacts/"), {"device": phone.state.device_id}),
    ):
        with pytest.raises(CommandError, match=message):
            printed(*arguments, **options)
