"""A server in memory, with just enough rules to live with. It verifies every signature."""

import base64
import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from handset_client import Client, HmacKey, NetworkFailure, Response, Transport
from handset_client.keys import b64url, proof_message, unb64url

BASE_URL = "https://api.example.com"
APP_KEY_ID = "test-2026-01"
APP_KEY_SECRET = b64url(b"a" * 32)
PURPOSES = {
    "device/register/": "devauth-v1-register",
    "auth/get-token/": "devauth-v1-token",
    "auth/refresh-token/": "devauth-v1-token",
    "device/rotate/": "devauth-v1-token",
    "device/revoke/": "devauth-v1-token",
}


class MakePhone(Protocol):
    """The fixture that starts the app."""

    def __call__(self, *, hardware_key: bool = ..., transport: Transport = ...) -> Client: ...


class FakeTime:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_767_225_600.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Refusal(Exception):
    def __init__(self, status: int, code: str, **members: Any) -> None:
        super().__init__(code)
        self.response = problem(status, code, **members)


def problem(status: int, code: str, *, headers: Mapping[str, str] | None = None, **members: Any) -> Response:
    document = {"type": f"urn:handset:problem:{code}", "title": code, "status": status}
    body = json.dumps({**document, "code": code, **members}).encode()
    return Response(status, {"Content-Type": "application/problem+json", **(headers or {})}, body)


def success(document: object, status: int = HTTPStatus.OK) -> Response:
    return Response(status, {"Content-Type": "application/json"}, json.dumps(document).encode())


@dataclass
class Request:
    method: str
    path: str  # without /api/v1/
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


@dataclass
class Device:
    id: str
    install_id: str
    enrol_key: str
    public_keys: dict[int, dict[str, str]]  # by generation; empty for HMAC
    generation: int = 1
    session_id: str = ""
    is_revoked: bool = False

    def secret(self, generation: int) -> bytes:
        return hashlib.sha256(f"{self.id}{self.enrol_key}{generation}".encode()).digest()


@dataclass
class Session:
    id: str
    device_id: str
    user: dict[str, Any] | None
    started_by: tuple[str, bytes, str]  # path, body and session of the call that began it
    counter: int = 1
    attempt: str = ""
    is_used: bool = False
    has_ended: bool = False


@dataclass
class FakeApi:
    """A Transport. `script[path]` holds what is done before the rules apply: a Response is answered
    in their place, "lose the answer" and "lose the request" are what they say."""

    time: FakeTime
    script: dict[str, list[Response | str]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    devices: dict[str, Device] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)  # by e-mail
    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)  # by id
    kept: dict[tuple[str, str, str], Response] = field(default_factory=dict)  # by method, path and Idempotency-Key
    expired: set[str] = field(default_factory=set)  # access tokens
    nonces: set[str] = field(default_factory=set)
    wants_rekey: bool = False
    wants_signatures: bool = False
    keeps_answers: bool = True

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        parts = urlsplit(url)
        path = parts.path.removeprefix("/api/v1/")
        request = Request(method, path, parse_qs(parts.query), headers, body)
        self.requests.append(request)
        instructions = self.script.get(path, [])
        instruction = instructions.pop(0) if instructions else None
        if isinstance(instruction, Response):
            return instruction
        if instruction == "lose the request":
            raise NetworkFailure(instruction)
        try:
            response = self._answer(request, url)
        except Refusal as refusal:
            response = refusal.response
        if instruction == "lose the answer":
            raise NetworkFailure(instruction)
        return response

    def sent(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    def session_of(self, token: str) -> Session:
        return self.sessions[token.split(".")[1]]

    # -- the rules

    def _answer(self, request: Request, url: str) -> Response:
        path, purpose = request.path, PURPOSES.get(request.path, "devauth-v1-req")
        if purpose == "devauth-v1-req":
            session = self._authenticate(request, url)
            return self._answer_to_session(request, session)
        device = self._verify(request, url, purpose)
        if path == "device/register/":
            return self._register(request.json)
        assert device is not None
        if path == "device/revoke/":
            device.is_revoked = True
            return Response(HTTPStatus.NO_CONTENT, {}, b"")
        if path == "device/rotate/":
            return self._rotate(device, request.json)
        if path == "auth/get-token/":
            assert request.json["device_id"] == device.id
            return self._get_token(device)
        return self._refresh(device, **request.json)

    def _authenticate(self, request: Request, url: str) -> Session:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not token:
            raise Refusal(401, "token_missing")
        if token in self.expired:
            raise Refusal(401, "token_expired")
        session = self.session_of(token)
        if "Signature" in request.headers:
            self._verify(request, url, "devauth-v1-req")
        elif self.wants_signatures:
            raise Refusal(403, "signature_required")
        is_logout = request.path == "auth/logout/"
        if self.devices[session.device_id].is_revoked:
            raise Refusal(401, "token_revoked")
        if session.has_ended and not is_logout and not self._is_repeated(request, session):
            raise Refusal(401, "token_revoked")
        return session

    def _is_repeated(self, request: Request, old: Session) -> bool:
        new = self.sessions[self.devices[old.device_id].session_id]
        return not new.is_used and new.started_by == (request.path, request.body, old.id)

    def _verify(self, request: Request, url: str, purpose: str) -> Device | None:
        headers = request.headers
        form = re.fullmatch(
            r'sig=(\((.*)\);created=(\d+);nonce="([\w-]{22})";alg="(.*)";keyid="(.*)";tag="(.*)")',
            headers["Signature-Input"],
        )
        assert form is not None
        params, components, created, nonce, _algorithm, keyid, tag = form.groups()
        assert tag == purpose
        digest = base64.b64encode(hashlib.sha256(request.body).digest()).decode()
        assert headers["Content-Digest"] == f"sha-256=:{digest}:"
        parts = urlsplit(url)
        values = {
            "@method": request.method,
            "@authority": parts.netloc,
            "@path": parts.path,
            "@query": f"?{parts.query}",
            "content-digest": headers["Content-Digest"],
            "content-type": headers.get("Content-Type", ""),
            "authorization": headers.get("Authorization", ""),
        }
        covered = components.replace('"', "").split(" ")
        assert ("content-type" in covered) == bool(request.body)
        assert ("authorization" in covered) == (purpose == "devauth-v1-req")
        lines = [f'"{name}": {values[name]}' for name in covered]
        base = "\n".join([*lines, f'"@signature-params": {params}']).encode()
        value = base64.b64decode(headers["Signature"].removeprefix("sig=:").removesuffix(":"))
        if not self.time.now - 300 <= int(created) <= self.time.now + 60:
            raise Refusal(401, "clock_skew", server_time=int(self.time.now))
        device = self._verify_value(keyid, base, value)
        assert nonce not in self.nonces, "a signature was used twice"
        self.nonces.add(nonce)
        return device

    def _verify_value(self, keyid: str, base: bytes, value: bytes) -> Device | None:
        if keyid == f"app:{APP_KEY_ID}":
            assert hmac.compare_digest(HmacKey(unb64url(APP_KEY_SECRET)).sign(base), value)
            return None
        _, device_id, generation_text = keyid.split(":")
        device, generation = self.devices.get(device_id), int(generation_text)
        if device is None:
            raise Refusal(401, "device_unknown")
        if generation < device.generation:
            raise Refusal(401, "key_superseded")
        if device.public_keys:
            assert p256_verifies(device.public_keys[generation], base, value)
        else:
            assert hmac.compare_digest(HmacKey(device.secret(generation)).sign(base), value)
        device.generation = generation
        if device.is_revoked:
            raise Refusal(403, "device_revoked")
        return device

    def _register(self, data: dict[str, Any]) -> Response:
        known = [d for d in self.devices.values() if d.install_id == data["install_id"]]
        device = known[0] if known else None
        if device is None:
            device = Device(str(uuid.uuid4()), data["install_id"], data["enrol_key"], {})
            self.devices[device.id] = device
        elif device.enrol_key != data["enrol_key"]:
            raise Refusal(409, "install_conflict")
        elif device.session_id:
            raise Refusal(409, "device_already_active")
        if "public_key" in data:
            self._bring_key(device, 1, data)
        answer = {"device_id": device.id, "trust": "unattested", "server_time": self.time.now}
        return success(answer | self._key_of(device, 1), 200 if known else 201)

    def _rotate(self, device: Device, data: dict[str, Any]) -> Response:
        self.wants_rekey = False
        if device.public_keys:
            self._bring_key(device, device.generation + 1, data)
        return success(self._key_of(device, device.generation + 1))

    def _bring_key(self, device: Device, generation: int, data: dict[str, Any]) -> None:
        message = proof_message(device.install_id, device.enrol_key)
        assert p256_verifies(data["public_key"], message, unb64url(data["key_proof"]))
        device.public_keys[generation] = data["public_key"]

    def _key_of(self, device: Device, generation: int) -> dict[str, str]:
        key = {"key_id": f"dev:{device.id}:{generation}"}
        if device.public_keys:
            return key | {"alg": "ecdsa-p256-sha256"}
        return key | {"alg": "hmac-sha256", "secret": b64url(device.secret(generation))}

    def _get_token(self, device: Device) -> Response:
        session = self.sessions.get(device.session_id)
        if session is None or session.has_ended:
            session = self._start_session(device, None, ("auth/get-token/", b"", ""))
        return self._tokens(session)

    def _refresh(self, device: Device, refresh: str, attempt: str) -> Response:
        _, session_id, counter = refresh.split(".")
        session = self.sessions[session_id]
        if session.has_ended:
            raise Refusal(401, "token_revoked")
        assert session.device_id == device.id
        if int(counter) == session.counter:
            session.counter, session.attempt = session.counter + 1, attempt
        elif int(counter) < session.counter - 1 or attempt != session.attempt:
            session.has_ended = True
            self.wants_rekey = True
            raise Refusal(401, "refresh_reuse_detected")
        return self._tokens(session)

    def _start_session(
        self, device: Device, user: dict[str, Any] | None, started_by: tuple[str, bytes, str]
    ) -> Session:
        if device.session_id:
            self.sessions[device.session_id].has_ended = True
        session = Session(str(uuid.uuid4()), device.id, user, started_by)
        self.sessions[session.id] = session
        device.session_id = session.id
        return session

    def _tokens(self, session: Session, status: int = HTTPStatus.OK) -> Response:
        answer: dict[str, Any] = {
            "access": f"at.{session.id}.{len(self.requests)}",
            "refresh": f"rt.{session.id}.{session.counter}",
            "session_id": session.id,
            "server_time": self.time.now,
            "expires_in": 900,
        }
        if session.user is not None:
            answer["user"] = session.user
        if self.wants_rekey:
            answer["rekey"] = True
        return success(answer, status)

    def _answer_to_session(self, request: Request, session: Session) -> Response:
        device = self.devices[session.device_id]
        if request.path in {"auth/register/", "token/pair/"}:
            return self._sign_in(request, session, device)
        session.is_used = True
        if request.path == "auth/logout/":
            session.has_ended = True
            return Response(HTTPStatus.NO_CONTENT, {}, b"")
        if request.path == "auth/check/":
            return success({"session_id": session.id, "device": {"id": device.id}})
        if session.user is None:
            raise Refusal(403, "sign_in_required")
        if request.path == "users/me/":
            return success(session.user)
        if request.method == "GET":
            return self._contacts(request, session.user["id"])
        key = request.method, request.path, request.headers["Idempotency-Key"]
        if key in self.kept and self.keeps_answers:
            kept = self.kept[key]
            return Response(kept.status, {**kept.headers, "Idempotency-Replayed": "true"}, kept.body)
        self.kept[key] = self._contacts(request, session.user["id"])
        return self.kept[key]

    def _sign_in(self, request: Request, session: Session, device: Device) -> Response:
        if session.has_ended:  # the repetition of a call whose answer was lost
            return self._tokens(self.sessions[device.session_id])
        email = request.json["email"]
        if request.path == "auth/register/":
            if email in self.users:
                raise Refusal(409, "email_taken")
            self.users[email] = {"id": str(uuid.uuid4()), "email": email}
        elif email not in self.users:
            raise Refusal(401, "invalid_credentials")
        began = (request.path, request.body, session.id)
        return self._tokens(self._start_session(device, self.users[email], began))

    def _contacts(self, request: Request, owner: str) -> Response:
        _, slug, action = [*request.path.split("/"), ""][:3]
        if request.method == "POST" and not slug:
            slug = f"x-{request.json['id'][-6:]}"
            contact = {"title": ""} | request.json | {"slug": slug, "owner": owner, "is_deleted": False, "version": 1}
            return self._contact(self.contacts.setdefault(contact["id"], contact), HTTPStatus.CREATED)
        if not slug:
            term = request.query.get("q", [""])[0]
            there = [
                contact
                for contact in self.contacts.values()
                if contact["owner"] == owner and not contact["is_deleted"] and term in contact["last_name"].lower()
            ]
            first = int(request.query.get("cursor", ["0"])[0])
            after = first + int(request.query.get("limit", ["25"])[0])
            following = str(after) if after < len(there) else None
            return success({"data": there[first:after], "meta": {"total": len(there), "next": following}})
        contact = next(c for c in self.contacts.values() if slug in {c["slug"], c["id"]})
        if request.headers.get("If-Match", self._etag(contact)) != self._etag(contact):
            raise Refusal(412, "version_conflict")
        if request.method == "DELETE":
            contact["is_deleted"] = True
            return Response(HTTPStatus.NO_CONTENT, {}, b"")
        if action == "restore":
            contact["is_deleted"] = False
        elif request.method == "PATCH":
            contact.update(request.json, version=contact["version"] + 1)
        return self._contact(contact)

    def _contact(self, contact: dict[str, Any], status: int = HTTPStatus.OK) -> Response:
        response = success(contact, status)
        return Response(status, {**response.headers, "ETag": self._etag(contact)}, response.body)

    def _etag(self, contact: dict[str, Any]) -> str:
        return f'"{contact["version"]}-0"'


def p256_verifies(jwk: Mapping[str, str], message: bytes, value: bytes) -> bool:
    """Whether `value` is r‖s over `message` by the key of `jwk`."""
    x, y = (int.from_bytes(unb64url(jwk[name])) for name in ("x", "y"))
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    der = encode_dss_signature(int.from_bytes(value[:32]), int.from_bytes(value[32:]))
    try:
        key.verify(der, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return len(value) == 64
