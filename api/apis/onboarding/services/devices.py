"""Registering devices, rotating their keys, revoking them."""

import hashlib
import hmac
import uuid
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from api.apis.auth import services as auth
from api.apis.onboarding.services.attestations import attest_at_registration
from api.exceptions import ApiError, InvalidInput, NotThere
from api.models import Algorithm, AppKey, Channel, Device, EndReason, Platform
from api.platform import audit, device_keys, keys, signing, staff
from api.platform.callers import Caller
from api.platform.device_keys import DeviceRevoked, KeySuperseded
from api.platform.signing import Tag
from api.platform.transactions import transactional


class InstallConflict(ApiError):
    """The installation is known and the enrolment key does not fit; nothing else is told."""

    status = HTTPStatus.CONFLICT
    code = "install_conflict"
    title = "This installation is registered with another key"
    detail = "Take a new install_id and enrol_key."
    remedy = "Register anew, with a new install_id and enrol_key."


class DeviceAlreadyActive(ApiError):
    """The installation has used its tokens; its key is not handed out again."""

    status = HTTPStatus.CONFLICT
    code = "device_already_active"
    title = "This device is registered and active"
    detail = "Use its key, or register a new installation."
    remedy = "Use the key that is kept; where it is lost, register anew."


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """A device with one generation of its key; `secret` only where the server derives it."""

    device: Device
    generation: int
    algorithm: str
    secret: bytes | None

    @property
    def key_id(self) -> str:
        return f"dev:{self.device.id}:{self.generation}"


def register_device(
    caller: Caller,
    *,
    app_key: AppKey,
    install_id: uuid.UUID,
    enrol_key: bytes,
    public_key: object | None,
    key_proof: bytes | None,
    details: dict[str, Any],
    evidence: dict[str, str] | None = None,
) -> tuple[DeviceKey, bool]:
    """The device of an installation and whether it is new; the same again for as long as the answer may be lost.

    `enrol_key` has 32 bytes, `details` holds Device's columns, `evidence` what `attest_at_registration` takes. Raises AppBuildBlocked, InvalidInput, InstallConflict,
    DeviceAlreadyActive, DeviceRevoked.
    """
    device_keys.require_unblocked(app_key, details.get("build"))
    _require_platform(app_key, details["platform"])
    enrol_digest = hashlib.sha256(enrol_key).digest()
    jwk = _proven_key(public_key, key_proof, install_id=install_id, enrol_digest=enrol_digest)
    new = None
    if not Device.objects.filter(install_id=install_id).exists():
        new = _insert_device(
            caller, app_key=app_key, install_id=install_id, enrol_digest=enrol_digest, jwk=jwk, details=details
        )
    device = new or _registered_again(install_id=install_id, enrol_digest=enrol_digest, jwk=jwk)
    if evidence is not None:
        attest_at_registration(device, **evidence)
    return _key_of(device), new is not None


def _require_platform(app_key: AppKey, platform: str) -> None:
    """An app key is for one platform; one for `other` is for none in particular. Raises InvalidInput."""
    if app_key.platform not in {platform, Platform.OTHER}:
        raise InvalidInput.of("platform", "mismatch", "This app key is for another platform.")


def _proven_key(
    public_key: object | None, key_proof: bytes | None, *, install_id: uuid.UUID, enrol_digest: bytes
) -> dict[str, str] | None:
    """The public key that a device brings, once it has proved to hold the private half. Raises InvalidInput."""
    if public_key is None:
        return None
    try:
        jwk = signing.parse_jwk(public_key)
    except ValueError as error:
        raise InvalidInput.of("public_key", "invalid", "Send a P-256 public key as JWK: kty, crv, x, y.") from error
    message = signing.key_proof_message(str(install_id), enrol_digest)
    if key_proof is None or not signing.verify_p256(jwk, message, key_proof):
        raise InvalidInput.of("key_proof", "invalid", "Send the proof that you hold the private key.")
    return jwk


@transactional
def _insert_device(
    caller: Caller,
    *,
    app_key: AppKey,
    install_id: uuid.UUID,
    enrol_digest: bytes,
    jwk: dict[str, str] | None,
    details: dict[str, Any],
) -> Device | None:
    """The new device, or None when another attempt was quicker."""
    device = Device(install_id=install_id, enrol_digest=enrol_digest, app_key=app_key, **details)
    _take_key(device, jwk)
    try:
        with transaction.atomic():
            device.save(force_insert=True)
    except IntegrityError:
        return None
    audit.record(
        caller,
        "device.registered",
        target_kind="device",
        target_id=device.id,
        changes={"platform": [None, device.platform], "app_key": [None, app_key.key_id]},
    )
    return device


def _take_key(device: Device, jwk: dict[str, str] | None) -> None:
    device.public_key = jwk
    device.algorithm = Algorithm.ECDSA_P256_SHA256 if jwk else Algorithm.HMAC_SHA256
    device.master_kid = "" if jwk else keys.ring(settings.DEVICE_MASTER_KEYS).current


@transactional
def _registered_again(*, install_id: uuid.UUID, enrol_digest: bytes, jwk: dict[str, str] | None) -> Device:
    """The device of an installation that is known already, if the caller may have its key once more."""
    device = Device.objects.select_for_update().get(install_id=install_id)
    if not hmac.compare_digest(bytes(device.enrol_digest), enrol_digest):
        raise InstallConflict
    if device.revoked_at is not None:
        raise DeviceRevoked
    is_same_key = device.public_key == jwk
    if device.activated_at is not None and not (is_same_key and _may_still_be_lost(device)):
        raise DeviceAlreadyActive
    is_derivable = jwk is not None or device.master_kid in keys.ring(settings.DEVICE_MASTER_KEYS).keys
    if device.activated_at is not None and not is_derivable:
        raise DeviceAlreadyActive
    if not is_same_key or not is_derivable:
        _take_key(device, jwk)
        device.save(update_fields=["public_key", "algorithm", "master_kid", "updated_at"])
    return device


def _may_still_be_lost(device: Device) -> bool:
    """Whether the answer with the first token may not have arrived: nobody used it, and the device is young."""
    age = timezone.now() - device.created_at
    return (
        age <= timedelta(seconds=settings.REGISTRATION_REPEAT_SECONDS)
        and device.generation == 1
        and not device.sessions.filter(first_used_at__isnull=False).exists()
    )


def _key_of(device: Device) -> DeviceKey:
    if device.public_key is not None:
        return DeviceKey(device, device.generation, device.algorithm, None)
    secret = device_keys.secret_of(device, device.generation, device.master_kid)
    return DeviceKey(device, device.generation, device.algorithm, secret)


@transactional
def rotate_key(
    caller: Caller, *, device: Device, public_key: object | None, key_proof: bytes | None, attempt: bytes | None
) -> DeviceKey:
    """The device's next key; the present one lives until the next is first used. A repeat gets the same answer.

    `device` is as it was when its key signed the request. A repeat brings the same public key and the same `attempt`
    (16 bytes); with others it comes from somebody else who holds the present key. Raises InvalidInput when a device
    with a hardware key brings none, KeySuperseded.
    """
    signed_by, device = device.generation, Device.objects.select_for_update().get(id=device.id)
    if device.generation != signed_by:
        raise KeySuperseded(Tag.TOKEN)
    jwk = _proven_key(public_key, key_proof, install_id=device.install_id, enrol_digest=bytes(device.enrol_digest))
    if jwk is None and device.public_key is not None:
        raise InvalidInput.of("public_key", "required", "A device with a hardware key brings its next public key.")
    digest = hashlib.sha256(attempt).digest() if attempt is not None else None
    promised = device.next_attempt_digest and bytes(device.next_attempt_digest)
    if device.has_next_key and (device.next_public_key, promised) != (jwk, digest):
        # Somebody else holds the present key as well, and was first.
        raise KeySuperseded(Tag.TOKEN)
    if not device.has_next_key:
        device.next_public_key = jwk
        device.next_algorithm = Algorithm.ECDSA_P256_SHA256 if jwk else Algorithm.HMAC_SHA256
        device.next_master_kid = "" if jwk else keys.ring(settings.DEVICE_MASTER_KEYS).current
        device.next_attempt_digest = digest
        device.save(
            update_fields=["next_public_key", "next_algorithm", "next_master_kid", "next_attempt_digest", "updated_at"]
        )
        audit.record(
            caller,
            "device.key_rotated",
            target_kind="device",
            target_id=device.id,
            changes={"generation": [device.generation, device.generation + 1]},
        )
    generation = device.generation + 1
    if jwk is not None:
        return DeviceKey(device, generation, device.next_algorithm, None)
    secret = device_keys.secret_of(device, generation, device.next_master_kid)
    return DeviceKey(device, generation, device.next_algorithm, secret)


@transactional
def revoke_device(caller: Caller, *, device_id: uuid.UUID) -> None:
    """Ends a device and its sessions for good; harmless when repeated. The device itself may ask for it, and staff.

    Raises Forbidden, NotThere.
    """
    if caller.channel is not Channel.API or caller.device_id != device_id:
        staff.require(caller, "devices.revoke")
    device = Device.objects.select_for_update().filter(id=device_id).first()
    if device is None:
        raise NotThere
    if device.revoked_at is not None:
        return
    device.revoked_at = timezone.now()
    device.revoked_by_id = caller.user_id
    device.revocation_reason = caller.reason[:200]
    device.save(update_fields=["revoked_at", "revoked_by", "revocation_reason", "updated_at"])
    auth.end_sessions(caller, reason=EndReason.DEVICE_REVOKED, device_id=device.id)
    audit.record(caller, "device.revoked", target_kind="device", target_id=device.id)


def forget_never_activated(*, most: int = 1000) -> int:
    """Deletes up to `most` devices that never asked for a token; returns how many."""
    before = timezone.now() - timedelta(seconds=settings.UNACTIVATED_DEVICE_SECONDS)
    stale = Device.objects.filter(activated_at=None, created_at__lt=before)
    ids = list(stale.values_list("id", flat=True)[:most])
    return Device.objects.filter(id__in=ids, activated_at=None).delete()[0]
