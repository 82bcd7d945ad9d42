"""What Schemathesis loads (SCHEMATHESIS_HOOKS): proves its calls as their operations ask, over the bytes that are sent.

FUZZ_AS is who calls: `anonymous` proves nothing, `device` has a session, `person` has signed in on it. FUZZ_SEEN is a
file that gets, at the end, how often which operation answered what.
"""

import atexit
import functools
import json
import os
import secrets
import uuid
from collections import Counter
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests
import schemathesis
from handset_client import Client
from handset_client.outcomes import accept
from handset_client.signature import Tag, new_nonce, sign
from schemathesis.generation import GenerationMode

WHO = os.environ["FUZZ_AS"]
PASSWORD = "correct horse battery staple"
API = "/api/v1/"

# Values that a schema cannot spell, for members of these names.
MEANINGFUL = {
    "birth_date": "1985-12-10",
    "phone": "+442079460123",
    "phone_number": "+442079460123",
    "time_zone": "Europe/London",
    "timezone": "Europe/London",
}

# The ways to prove oneself to an address; its methods agree about them, also those that it does not know.
_security: dict[str, list[dict[str, Any]]] = {}
_seen: Counter[str] = Counter()


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Takes the proofs out: they are made here, and what comes without them has tests of its own."""
    raw_schema["components"].pop("securitySchemes")
    for path, operations in raw_schema["paths"].items():
        for operation in operations.values():
            # Phones call here; API keys have tests of their own.
            _security[path] = [proof for proof in operation.pop("security") if "apiKey" not in proof]
    _security[f"{API}device/verify-signature/"] = [{"deviceSignature": []}]


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: Any, kwargs: dict[str, Any]) -> None:
    if WHO == "anonymous":
        return
    path = case.operation.path
    phone = the_phone() if _is_harmless(case) else _expendable_phone()
    if case.headers.get("Idempotency-Key") == "7f2d8a50-51b6-4f7e-a0c4-3d9b8e1f6c22":
        # The example's; under it everything after the first call would be a replay.
        case.headers = {**case.headers, "Idempotency-Key": str(uuid.uuid4())}
    kwargs["auth"] = Proof(phone, set(secrets.choice(_security[path])))
    components = case.meta.components.values() if case.meta is not None else ()
    if all(component.mode == GenerationMode.POSITIVE for component in components):
        _make_meaningful(case, phone)


@schemathesis.hook
def after_call(context: schemathesis.HookContext, case: Any, response: Any) -> None:
    _seen[f"{case.method} {case.operation.path} {response.status_code}"] += 1
    if response.status_code < HTTPStatus.BAD_REQUEST and not _is_harmless(case):
        _expendable_phone.cache_clear()


@atexit.register
def _tell() -> None:
    Path(os.environ["FUZZ_SEEN"]).write_text(json.dumps(_seen))


def new_phone() -> Client:
    phone = Client(os.environ["FUZZ_URL"], os.environ["FUZZ_KEY_ID"], os.environ["FUZZ_KEY_SECRET"])
    phone.get_token()
    if WHO == "person":
        accept(phone.sign_up(_email_of(phone), PASSWORD))
    return phone


@functools.cache
def the_phone() -> Client:
    return new_phone()


@functools.cache
def _expendable_phone() -> Client:
    """One whose session, key or person the next call may end; another after every such call that succeeds."""
    return new_phone()


def _is_harmless(case: Any) -> bool:
    """Whether sessions, keys and people are the same afterwards."""
    return case.method == "GET" or case.operation.path.startswith((f"{API}contacts/", f"{API}orgs/"))


def _email_of(phone: Client) -> str:
    return f"{phone.state.device_id}@example.com"


class Proof(requests.auth.AuthBase):
    """Adds what an operation's security asks for to a request that is otherwise complete."""

    def __init__(self, phone: Client, schemes: set[str]) -> None:
        self._phone, self._schemes = phone, schemes

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if "deviceToken" in self._schemes:
            request.headers["Authorization"] = f"Bearer {self._phone.state.access}"
        if self._schemes - {"deviceToken"}:
            self._sign(request)
        return request

    def _sign(self, request: requests.PreparedRequest) -> None:
        tags = {"appSignature": Tag.REGISTER, "deviceSignature": Tag.TOKEN, "requestSignature": Tag.REQUEST}
        tag = next(tags[scheme] for scheme in self._schemes if scheme in tags)
        keyid, key = self._phone._app_signer if tag is Tag.REGISTER else self._phone.state.signer
        body = request.body or b""
        signature = sign(
            request.method or "",
            request.url or "",
            body.encode() if isinstance(body, str) else body,
            key=key,
            keyid=keyid,
            tag=tag,
            created=self._phone._clock.now(),
            nonce=new_nonce(),
            content_type=request.headers.get("Content-Type", ""),
            authorization=request.headers.get("Authorization", ""),
        )
        request.headers.update(signature.headers)


def _make_meaningful(case: Any, phone: Client) -> None:
    """Puts in what only the server and its phones know, and what a schema cannot say, so that calls do succeed."""
    path = case.operation.path
    if case.headers.get("If-Match") == '"3-5d0c2f6b8e1a4c7d9b3f"':  # the example's, which nothing here has
        case.headers = {**case.headers, "If-Match": "*"}
    if isinstance(case.body, dict):
        body = case.body
        known = {"device_id": phone.state.device_id, "refresh": phone.state.refresh, "token": phone.state.access}
        body.update({name: value for name, value in {**known, **MEANINGFUL}.items() if name in body})
        if path == f"{API}token/pair/":
            body.update(email=_email_of(phone), password=PASSWORD)
        if path == f"{API}auth/register/":
            body.update(email=f"{secrets.token_hex(8)}@example.com", password=PASSWORD)
            body.pop("password_confirm", None)
        if path.startswith(f"{API}contacts/"):
            body["display_name"] = "Grace Hopper"
            body.pop("email", None)
            body.pop("phone", None)
            body.pop("organization", None)
        for proof in ("public_key", "key_proof"):
            body.pop(proof, None)
    if WHO == "person":
        _name_what_is_there(case, phone)


def _name_what_is_there(case: Any, phone: Client) -> None:
    """Fills the places of an address with what the person has."""
    places = case.path_parameters
    if "slug" in places:
        places["slug"] = new_contact(phone) if case.method == "DELETE" else the_contact()
    if "org_slug" in places:
        places["org_slug"] = accept(phone.request("GET", "orgs/")).json["data"][0]["slug"]
    if "username" in places:
        places["username"] = accept(phone.request("GET", "users/me/")).json["username"]
    if "job_id" in places:
        places["job_id"] = a_job(phone)
    if "export_id" in places:
        path = f"orgs/{places['org_slug']}/export/" if "org_slug" in places else "users/me/export/"
        places["export_id"] = accept(phone.request("POST", path)).json["id"]
    if "obj_id" in places:
        places.update(app_label="contacts", model="contact", obj_id=the_contact())
    if "tag_id" in places:
        places["tag_id"] = a_tag(phone, places["org_slug"])


def a_job(phone: Client) -> str:
    """One of the person's jobs, who may have only so many that have not ended."""
    jobs = accept(phone.request("GET", "tasks/")).json["data"]
    return str((jobs or [accept(phone.request("POST", "tasks/", {"type": "add", "x": 1, "y": 2})).json])[0]["id"])


def a_tag(phone: Client, org_slug: str) -> str:
    return str(accept(phone.request("POST", f"orgs/{org_slug}/tags/", {"name": secrets.token_hex(8)})).json["id"])


def new_contact(phone: Client) -> str:
    return str(accept(phone.request("POST", "contacts/", {"display_name": "Grace Hopper"})).json["slug"])


@functools.cache
def the_contact() -> str:
    return new_contact(the_phone())
