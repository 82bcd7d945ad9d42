"""The whole matrix: every operation of the URL table × everybody who may knock, with what the permission table says.

An operation without its line fails; so does a line without its operation. Each cell is called on its own, and undone.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction
from handset_client import Answer

from api.apis.orgs.selectors import PERMISSIONS, actions_of
from api.models import Membership, Organization, Role, User
from api.platform import memberships
from tests import factories
from tests.apis.api_keys.service import make_key
from tests.apis.contacts.rows import make_contact
from tests.apis.images.rows import make_image
from tests.conftest import Person
from tests.http.routes import Route, api_routes
from tests.phones import BASE_URL, InProcess, Phone

pytestmark = pytest.mark.django_db

NOBODY, DEVICE, GUEST = "nobody", "device without a person", "guest"
OTHER, REMOVED = "owner of another organization", "removed member"
KEY, KEY_WITHOUT = "API key with the scope", "API key without the scope"
MEMBERS = {"owner": Role.OWNER, "admin": Role.ADMIN, "member": Role.MEMBER, "billing": Role.BILLING}
CALLERS = (NOBODY, DEVICE, GUEST, *MEMBERS, OTHER, REMOVED, KEY, KEY_WITHOUT)
PEOPLE = (GUEST, *MEMBERS, OTHER, REMOVED)
STRANGERS = (GUEST, OTHER, REMOVED)

# What is answered at a door, and not behind it.
DOORS = {"token_missing", "sign_in_required", "device_required", "forbidden"}
ENTERED = (0, "")  # whatever the view itself has to say
Cell = tuple[int, str]  # a status, and the code of a refusal


@dataclass(frozen=True)
class Line:
    """What an operation asks for. `ok` is the status where it is done; `but` names callers whom rules beside the table
    meet, as `account_required` does guests.
    """

    action: str = ""
    ok: int = 0
    body: Any = None
    is_public: bool = False
    is_for_devices: bool = False
    is_for_keys: bool = False  # whatever their scopes: what each may do is decided inside
    owned: bool = False  # by the owner, and there for nobody else
    but: Mapping[str, Cell] = field(default_factory=dict)

    def cell(self, caller: str) -> Cell:
        if self.is_public or caller in self.but:
            return self.but.get(caller, ENTERED)
        if caller == NOBODY:
            return 401, "token_missing"
        if caller in {KEY, KEY_WITHOUT}:
            return self._of_key(caller)
        if caller == DEVICE and not self.is_for_devices:
            return 403, "sign_in_required"
        if self.owned and caller != "owner":
            return 404, "not_found"
        if self.action and caller in STRANGERS:
            return 404, "not_found"
        if self.action and MEMBERS[caller] not in PERMISSIONS[self.action]:
            return 403, "forbidden"
        return (self.ok, "") if self.ok else ENTERED

    def _of_key(self, caller: str) -> Cell:
        if self.is_for_keys:
            return self.ok, ""
        if self.action not in actions_of(["contacts:*", "tags:*", "images:*", "export:*"]):
            return 403, "device_required"
        return (self.ok, "") if caller == KEY else (403, "forbidden")


PUBLIC, ANY_DEVICE, ANYBODY = Line(is_public=True), Line(is_for_devices=True), Line()
NOT_THERE: Cell = (404, "not_found")
NEW_CONTACT = {"display_name": "New", "organization": "{org_slug}"}
ORG, MEMBER = "api/v1/orgs/<str:org_slug>/", "api/v1/orgs/<str:org_slug>/members/<str:username>/"
INVITATION, API_KEY = f"{ORG}invitations/<str:invitation_id>/", f"{ORG}api-keys/<str:key_id>/"
EXPORT, OWN_EXPORT = f"{ORG}export/<str:export_id>/", "api/v1/users/me/export/<str:export_id>/"
CONTACT = "api/v1/contacts/<str:slug>/"
TAG, TAGGED = f"{ORG}tags/<str:tag_id>/", f"{ORG}tags/<str:app_label>/<str:model>/<str:obj_id>/"
IMAGES = "api/v1/images/orgs/<str:org_slug>/"
IMAGE = f"{IMAGES}images/<str:image_id>/"
IMAGED = f"{IMAGES}images/<str:app_label>/<str:model>/<str:obj_id>/"
ATTACHMENT = {"image_id": "{image_id}", "app_label": "contacts", "model": "contact", "object_id": "{obj_id}"}
ANNOUNCED = {"bytes": 1, "media_type": "image/jpeg", "sha256": "A" * 43 + "="}
NO_KEYS: Mapping[str, Cell] = dict.fromkeys((KEY, KEY_WITHOUT), (403, "device_required"))
LAST: Mapping[str, Cell] = {"owner": (409, "last_owner")}

LINES: dict[str, Line] = {
    "GET .well-known/jwks.json": PUBLIC,
    **dict.fromkeys(
        (
            f"POST api/v1/{path}/"
            for path in (
                "auth/get-token",
                "auth/refresh-token",
                "token/refresh",
                "device/challenge",
                "device/register",
                "device/revoke",
                "device/rotate",
                "device/verify-signature",
            )
        ),
        PUBLIC,
    ),
    **dict.fromkeys(
        (
            f"POST api/v1/{path}/"
            for path in (
                "auth/email/confirm",
                "auth/email/verify",
                "auth/guest",
                "auth/logout",
                "auth/logout-all",
                "auth/magic/request",
                "auth/magic/verify",
                "auth/password-reset/confirm",
                "auth/password-reset/request",
                "auth/register",
                "auth/social/<str:provider>",
                "auth/social/<str:provider>/nonce",
                "device/attest",
                "pre-register",
                "token/pair",
                "token/verify",
            )
        ),
        ANY_DEVICE,
    ),
    "GET api/v1/auth/check/": ANY_DEVICE,
    "GET api/v1/auth/email/verify/": ANY_DEVICE,
    "GET api/v1/users/check_username/": ANY_DEVICE,
    **dict.fromkeys(
        (
            "POST api/v1/auth/change-password/",
            "GET api/v1/auth/delete/",
            "DELETE api/v1/auth/delete/",
            "POST api/v1/auth/delete/",
            "PATCH api/v1/auth/email/",
            "POST api/v1/auth/email/confirm/request/",
            "GET api/v1/devices/",
            "POST api/v1/devices/revoke-others/",
            "GET api/v1/invitations/",
            "GET api/v1/me/",
            "PATCH api/v1/me/",
            "GET api/v1/orgs/",
            "GET api/v1/tasks/",
            "POST api/v1/tasks/",
            "POST api/v1/users/avatar/",
            "DELETE api/v1/users/avatar/",
            "GET api/v1/users/me/",
            "GET api/v1/users/me/export/",
            "POST api/v1/users/me/export/",
            "PATCH api/v1/users/me/",
            "GET api/v1/users/me/preferences/",
            "PATCH api/v1/users/me/preferences/",
        ),
        ANYBODY,
    ),
    "PATCH api/v1/devices/<str:device_id>/": Line(ok=200, body={"name": "Mine"}, owned=True),
    "DELETE api/v1/devices/<str:device_id>/": Line(ok=204, owned=True),
    "GET api/v1/tasks/<str:job_id>/": Line(ok=200, owned=True),
    "DELETE api/v1/tasks/<str:job_id>/": Line(ok=204, owned=True),
    # Groups.
    "POST api/v1/orgs/": Line(ok=201, body={"name": "New"}, but={GUEST: (403, "account_required")}),
    f"GET {ORG}": Line("org.read", 200),
    f"PATCH {ORG}": Line("org.update", 200, {"name": "Other"}),
    f"DELETE {ORG}": Line("org.delete", 202, {"name": "Team"}),
    f"POST {ORG}delete/": Line("org.delete", 202, {"name": "Team"}),
    f"POST {ORG}leave/": Line("org.read", 204, but=LAST),
    f"POST {ORG}transfer-ownership/": Line("org.transfer", 200, {"username": "{username}"}),
    f"GET {ORG}members/": Line("members.read", 200),
    f"GET {MEMBER}": Line("members.read", 200),
    f"PATCH {MEMBER}": Line("members.manage", 200, {"role": "admin"}),
    f"DELETE {MEMBER}": Line("members.manage", 204),
    f"GET {ORG}invitations/": Line("invitations.manage", 200),
    f"POST {ORG}invitations/": Line("invitations.manage", 201, {"email": "new@example.com"}),
    f"DELETE {INVITATION}": Line("invitations.manage", 204),
    f"POST {INVITATION}resend/": Line("invitations.manage", 200),
    # For the owner of another organization, who has confirmed the address; the others belong, or have not.
    "POST api/v1/invitations/accept/": Line(
        ok=200,
        body={"id": "{invitation_id}"},
        but={GUEST: (403, "account_required"), **dict.fromkeys((*MEMBERS, REMOVED), NOT_THERE)},
    ),
    "POST api/v1/invitations/decline/": Line(
        ok=204,
        body={"id": "{invitation_id}"},
        but={GUEST: (403, "account_required"), **dict.fromkeys((*MEMBERS, REMOVED), NOT_THERE)},
    ),
    f"GET {ORG}export/": Line("export.create", 200),
    f"POST {ORG}export/": Line("export.create", 202),
    f"GET {EXPORT}": Line("export.create", 200),
    f"DELETE {EXPORT}": Line("export.create", 204),
    f"POST {EXPORT}retry/": Line("export.create", 202),
    # The team's export is nobody's own.
    f"GET {OWN_EXPORT}": Line(but=dict.fromkeys(PEOPLE, NOT_THERE)),
    f"DELETE {OWN_EXPORT}": Line(but=dict.fromkeys(PEOPLE, NOT_THERE)),
    f"POST {OWN_EXPORT}retry/": Line(but=dict.fromkeys(PEOPLE, NOT_THERE)),
    f"GET {ORG}audit/": Line("audit.read", 200),
    f"GET {ORG}api-keys/": Line("api_keys.manage", 200),
    f"POST {ORG}api-keys/": Line("api_keys.manage", 201, {"name": "New", "scopes": ["contacts:*"]}),
    f"DELETE {API_KEY}": Line("api_keys.manage", 204),
    f"POST {API_KEY}rotate/": Line("api_keys.manage", 201, {}),
    # Contacts: the list is everybody's own, and a key's is its organization's.
    "GET api/v1/contacts/": Line("contacts.read", 200, but=dict.fromkeys(STRANGERS, (200, ""))),
    "POST api/v1/contacts/": Line("contacts.create", 201, NEW_CONTACT),
    "POST api/v1/contacts/bulk/": Line(is_for_keys=True, ok=200, body={"items": [{"op": "delete", "slug": "nobody"}]}),
    "POST api/v1/contacts/import/": ANYBODY,
    **{
        f"GET api/v1/contacts/export.{form}": Line("contacts.read", 200, but=dict.fromkeys(STRANGERS, (200, "")))
        for form in ("csv", "vcf")
    },
    f"GET {CONTACT}": Line("contacts.read", 200),
    f"PATCH {CONTACT}": Line("contacts.update", 200, {"title": "Dr"}),
    f"PUT {CONTACT}": Line("contacts.update", 200, {"display_name": "New"}),
    f"DELETE {CONTACT}": Line("contacts.delete", 204),
    f"POST {CONTACT}restore/": Line("contacts.delete", 200),
    f"POST {CONTACT}avatar/": Line("contacts.update"),
    f"DELETE {CONTACT}avatar/": Line("contacts.update", 204),
    "GET api/v1/contacts/duplicates/": Line("contacts.read", 200, but=dict.fromkeys(STRANGERS, (200, ""))),
    "POST api/v1/contacts/merge/": Line("contacts.delete", 200, {"winner": "{other_slug}", "loser": "{slug}"}),
    f"GET {ORG}tags/": Line("tags.read", 200),
    f"POST {ORG}tags/": Line("tags.write", 201, {"name": "New"}),
    f"GET {TAG}": Line("tags.read", 200),
    f"PATCH {TAG}": Line("tags.write", 200, {"name": "New"}),
    f"DELETE {TAG}": Line("tags.write", 204),
    f"GET {TAGGED}": Line("tags.read", 200),
    f"POST {TAGGED}": Line("tags.write", 200, ["New"]),
    f"DELETE {TAGGED}<str:tag_slug>/": Line("tags.write", 204),
    # Images. Whoever may upload is told that there is no picture.
    f"GET {IMAGES}images/": Line("images.read", 200),
    f"POST {IMAGES}images/": Line("images.write"),
    f"POST {IMAGES}bulk-upload/": Line("images.write"),
    f"POST {IMAGES}bulk-delete/": Line("images.write", 200, {"ids": [1]}),
    f"POST {IMAGES}attach/": Line("images.write", 200, ATTACHMENT),
    f"POST {IMAGES}detach/": Line("images.write", 200, ATTACHMENT),
    f"GET {IMAGED}": Line("images.read", 200),
    f"POST {IMAGED}": Line("images.write", 200, {"image_id": "{image_id}"}),
    f"POST {IMAGED}bulk_attach/": Line("images.write", 200, {"image_ids": ["{image_id}"]}),
    f"POST {IMAGED}bulk_detach/": Line("images.write", 200, {"image_ids": ["{image_id}"]}),
    f"POST {IMAGED}reorder/": Line("images.write", 200, {"image_ids": ["{image_id}"]}),
    f"POST {IMAGED}set_cover/": Line("images.write", 200, {"image_id": "{image_id}"}),
    f"POST {IMAGED}unset_cover/": Line("images.write", 200),
    f"PATCH {IMAGED}relations/<str:image_id>/": Line("images.write", 200, {"title": "New"}),
    f"GET {IMAGE}": Line("images.read", 200),
    f"POST {IMAGE}shares/": Line("images.write", 201, {}),
    f"DELETE {IMAGE}shares/<str:share_id>/": Line("images.write", 204),
    "POST api/v1/shared/images/resolve/": PUBLIC,
    f"POST {IMAGES}uploads/": Line("images.write", 201, ANNOUNCED, but=NO_KEYS),
    f"GET {IMAGES}uploads/<str:upload_id>/": Line("images.write", 200, but=NO_KEYS),
    f"POST {IMAGES}uploads/<str:upload_id>/complete/": Line("images.write", but=NO_KEYS),
    f"PATCH {IMAGE}": Line("images.write", 200, {"title": "New"}),
    f"DELETE {IMAGE}": Line("images.write", 204),
}
OPERATIONS = {f"{verb} {route.pattern}": (verb, route) for route in api_routes() for verb in route.verbs}


@dataclass
class Scene:
    """A team with one of each, and everybody who knocks: by the value of their Authorization header."""

    authorizations: dict[str, str]
    places: dict[str, str]
    writer: str  # a key that may write, and not read
    transport: InProcess = field(default_factory=InProcess)

    def call(self, caller: str, verb: str, route: Route, line: Line) -> Answer:
        has_none = caller == KEY_WITHOUT and line.action.endswith(".read")
        proof = self.writer if has_none else self.authorizations[caller]
        headers = {"Authorization": proof} if proof else {}
        content = b""
        if line.body is not None:
            told = line.body
            if isinstance(told, dict):
                told = {name: self._filled(value) for name, value in told.items()}
            headers["Content-Type"], content = "application/json", json.dumps(told).encode()
        return Answer.read(self.transport.call(verb, BASE_URL + route.path(**self.places), headers, content))

    def _filled(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._filled(entry) for entry in value]
        if value == "{image_id}":
            return int(self.places["image_id"])
        return value.format(**self.places) if isinstance(value, str) else value


@pytest.fixture
def scene(alice: Person, new_person: Callable[..., Person], new_phone: Callable[..., tuple[Phone, InProcess]]) -> Scene:
    people = {"owner": alice} | {
        name: new_person(name.split()[0]) for name in (*MEMBERS, OTHER, REMOVED) if name != "owner"
    }
    target = new_person("target")
    User.objects.update(is_email_confirmed=True)
    roles = {people[name].user: role for name, role in MEMBERS.items() if name != "owner"}
    team = factories.group(
        alice.user, {**roles, target.user: Role.MEMBER, people[REMOVED].user: Role.ADMIN}, name="Team"
    )
    phones = {name: person.phone for name, person in people.items()}
    phones[DEVICE], phones[GUEST] = new_phone()[0], new_phone()[0]
    phones[DEVICE].get_token()
    phones[GUEST].request("POST", "auth/guest/")
    phones[GUEST].get_token()
    contact = make_contact(alice, team, display_name="Grace")
    invited = alice.post(f"orgs/{team.slug}/invitations/", {"email": people[OTHER].email}).json
    key_id, service = make_key(alice, team, "contacts:*", "tags:*", "images:*", "export:create")
    _, reader = make_key(alice, team, "contacts:read", "tags:read")
    _, writer = make_key(alice, team, "contacts:write", "tags:write")
    job = alice.post("tasks/", {"type": "add", "x": 1, "y": 2}).json
    export = alice.post(f"orgs/{team.slug}/export/").json
    for phone in phones.values():
        phone.request("GET", "auth/check/")  # its session is in use, which is not undone with a cell
    assert people[REMOVED].get(f"orgs/{team.slug}/").status == 200
    memberships.changing([people[REMOVED].user.id])
    Membership.objects.filter(user=people[REMOVED].user, organization=team).delete()
    authorizations = {name: f"Bearer {phone.state.access}" for name, phone in phones.items()}
    authorizations |= {NOBODY: "", KEY: f"Api-Key {service.key}", KEY_WITHOUT: f"Api-Key {reader.key}"}
    tags = alice.post(f"orgs/{team.slug}/tags/contacts/contact/{contact.slug}/", ["VIP"]).json["data"]
    image = make_image(alice, team)
    alice.post(f"images/orgs/{team.slug}/images/contacts/contact/{contact.slug}/", {"image_id": image.id})
    other = make_contact(alice, team, display_name="Ada")
    share = alice.post(f"images/orgs/{team.slug}/images/{image.id}/shares/", {}).json
    upload = alice.post(f"images/orgs/{team.slug}/uploads/", ANNOUNCED).json
    places = {
        "other_slug": other.slug,
        "share_id": share["id"],
        "upload_id": upload["id"],
        "tag_id": str(tags[0]["id"]),
        "tag_slug": "vip",
        "app_label": "contacts",
        "model": "contact",
        "obj_id": contact.slug,
        "org_slug": team.slug,
        "slug": contact.slug,
        "image_id": str(image.id),
        "username": target.user.username,
        "invitation_id": invited["id"],
        "key_id": key_id,
        "job_id": job["id"],
        "export_id": export["id"],
        "device_id": str(alice.phone.state.device_id),
    }
    return Scene(authorizations, places, writer=f"Api-Key {writer.key}")


def test_every_operation_has_its_line() -> None:
    assert OPERATIONS.keys() == LINES.keys()
    assert {line.action for line in LINES.values() if line.action} == PERMISSIONS.keys()


def test_every_cell_is_what_the_table_says(scene: Scene) -> None:
    wrong, cells = [], 0
    for name, line in LINES.items():
        verb, route = OPERATIONS[name]
        for caller in CALLERS:
            cells += 1
            with transaction.atomic():
                answer = scene.call(caller, verb, route, line)
                transaction.set_rollback(True)
            expected = line.cell(caller)
            if expected == ENTERED:
                is_right = answer.code not in DOORS and answer.status < 500
            else:
                is_right = (answer.status, answer.code) == expected
            if not is_right:
                wrong.append(f"{name}, {caller}: {answer.status} {answer.code} instead of {expected}")
    assert wrong == []
    assert cells == len(OPERATIONS) * len(CALLERS)
    print(f"{len(OPERATIONS)} operations × {len(CALLERS)} callers = {cells} cells")  # noqa: T201 -- shown with -s
    assert Organization.objects.filter(name="Team", deleted_at=None).exists()
