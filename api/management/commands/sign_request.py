"""Prints a signed curl: for trying the API from a shell, and for comparing with what a client signs."""

import json
import secrets
import shlex
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from api.management.demo import INSTALL_ID
from api.models import Algorithm, AppKey, Device
from api.platform import device_keys, signing
from api.platform.ids import as_uuid
from api.platform.keys import b64url
from api.platform.signing import Tag, Target

_BY_APP_KEY = ("device/register/", "device/challenge/")
_BY_DEVICE = (
    "auth/get-token/",
    "auth/refresh-token/",
    "token/refresh/",
    "device/rotate/",
    "device/revoke/",
    "device/verify-signature/",
)


class Command(BaseCommand):
    help = "Prints a curl command with the signature of a device (the demo device if none is named) or an app key."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("method")
        parser.add_argument("path", help="with its query, such as /api/v1/contacts/?limit=5")
        parser.add_argument("--body", help="JSON; get-token needs none here")
        parser.add_argument("--device", help="a device id")
        parser.add_argument("--app-key", help="the id of an app key, for device/register/")
        parser.add_argument("--token", help="an access token, for calls beyond the token endpoints")
        parser.add_argument("--base-url", default=f"http://localhost:{settings.PORT}")

    def handle(self, *args: Any, **options: Any) -> None:
        method, base_url = options["method"].upper(), options["base_url"].rstrip("/")
        path, _, query = options["path"].partition("?")
        endpoint = path.removeprefix("/api/v1/")
        tag = Tag.REGISTER if endpoint in _BY_APP_KEY else Tag.TOKEN if endpoint in _BY_DEVICE else Tag.REQUEST
        authorization = f"Bearer {options['token']}" if options["token"] else ""
        if tag is Tag.REQUEST and not authorization:
            raise CommandError("this call carries an access token: --token")
        signer = _app_signer(options["app_key"]) if tag is Tag.REGISTER else _device_signer(options["device"])
        body = options["body"]
        if body is None and endpoint == "auth/get-token/":
            body = json.dumps({"device_id": signer[0].split(":")[1]})
        target = Target(
            method=method,
            authority=base_url.partition("://")[2],
            path=path,
            query=f"?{query}",
            has_body=bool(body),
            content_type="application/json",
            authorization=authorization,
        )
        headers = _signed_headers(target, (body or "").encode(), tag, *signer)
        self.stdout.write(_curl(method, f"{base_url}{options['path']}", headers, body))


def _device_signer(device_id: str | None) -> tuple[str, bytes]:
    """The `keyid` and the secret of a device."""
    key = as_uuid(device_id) if device_id else None
    device = (Device.objects.filter(id=key) if key else Device.objects.filter(install_id=INSTALL_ID)).first()
    if device is None or (device_id and not key):
        raise CommandError("there is no such device")
    if device.algorithm != Algorithm.HMAC_SHA256:
        raise CommandError("the private key of this device is in its hardware")
    return device.key_id, device_keys.secret_of(device, device.generation, device.master_kid)


def _app_signer(key_id: str | None) -> tuple[str, bytes]:
    app_key = AppKey.objects.filter(key_id=key_id or "demo-app").first()
    if app_key is None:
        raise CommandError("there is no such app key")
    return f"app:{app_key.key_id}", device_keys.app_secret(app_key)


def _signed_headers(target: Target, body: bytes, tag: Tag, keyid: str, secret: bytes) -> dict[str, str]:
    components = ["@method", "@authority", "@path", "@query", "content-digest"]
    components += ["content-type"] if target.has_body else []
    components += ["authorization"] if tag is Tag.REQUEST else []
    params = (
        f"({' '.join(json.dumps(name) for name in components)})"
        f';created={int(time.time())};nonce="{b64url(secrets.token_bytes(16))}"'
        f';alg="{Algorithm.HMAC_SHA256}";keyid="{keyid}";tag="{tag}"'
    )
    digest = signing.content_digest(body)
    value = signing.sign_hmac(secret, signing.signature_base(params, digest, target))
    headers = {"Content-Digest": digest, "Signature-Input": f"sig={params}", "Signature": f"sig=:{value}:"}
    if target.has_body:
        headers["Content-Type"] = target.content_type
    if target.authorization:
        headers["Authorization"] = target.authorization
    return headers


def _curl(method: str, url: str, headers: dict[str, str], body: str | None) -> str:
    parts = ["curl", "-sS", "-X", method, url]
    for name, value in headers.items():
        parts += ["-H", f"{name}: {value}"]
    if body:
        parts += ["--data-binary", body]
    return shlex.join(parts)
