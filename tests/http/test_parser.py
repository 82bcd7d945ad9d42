"""Bodies and queries as nobody would send them in good faith: each is read in one way or refused, and none is a 5xx."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, NamedTuple

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from handset_client import Answer, Call, Response

import api.apis
from api.apis.api_keys import serializers as api_keys
from api.apis.auth import serializers as auth
from api.apis.contacts.serializers import contacts, doubles, files, many
from api.apis.devices import serializers as devices
from api.apis.images.serializers import images, sent, shared
from api.apis.jobs import serializers as jobs
from api.apis.onboarding import serializers as onboarding
from api.apis.orgs import serializers as orgs
from api.apis.tags import serializers as tags
from api.apis.users import serializers as users
from api.fields import StrictSerializer
from api.models import Contact
from tests.conftest import PASSWORD, Person
from tests.http.answers import errors_of, problem_of
from tests.http.conftest import Send
from tests.phones import BASE_URL

pytestmark = pytest.mark.django_db


def nested(depth: int, inside: str = "") -> bytes:
    return b"[" * depth + inside.encode() + b"]" * depth


MALFORMED = {
    "5,000 deep": nested(5000),
    "500,000 deep": nested(500_000),
    "objects 5,000 deep": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "33 deep": nested(33),
    "33 deep around something": nested(33, "1"),
    "objects 33 deep": b'{"a":' * 33 + b"{}" + b"}" * 33,
    "never closed": b"[" * 5000,
    "a member twice": b'{"display_name":"a","display_name":"b"}',
    "a member twice, spelled otherwise": b'{"display_name":"a","display_\\u006eame":"b"}',
    "a member twice, deeper": b'{"custom_fields":{"x":[{"y":1,"y":1}]}}',
    "NaN": b'{"display_name":NaN}',
    "Infinity": b'{"display_name":Infinity}',
    "-Infinity": b'{"custom_fields":{"x":-Infinity}}',
    "1e999": b'{"custom_fields":{"x":1e999}}',
    "-1e999": b'{"custom_fields":{"x":-1e999}}',
    "1e400 of digits": b'{"custom_fields":{"x":' + b"9" * 400 + b".5}}",
    "5,000 digits": b'{"custom_fields":{"x":' + b"9" * 5000 + b"}}",
    "a lone surrogate": b'{"display_name":"\\ud800"}',
    "a lone low surrogate": b'{"display_name":"\\udc00x"}',
    "surrogates the wrong way round": b'{"display_name":"\\udc00\\ud800"}',
    "a lone surrogate in a name": b'{"\\ud800":1}',
    "a lone surrogate, deeper": b'{"custom_fields":{"x":["\\udfff"]}}',
    "surrogates as UTF-8": b'{"display_name":"\xed\xa0\x80"}',
    "UTF-16": '{"display_name":"Ada"}'.encode("utf-16"),
    "UTF-16 without a mark": '{"display_name":"Ada"}'.encode("utf-16-le"),
    "UTF-32": '{"display_name":"Ada"}'.encode("utf-32"),
    "a byte order mark": b'\xef\xbb\xbf{"display_name":"Ada"}',
    "Latin-1": '{"display_name":"Zoë"}'.encode("latin-1"),
    "an overlong form": b'{"display_name":"\xc0\xaf"}',
    "cut short": b'{"display_name":"Ada"',
    "something behind it": b'{"display_name":"Ada"} x',
    "two documents": b'{"display_name":"Ada"}{"display_name":"Ada"}',
    "a NUL": b'{"display_name":"A\x00da"}',
    "a NUL behind it": b'{"display_name":"Ada"}\x00',
    "a raw line break": b'{"display_name":"A\nda"}',
    "single quotes": b"{'display_name':'Ada'}",
    "a comment": b'{"display_name":"Ada"/**/}',
    "a comma too many": b'{"display_name":"Ada",}',
    "a leading zero": b'{"custom_fields":{"x":01}}',
    "hexadecimal": b'{"custom_fields":{"x":0x10}}',
    "a plus": b'{"custom_fields":{"x":+1}}',
    "white space": b"  \n ",
    "not JSON": b"display_name=Ada",
}


def test_what_has_no_single_reading_is_refused(send: Send, alice: Person, subtests: pytest.Subtests) -> None:
    for name, body in MALFORMED.items():
        with subtests.test(name):
            answer = send("POST", "contacts/", body, person=alice)
            document = problem_of(answer, 400, "malformed_body")
            assert len(document["detail"]) < 60  # our own words
    assert not Contact.objects.exists()


@pytest.mark.parametrize(
    "body", [b"null", b"1", b"1.5", b"true", b'"text"', b"[]", b"[{}]", nested(32), nested(32, "1")]
)
def test_json_that_is_no_object_is_read_and_does_not_fit(send: Send, alice: Person, body: bytes) -> None:
    for method, path in (
        ("POST", "contacts/"),
        ("PATCH", "users/me/"),
        ("POST", "token/pair/"),
        ("POST", "token/verify/"),
    ):
        answer = send(method, path, body, person=alice)
        assert errors_of(answer).keys() == {""}


def test_no_body_is_an_empty_object(send: Send, alice: Person) -> None:
    assert errors_of(send("POST", "contacts/", person=alice)) == {"display_name": "required"}
    assert send("PATCH", "users/me/", person=alice).status_code == 200


def test_thirty_two_levels_are_kept_as_they_came(alice: Person) -> None:
    value: Any = "the bottom"
    for level in range(31):
        value = {"a": value} if level % 2 == 0 else [value]
    body = {"display_name": "Ada", "custom_fields": value}
    made = alice.post("contacts/", body)
    assert made.status == 201
    assert alice.get(f"contacts/{made.json['slug']}/").json["custom_fields"] == value


# Number -> whether every store can give it back.
NUMBERS = {
    "9223372036854775807": True,
    "9223372036854775808": True,  # unsigned
    "18446744073709551615": True,
    "18446744073709551616": False,
    "-9223372036854775808": True,
    "-9223372036854775809": False,
    "1e18": True,
    "9.2e18": True,
    "1e19": False,
    "-1e19": False,
    "1e308": False,
    "1e-300": True,
    "5e-324": True,
    "1e-999": True,  # zero
    "-0.0": True,
    "0.1": True,
}


def test_a_number_is_taken_only_if_it_can_be_listed_ever_after(
    send: Send, alice: Person, subtests: pytest.Subtests
) -> None:
    for number, is_taken in NUMBERS.items():
        with subtests.test(number):
            body = f'{{"display_name":"Ada","custom_fields":{{"x":{number},"y":[{number}]}}}}'.encode()
            answer = send("POST", "contacts/", body, person=alice)
            assert answer.status_code == (201 if is_taken else 400), answer.content
            if is_taken:
                path = f"contacts/{json.loads(answer.content)['slug']}/"
                assert json.loads(send("GET", path, person=alice).content)["custom_fields"]["x"] == json.loads(number)
    listed = json.loads(send("GET", "/api/v1/contacts/?total=true", person=alice).content)
    assert listed["meta"]["total"] == sum(NUMBERS.values())


def test_custom_fields_hold_eight_kibibytes_and_no_nul(alice: Person) -> None:
    fits = {"x": "y" * (8192 - len('{"x":""}'))}
    assert alice.post("contacts/", {"display_name": "Ada", "custom_fields": fits}).status == 201
    fits["x"] += "y"
    assert errors_of(alice.post("contacts/", {"display_name": "Ada", "custom_fields": fits})) == {
        "custom_fields": "size"
    }
    for hidden in ({"x": "\x00"}, {"\x00": 1}, {"x": [{"y": "a\x00b"}]}):
        answer = alice.post("contacts/", {"display_name": "Ada", "custom_fields": hidden})
        assert errors_of(answer) == {"custom_fields": "control"}


def test_a_hundred_thousand_members_are_refused_in_few_words(send: Send, alice: Person) -> None:
    body = b"{" + b",".join(b'"%x":0' % number for number in range(100_000)) + b"}"
    assert len(body) < 1024 * 1024
    for content in (body, b'{"custom_fields":' + body + b"}", b'{"addresses":[' + body + b"]}"):
        answer = send("POST", "contacts/", content, person=alice)
        assert answer.status_code == 400
        assert len(answer.content) < 4096


def test_a_hundred_thousand_entries_are_counted_before_they_are_looked_at(send: Send, alice: Person) -> None:
    for field in ("emails", "phone_numbers", "addresses"):
        for entry in (b'"a"', b"{}"):
            body = b'{"display_name":"Ada","%s":[%s]}' % (field.encode(), b",".join([entry] * 200_000))
            answer = send("POST", "contacts/", body, person=alice)
            assert errors_of(answer) == {field: "max_length"}


# -- every place of every body


class Endpoint(NamedTuple):
    """A call that takes a body, and the least that it takes."""

    method: str
    path: str
    serializer: type[StrictSerializer]
    body: dict[str, Any]


CONTACT = {"display_name": "Ada"}
DEVICE = "00000000-0000-4000-8000-000000000000"
EVIDENCE = {"kind": "app_attest", "challenge": "1.a.b", "evidence": "AAAA"}
IMAGES_ON = "images/orgs/nobodys-aaaaaa/images/contacts/contact/nobody"
ENDPOINTS = [
    Endpoint("POST", "contacts/", contacts.ContactCreateSerializer, CONTACT),
    Endpoint("PUT", "contacts/{contact}/", contacts.ContactReplaceSerializer, CONTACT),
    Endpoint("PATCH", "contacts/{contact}/", contacts.ContactUpdateSerializer, {}),
    Endpoint("POST", "contacts/bulk/", many.BulkSerializer, {"items": [{"op": "delete", "slug": "nobody"}]}),
    Endpoint("POST", "contacts/merge/", doubles.MergeSerializer, {"winner": "nobody", "loser": "nothing"}),
    Endpoint("PATCH", "users/me/", users.ProfileUpdateSerializer, {}),
    Endpoint("PATCH", "users/me/preferences/", users.PreferencesUpdateSerializer, {}),
    Endpoint("POST", "auth/register/", auth.RegisterSerializer, {"email": "new@example.com", "password": PASSWORD}),
    Endpoint("POST", "token/pair/", auth.SignInSerializer, {"email": "new@example.com", "password": PASSWORD}),
    Endpoint("POST", "auth/magic/request/", auth.EmailAddressSerializer, {"email": "new@example.com"}),
    Endpoint("POST", "auth/magic/verify/", auth.MagicVerifySerializer, {"token": "01234567"}),
    Endpoint(
        "POST",
        "auth/change-password/",
        auth.ChangePasswordSerializer,
        {"old_password": PASSWORD, "new_password": PASSWORD},
    ),
    Endpoint(
        "POST",
        "auth/password-reset/confirm/",
        auth.PasswordResetSerializer,
        {"token": "A" * 43, "new_password": PASSWORD},
    ),
    Endpoint("POST", "auth/delete/", auth.DeletionSerializer, {"password": "not the password"}),
    Endpoint("POST", "auth/email/verify/", auth.MailedTokenSerializer, {"token": "A" * 43}),
    Endpoint("PATCH", "auth/email/", auth.AddressChangeSerializer, {"email": "new@example.com"}),
    Endpoint("POST", "auth/social/none/", auth.SocialSignInSerializer, {"id_token": "a.b.c", "nonce": "n"}),
    Endpoint("PATCH", f"devices/{DEVICE}/", devices.DeviceNameSerializer, {"name": "Mine"}),
    Endpoint("PATCH", "images/orgs/nobodys-aaaaaa/images/1/", images.ImageUpdateSerializer, {}),
    Endpoint("POST", f"{IMAGES_ON}/", images.ImageIdSerializer, {"image_id": 1}),
    Endpoint("POST", f"{IMAGES_ON}/reorder/", images.ImageIdsSerializer, {"image_ids": [1]}),
    Endpoint("PATCH", f"{IMAGES_ON}/relations/1/", images.AttachedImageUpdateSerializer, {}),
    Endpoint(
        "POST",
        "images/orgs/nobodys-aaaaaa/attach/",
        images.AttachmentSerializer,
        {"image_id": 1, "app_label": "contacts", "model": "contact", "object_id": "nobody"},
    ),
    Endpoint("POST", "images/orgs/nobodys-aaaaaa/bulk-delete/", images.BulkDeleteSerializer, {"ids": [1]}),
    Endpoint(
        "POST",
        "images/orgs/nobodys-aaaaaa/uploads/",
        sent.ImageUploadBeginSerializer,
        {"bytes": 1, "media_type": "image/jpeg", "sha256": "A" * 43 + "="},
    ),
    Endpoint("POST", "images/orgs/nobodys-aaaaaa/images/1/shares/", shared.ShareCreateSerializer, {}),
    Endpoint("POST", "shared/images/resolve/", shared.ShareResolveSerializer, {"token": "A" * 43}),
    Endpoint("POST", "tasks/", jobs.JobStartSerializer, {"type": "add", "x": 1, "y": 2}),
    Endpoint("POST", "orgs/", orgs.OrganizationNameSerializer, {"name": "Engines"}),
    Endpoint("DELETE", "orgs/nobodys-aaaaaa/", orgs.OrganizationDeletionSerializer, {"name": "Engines"}),
    Endpoint("PATCH", "orgs/nobodys-aaaaaa/members/nobody/", orgs.MemberRoleSerializer, {"role": "admin"}),
    Endpoint("POST", "orgs/nobodys-aaaaaa/transfer-ownership/", orgs.TransferSerializer, {"username": "nobody"}),
    Endpoint("POST", "orgs/nobodys-aaaaaa/invitations/", orgs.InvitationCreateSerializer, {"email": "new@example.com"}),
    Endpoint("POST", "invitations/accept/", orgs.InvitationChoiceSerializer, {"token": "A" * 43}),
    Endpoint(
        "POST",
        "orgs/nobodys-aaaaaa/api-keys/",
        api_keys.ApiKeyCreateSerializer,
        {"name": "x", "scopes": ["contacts:*"]},
    ),
    Endpoint("POST", f"orgs/nobodys-aaaaaa/api-keys/{DEVICE}/rotate/", api_keys.ApiKeyRotateSerializer, {}),
    Endpoint("POST", "orgs/nobodys-aaaaaa/tags/", tags.TagCreateSerializer, {"name": "VIP"}),
    Endpoint("PATCH", "orgs/nobodys-aaaaaa/tags/1/", tags.TagUpdateSerializer, {}),
    Endpoint("POST", "device/challenge/", onboarding.ChallengeRequestSerializer, {"install_id": DEVICE}),
    Endpoint("POST", "device/attest/", onboarding.EvidenceSerializer, EVIDENCE),
    Endpoint("POST", "token/verify/", auth.TokenSerializer, {"token": "a.b.c"}),
    Endpoint("POST", "auth/get-token/", auth.TokenRequestSerializer, {"device_id": DEVICE}),
    Endpoint("POST", "auth/refresh-token/", auth.RefreshSerializer, {"refresh": "rt1.x.0.y"}),
    Endpoint(
        "POST",
        "device/register/",
        onboarding.RegistrationSerializer,
        {"install_id": DEVICE, "enrol_key": "A" * 43, "platform": "other"},
    ),
    Endpoint("POST", "device/rotate/", onboarding.RotationSerializer, {}),
]
# Of the entries inside: what makes one that fits.
ENTRIES: dict[type[StrictSerializer], dict[str, Any]] = {
    contacts.EmailEntrySerializer: {"value": "ada@example.com"},
    contacts.PhoneEntrySerializer: {"value": "+41441234567"},
    contacts.AddressSerializer: {},
    many.BulkItemSerializer: {"op": "delete", "slug": "nobody"},
    users.NotificationPreferencesUpdateSerializer: {},
    onboarding.EvidenceSerializer: EVIDENCE,
    users.TopicPreferencesUpdateSerializer: {},
    onboarding.PublicKeySerializer: {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43},
}
# A form and a query, which have tests of their own.
NO_JSON = {
    contacts.ContactAvatarUploadSerializer,
    users.AvatarUploadSerializer,
    users.UsernameSerializer,
    files.ImportSerializer,
    images.ImageUploadSerializer,
    images.BulkUploadSerializer,
}
VALUES: list[Any] = [
    None,
    True,
    0,
    -1.5,
    2**63,
    10**42,
    "",
    " ",
    "canary",
    "canary\x00",
    "\u202ecanary\x85",
    "🍣" * 300,
    "0001-01-01",
    "9999-12-31",
    "00000000-0000-0000-0000-000000000000",
    [],
    [None],
    [["canary"]],
    [{"canary": {}}],
    {},
    {"value": "canary"},
    {"value": [None]},
]


def places(
    serializer: type[StrictSerializer], base: dict[str, Any], value: Any
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The body with `value` in each of its places in turn: every field, every entry of a list, every field of those."""
    for name, field in serializer().fields.items():
        if field.read_only:
            continue
        yield name, {**base, name: value}
        is_list = hasattr(field, "child")
        child = field.child if is_list else field
        if is_list:
            yield f"{name}.0", {**base, name: [value]}
        if isinstance(child, StrictSerializer):
            for path, inside in places(type(child), ENTRIES[type(child)], value):
                yield f"{name}.{path}", {**base, name: [inside] if is_list else inside}


def test_every_body_of_the_api_is_among_them() -> None:
    for domain in iter_modules(api.apis.__path__):
        modules = {module.name for module in iter_modules(import_module(f"api.apis.{domain.name}").__path__)}
        if "serializers" in modules:
            import_module(f"api.apis.{domain.name}.serializers")
    concrete, waiting = set(), [StrictSerializer]
    while waiting:
        below = waiting.pop().__subclasses__()
        concrete |= {kind for kind in below if not kind.__subclasses__()}
        waiting += below
    known = {endpoint.serializer for endpoint in ENDPOINTS} | set(ENTRIES) | NO_JSON
    assert {kind.__name__ for kind in concrete if kind.__module__.startswith("api.")} <= {
        kind.__name__ for kind in known
    }


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_no_value_in_any_place_is_a_5xx_or_comes_back(alice: Person, endpoint: Endpoint) -> None:
    """What the serializer refuses in several places is sent at once, what it takes is sent on its own."""
    contact = alice.post("contacts/", CONTACT).json["id"]
    path = endpoint.path.format(contact=contact)
    # What changes a contact takes the same members as what makes one, and comes off with fewer values.
    for value in VALUES[:: 3 if "{contact}" in endpoint.path else 1]:
        refused = dict(endpoint.body)
        entries: dict[str, list[Any]] = {}
        for place, body in places(endpoint.serializer, endpoint.body, value):
            name = place.partition(".")[0]
            if endpoint.serializer(data=body).is_valid():
                check(alice, endpoint, path, body, value)
            elif name == place or not isinstance(body[name], list):
                refused[name] = body[name]
            else:
                entries.setdefault(name, []).extend(body[name])
        check(alice, endpoint, path, refused, value)
        if entries:
            check(alice, endpoint, path, {**endpoint.body, **entries}, value)


def check(alice: Person, endpoint: Endpoint, path: str, body: dict[str, Any], value: Any) -> None:
    answer = alice.phone.request(endpoint.method, path, body)
    assert answer.status < 500, (body, answer.body)
    if not answer.is_success:
        problem_of(answer, answer.status, answer.code)
        assert len(answer.body) < 8192
        told = "".join(error["message"] for error in answer.json.get("errors", []))
        assert "canary" not in answer.json["detail"] + told, (body, answer.body)
    elif endpoint.serializer in (auth.RegisterSerializer, auth.SignInSerializer):
        alice.phone.get_token()
        alice.phone.sign_out()


TEXTS = [
    "x" * 1_000_000,
    # Time that grows with the square: marks that have to be brought into order, and words to be compared.
    "a" + "\u0315\u0300" * 250_000,
]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_a_megabyte_in_any_place_is_refused_at_once_and_in_few_words(alice: Person, endpoint: Endpoint) -> None:
    contact = alice.post("contacts/", CONTACT).json["id"]
    path = endpoint.path.format(contact=contact)
    for text in TEXTS:
        wanted = {name: text for name, field in endpoint.serializer().fields.items() if not field.read_only}
        for name in wanted:
            answer = alice.phone.request(endpoint.method, path, {**endpoint.body, name: text})
            assert 400 <= answer.status < 500, (name, answer.body[:200])
            assert len(answer.body) < 2048


# -- text


def test_text_is_kept_in_one_form(alice: Person) -> None:
    decomposed, composed = "Zoe\u0308 Μα\u0301ϊος \u1112\u1161\u11ab", "Zoë Μάϊος 한"
    made = alice.post("contacts/", {"display_name": decomposed, "notes": f"{decomposed}\n\tsecond line"})
    assert made.json["display_name"] == composed
    assert made.json["notes"] == f"{composed}\n\tsecond line"


def test_control_characters_are_refused_in_one_line_of_text(alice: Person) -> None:
    for character in map(chr, [*range(32), *range(127, 160)]):
        answer = alice.patch("users/me/", {"first_name": f"a{character}b", "location": f"a{character}b"})
        assert errors_of(answer) == {"first_name": "control", "location": "control"}, hex(ord(character))


def test_several_lines_take_tabs_and_line_breaks_and_nothing_else_of_the_kind(alice: Person) -> None:
    assert alice.patch("users/me/", {"about": "a\tb\nc"}).json["about"] == "a\tb\nc"
    for character in "\x00\r\x0b\x1b\x7f\x85":
        assert errors_of(alice.patch("users/me/", {"about": f"a{character}b"})) == {"about": "control"}


def test_joiners_and_marks_of_direction_are_kept(alice: Person) -> None:
    for text in ("👨‍👩‍👧", "क्‍ष", "نیم‌فاصله", "שלום\u200f", "é\u200d", "🏴\U000e0067\U000e007f"):
        assert alice.patch("users/me/", {"first_name": text}).json["first_name"] == text


# -- addresses and queries


NAMES = [
    "%00",
    "a%00b",
    "%F0%9F%8D%A3" * 100,
    "%C3%28",
    "%ED%A0%80",
    "%FF",
    "%0d%0a",
    "..",
    "%2e%2e",
    "%252e",
    "%2F",
    "x" * 2000,
    "%20",
    "'--",
    "%25",
    "*",
    "None",
]


def test_no_name_in_a_path_is_more_than_a_404(send: Send, alice: Person, subtests: pytest.Subtests) -> None:
    for name in NAMES:
        for path in (f"contacts/{name}/", f"contacts/{name}/restore/", f"orgs/{name}/"):
            for method in ("GET", "PUT", "PATCH", "DELETE", "POST"):
                with subtests.test(f"{method} {path[:60]}"):
                    member = "name" if path.startswith("orgs") else "display_name"
                    body = None if method == "GET" or "restore" in path else {member: "Ada"}
                    assert send(method, path, body, person=alice).status_code in {404, 405}


QUERIES = [
    "q=%00",
    "q=a%00b",
    "q=%1b",
    "q=%C2%85",
    "limit=%00",
    "cursor=%00",
    "filter[org]=%00",
    "filter[creator]=a%00",
    "filter[updated_since]=%00",
    "sort=%00",
    "%00=1",
    "filter[%00]=1",
    "total=%00",
    "&".join(f"a{number}=1" for number in range(1001)),
    "filter[updated_since]=0001-01-01T00:00:00Z",
    "filter[updated_since]=9999-12-31T23:59:59Z",
    "filter[updated_since]=9999-12-31T23:59:59-23:59",
    "filter[updated_since]=0001-01-01T00:00:00%2B23:59",
    "filter[updated_since]=2026-11-21T09:30:00",
    "filter[updated_since]=2026-11-21",
    "filter[updated_since]=2026-11-21T09:30:00%2B24:00",
    "filter[updated_since]=2026-13-01T00:00:00Z",
    "filter[updated_since]=0",
    "filter[updated_since]=1e9",
    "filter[updated_since]=",
    "filter[updated_since]=2026-11-21T09:30:00Z,",
    "filter[updated_since]=" + "9" * 1999,
    "filter[creator]=" + "x" * 2001,
    "q=" + "x" * 201,
]


def test_a_query_that_cannot_be_meant_is_a_400(send: Send, alice: Person, subtests: pytest.Subtests) -> None:
    for query in QUERIES:
        with subtests.test(query[:60]):
            answer = send("GET", f"/api/v1/contacts/?{query}", person=alice)
            problem_of(answer, 400, json.loads(answer.content)["code"])


ODD_QUERIES = [
    "filter[creator]=" + "x" * 300,
    "filter[creator]=" + "%F0%9F%8D%A3" * 100,
    "filter[creator]=,,,",
    "filter[creator]=" + "a," * 900,
    "filter[updated_since]=1970-01-01T00:00:00%2B23:59",
    "filter[updated_since]=9998-12-31T23:59:59-23:59",
    "filter[updated_since]=2026-11-21T09:30:00.123456789Z",
    "filter[updated_since]=2026-W47-6T09:30Z",
    "q=%FF%FE",
    "q=%ED%A0%80",
    "q=",
    "q=-",
    "q=%2B",
    "q=...",
    "q=%E2%80%8D",
    "q=" + "%CC%95%CC%80" * 100,
    "q=" + "%EF%B7%BA" * 200,
    "q=%25",
    "q=_",
    "q='--",
    "q=" + "a%20" * 100,
    "limit=007",
]


def test_an_odd_query_is_answered(send: Send, alice: Person, subtests: pytest.Subtests) -> None:
    alice.post("contacts/", CONTACT)
    for query in ODD_QUERIES:
        with subtests.test(query[:60]):
            answer = send("GET", f"/api/v1/contacts/?{query}&total=true", person=alice)
            assert answer.status_code == 200, answer.content


def test_an_odd_query_is_a_400_where_none_is_taken(send: Send, alice: Person) -> None:
    for method, path in (
        ("GET", "users/me/"),
        ("PATCH", "users/me/"),
        ("POST", "contacts/"),
        ("GET", "contacts/nobodys-aaaaaa/"),
        ("PUT", "contacts/nobodys-aaaaaa/"),
        ("PATCH", "contacts/nobodys-aaaaaa/"),
        ("DELETE", "contacts/nobodys-aaaaaa/"),
        ("POST", "contacts/nobodys-aaaaaa/restore/"),
        ("GET", "orgs/nobodys-aaaaaa/"),
        ("GET", "auth/check/"),
    ):
        body = None if method in {"GET", "DELETE"} else {"display_name": "Ada"}
        answer = send(method, f"/api/v1/{path}?%00=1", body, person=alice)
        problem_of(answer, 400, "unknown_parameter")


# -- days


DAYS = [
    ("1850-01-01", None),
    ("2000-02-29", None),
    ("1849-12-31", "range"),
    ("0001-01-01", "range"),
    ("9999-12-31", "range"),
    ("10000-01-01", "invalid"),
    ("2001-02-29", "invalid"),
    ("2026-13-01", "invalid"),
    ("2026-1-1T00:00:00Z", "invalid"),
    ("2026-01-01T00:00:00Z", "invalid"),
    ("01.02.2026", "invalid"),
    ("", "invalid"),
    (0, "invalid"),
    (20000101, "invalid"),
    (["2000-01-01"], "invalid"),
    ({"year": 2000}, "invalid"),
    (True, "invalid"),
]


def test_a_birth_date_is_a_day_that_can_have_been(alice: Person, subtests: pytest.Subtests) -> None:
    for day, code in DAYS:
        with subtests.test(f"{day}"):
            for answer in (
                alice.patch("users/me/", {"birth_date": day}),
                alice.post("contacts/", {**CONTACT, "birth_date": day}),
            ):
                if code is None:
                    assert answer.json["birth_date"] == day
                else:
                    assert errors_of(answer) == {"birth_date": code}


# -- bodies without a length


@contextmanager
def kept_connection() -> Iterator[None]:
    """The end of a request closes its connections, and with them the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


class Wsgi:
    """Calls the process's WSGI application as gunicorn does for a chunked request: no length, an input that ends."""

    def __init__(self, person: Person) -> None:
        self.person = person

    def post(self, path: str, body: bytes) -> Answer:
        from core.wsgi import application  # what a server does before its first request

        call = Call("POST", path, body=body, headers={"Content-Type": "application/json"}, is_signed=True)
        attempt = self.person.phone.prepare(call)
        given = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in attempt.headers.items()}
        environment = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": attempt.url.removeprefix(BASE_URL),
            "RAW_URI": attempt.url.removeprefix(BASE_URL),
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "8000",
            "REMOTE_ADDR": "192.0.2.1",
            **given,
            "CONTENT_TYPE": given.pop("HTTP_CONTENT_TYPE"),
            "HTTP_HOST": "localhost:8000",
            "HTTP_TRANSFER_ENCODING": "chunked",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.input_terminated": True,
            "wsgi.errors": io.StringIO(),
        }
        answered: list[Any] = []
        with kept_connection():
            parts = application(
                environment, lambda status, headers: answered.extend((int(status.split()[0]), dict(headers)))
            )
            return Answer.read(Response(*answered, b"".join(parts)))


def test_a_chunked_body_is_read_like_any_other(alice: Person) -> None:
    answer = Wsgi(alice).post("contacts/", b'{"display_name":"Ada"}')
    assert (answer.status, answer.json["display_name"]) == (201, "Ada")


def test_a_chunked_body_is_bounded(alice: Person) -> None:
    just_fits = b'{"notes":"' + b"x" * (1024 * 1024 - 12) + b'"}'
    assert len(just_fits) == 1024 * 1024
    assert errors_of(Wsgi(alice).post("contacts/", just_fits)) == {"notes": "max_length"}
    problem_of(Wsgi(alice).post("contacts/", just_fits + b" "), 413, "payload_too_large")
    problem_of(Wsgi(alice).post("contacts/", just_fits + b" " * 5_000_000), 413, "payload_too_large")


def test_an_empty_chunked_body_is_a_body_for_the_signature(alice: Person) -> None:
    # The kit signs it as none: the coverage differs, and an attacker on the way could have added the header.
    answer = Wsgi(alice).post("contacts/", b"")
    problem_of(answer, 401, "signature_insufficient_coverage")


def test_the_reading_of_serializers_leaves_nothing_to_chance() -> None:
    """Every place takes exactly what it says: a field of DRF's own would turn 1 into "1" and "yes" into true."""
    for endpoint in ENDPOINTS:
        for path, body in places(endpoint.serializer, endpoint.body, 1):
            if endpoint.serializer(data=body).is_valid():
                assert path in {
                    "build",
                    "bytes",
                    "custom_fields",
                    "expires_in_seconds",
                    "ids.0",
                    "loser_version",
                    "image_id",
                    "image_ids.0",
                    "overlap_seconds",
                    "x",
                    "y",
                }, (endpoint.path, path)
        for value in ("true", "yes", "1"):
            for path, body in places(endpoint.serializer, endpoint.body, value):
                leaf = path.rpartition(".")[2]
                if leaf.startswith(("is_", "has_")):
                    assert not endpoint.serializer(data=body).is_valid()
