"""Whose key it is: the device or app key that a signature names, and whether the signature holds under it."""

import re
import uuid
from http import HTTPStatus

from api.exceptions import ApiError
from api.models import Algorithm, AppKey, AppKeyStatus, Device
from api.platform import keys, signing
from api.platform.signing import Signature, SignatureInvalid, SignatureRefused, SignatureWrongPurpose, Tag

_DEVICE_KEYID = re.compile(r"dev:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):([1-9][0-9]{0,8})")
_APP_KEYID = re.compile(r"app:([a-z0-9][a-z0-9._-]{0,63})")


class DeviceUnknown(SignatureRefused):
    """No device has this id: it was never registered, or forgotten because it never asked for a token."""

    code = "device_unknown"
    title = "This device is not registered"
    detail = "Register again."
    remedy = "Register anew, with a new install_id, enrol_key and key."


class KeySuperseded(SignatureRefused):
    """A newer generation of the device's key is in use."""

    code = "key_superseded"
    title = "The device's key was replaced"
    detail = "Register again."
    remedy = "Register anew, unless this very client has rotated its key meanwhile."


class DeviceRevoked(ApiError):
    """The device said goodbye or staff revoked it. It is over; a new installation may register."""

    status = HTTPStatus.FORBIDDEN
    code = "device_revoked"
    title = "This device was revoked"
    remedy = "Stop: tell the person, and begin again only when they want to."


class AppBuildBlocked(ApiError):
    """This build of the app registers no more devices; `store_url` leads to a newer one."""

    status = HTTPStatus.FORBIDDEN
    code = "app_build_blocked"
    title = "This version of the app is no longer supported"
    remedy = "Give up: send the person to `store_url`."


def verified_device(signature: Signature, base: bytes) -> tuple[Device, int]:
    """The device whose key made `signature` over `base`, and the generation of that key.

    The algorithm is the key's, never the header's alone. A revoked device is returned too: its status comes after the
    replay check. Raises SignatureRefused.
    """
    form = _DEVICE_KEYID.fullmatch(signature.keyid)
    if form is None:
        raise SignatureWrongPurpose(signature.tag)
    device = Device.objects.filter(id=uuid.UUID(form[1])).first()
    if device is None:
        raise DeviceUnknown(signature.tag)
    generation = int(form[2])
    if generation < device.generation:
        raise KeySuperseded(signature.tag)
    if generation == device.generation:
        holds = _holds(device, generation, device.algorithm, device.master_kid, device.public_key, signature, base)
    elif generation == device.generation + 1 and device.has_next_key:
        holds = _holds(
            device, generation, device.next_algorithm, device.next_master_kid, device.next_public_key, signature, base
        )
    else:
        holds = False
    if not holds:
        raise SignatureInvalid(signature.tag)
    return device, generation


def holds(signature: Signature, base: bytes) -> bool:
    """Whether a known device, or an app key, made `signature` over `base`."""
    try:
        if signature.tag is Tag.REGISTER:
            verified_app_key(signature, base)
        else:
            verified_device(signature, base)
    except SignatureRefused:
        return False
    return True


def _holds(
    device: Device,
    generation: int,
    algorithm: str,
    master_kid: str,
    public_key: dict[str, str] | None,
    signature: Signature,
    base: bytes,
) -> bool:
    if signature.algorithm != algorithm:
        return False
    if algorithm == Algorithm.ECDSA_P256_SHA256 and public_key is not None:
        return signing.verify_p256(public_key, base, signature.value)
    try:
        secret = secret_of(device, generation, master_kid)
    except KeyError:  # the master key has left the ring, and every key that was derived from it
        raise KeySuperseded(signature.tag) from None
    return signing.verify_hmac(secret, base, signature.value)


def secret_of(device: Device, generation: int, master_kid: str) -> bytes:
    """The HMAC secret of one generation. Raises KeyError when its master key has left the ring."""
    return keys.device_secret(
        kid=master_kid, enrol_digest=bytes(device.enrol_digest), device_id=str(device.id), generation=generation
    )


def confirm_generation(device: Device, generation: int, tag: Tag) -> None:
    """The first use of a promised key makes it the device's key and ends the one before. Raises KeySuperseded.

    `device` then stands at `generation`, whatever happens to its row meanwhile.
    """
    if generation == device.generation:
        return
    promised = Device.objects.filter(
        id=device.id,
        generation=device.generation,
        next_algorithm=device.next_algorithm,
        next_master_kid=device.next_master_kid,
    )
    promised.update(
        generation=generation,
        algorithm=device.next_algorithm,
        master_kid=device.next_master_kid,
        public_key=device.next_public_key,
        next_algorithm="",
        next_master_kid="",
        next_public_key=None,
        next_attempt_digest=None,
        rekey_requested_at=None,
    )
    device.refresh_from_db()
    if device.generation != generation:
        raise KeySuperseded(tag)


def is_app_key_id(text: str) -> bool:
    return _APP_KEYID.fullmatch(f"app:{text}") is not None


def verified_app_key(signature: Signature, base: bytes) -> AppKey:
    """The app key that made `signature` over `base`, blocked or not. Raises SignatureRefused."""
    form = _APP_KEYID.fullmatch(signature.keyid)
    if form is None:
        raise SignatureWrongPurpose(signature.tag)
    app_key = AppKey.objects.filter(key_id=form[1]).first()
    if app_key is None or signature.algorithm != Algorithm.HMAC_SHA256:
        raise SignatureInvalid(signature.tag)
    if not signing.verify_hmac(app_secret(app_key), base, signature.value):
        raise SignatureInvalid(signature.tag)
    return app_key


def app_secret(app_key: AppKey) -> bytes:
    return keys.unseal(app_key.sealed_secret, context=f"app_key:{app_key.key_id}")


def require_unblocked(app_key: AppKey, build: int | None) -> None:
    """Raises AppBuildBlocked for a blocked key and for a build outside its range: where there is one, unsaid is outside."""
    low, high = app_key.minimum_build, app_key.maximum_build
    is_limited = low is not None or high is not None
    is_inside = build is not None and (low is None or low <= build) and (high is None or build <= high)
    if app_key.status == AppKeyStatus.BLOCKED or (is_limited and not is_inside):
        raise AppBuildBlocked(store_url=app_key.store_url or None)
