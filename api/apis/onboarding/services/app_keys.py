"""App keys, which let devices in, and the versions below which running apps are told to upgrade."""

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, transaction

from api.exceptions import ApiError, InvalidInput, NotThere
from api.models import AppKey, AppKeyStatus, AppVersion
from api.platform import app_versions, audit, device_keys, keys, staff
from api.platform.callers import Caller
from api.platform.transactions import transactional


class AppKeyTaken(ApiError):
    """There is an app key of this id."""

    status = HTTPStatus.CONFLICT
    code = "app_key_taken"
    title = "There is an app key of this id already"


# What may be said of an app key beside its platform; absent builds and an empty address set nothing.
APP_KEY_TERMS = ("minimum_build", "maximum_build", "registrations_per_minute", "store_url")


@transactional
def create_app_key(
    caller: Caller, *, key_id: str, platform: str, terms: Mapping[str, Any] | None = None
) -> tuple[AppKey, bytes]:
    """A new app key and its secret, which nothing can show again. `terms` holds APP_KEY_TERMS.

    Raises Forbidden, InvalidInput, AppKeyTaken.
    """
    staff.require(caller, "apps.change")
    if not device_keys.is_app_key_id(key_id):
        raise InvalidInput.of("key_id", "invalid", "Lower-case letters, digits, dots, hyphens and underscores.")
    secret = secrets.token_bytes(32)
    app_key = AppKey(
        key_id=key_id,
        platform=platform,
        sealed_secret=keys.seal(secret, context=f"app_key:{key_id}"),
        created_by_id=caller.user_id,
    )
    changes = _set_terms(app_key, terms or {})
    try:
        with transaction.atomic():
            app_key.save(force_insert=True)
    except IntegrityError:
        raise AppKeyTaken from None
    audit.record(caller, "app_key.created", target_kind="app_key", target_id=key_id, changes=changes)
    return app_key, secret


@transactional
def succeed_app_key(caller: Caller, *, key_id: str, successor_id: str) -> bytes:
    """Makes a key for the next builds on the same terms, and returns its secret, which nothing can show again. The present
    one is deprecated: what has shipped with it goes on. Raises Forbidden, NotThere, InvalidInput, AppKeyTaken.
    """
    staff.require(caller, "apps.change")
    present = AppKey.objects.select_for_update().filter(key_id=key_id).first()
    if present is None:
        raise NotThere
    # Without the builds: they are what tells the releases apart.
    terms = {name: getattr(present, name) for name in ("registrations_per_minute", "store_url")}
    _, secret = create_app_key(caller, key_id=successor_id, platform=present.platform, terms=terms)
    if present.status == AppKeyStatus.ACTIVE:
        set_app_key_status(caller, key_id=key_id, status=AppKeyStatus.DEPRECATED)
    return secret


@transactional
def change_app_key(caller: Caller, *, key_id: str, terms: Mapping[str, Any]) -> None:
    """Changes those of APP_KEY_TERMS that are given. Raises AppKey.DoesNotExist, InvalidInput."""
    app_key = AppKey.objects.select_for_update().get(key_id=key_id)
    changes = _set_terms(app_key, terms)
    if changes:
        app_key.save(update_fields=[*changes, "updated_at"])
        audit.record(caller, "app_key.changed", target_kind="app_key", target_id=key_id, changes=changes)


@transactional
def reseal_app_keys(caller: Caller) -> int:
    """Encrypts the secrets of app keys under the current field key where they are under another; returns how many.

    Raises ValueError when a key that they are under has left FIELD_KEYS; then nothing is changed.
    """
    current = keys.ring(settings.FIELD_KEYS).current
    resealed = 0
    for app_key in AppKey.objects.select_for_update().order_by("id"):
        if app_key.sealed_secret.partition(".")[0] == current:
            continue
        context = f"app_key:{app_key.key_id}"
        app_key.sealed_secret = keys.seal(keys.unseal(app_key.sealed_secret, context=context), context=context)
        app_key.save(update_fields=["sealed_secret", "updated_at"])
        audit.record(caller, "app_key.resealed", target_kind="app_key", target_id=app_key.key_id)
        resealed += 1
    return resealed


def _set_terms(app_key: AppKey, terms: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Sets what differs, and returns it with what was before. Raises InvalidInput for what the model does not take."""
    assert terms.keys() <= set(APP_KEY_TERMS)
    changes = {
        name: [getattr(app_key, name), value] for name, value in terms.items() if getattr(app_key, name) != value
    }
    for name, (_, value) in changes.items():
        setattr(app_key, name, value)
    try:
        app_key.full_clean(validate_unique=False)
    except ValidationError as error:
        raise InvalidInput(
            [
                {"field": "" if field == NON_FIELD_ERRORS else field, "code": "invalid", "message": message}
                for field, messages in error.message_dict.items()
                for message in messages
            ]
        ) from error
    return changes


@transactional
def set_app_key_status(caller: Caller, *, key_id: str, status: AppKeyStatus) -> None:
    """Deprecates, blocks or re-activates an app key. Raises Forbidden, AppKey.DoesNotExist."""
    staff.require(caller, "apps.change")
    app_key = AppKey.objects.select_for_update().get(key_id=key_id)
    before, app_key.status = app_key.status, status
    app_key.save(update_fields=["status", "updated_at"])
    audit.record(
        caller, "app_key.status_changed", target_kind="app_key", target_id=key_id, changes={"status": [before, status]}
    )


def block_app_key(caller: Caller, *, key_id: str) -> None:
    """Stops registrations with an app key. Raises Forbidden, AppKey.DoesNotExist."""
    set_app_key_status(caller, key_id=key_id, status=AppKeyStatus.BLOCKED)


def activate_app_key(caller: Caller, *, key_id: str) -> None:
    """Lets devices register with an app key again. Raises Forbidden, AppKey.DoesNotExist."""
    set_app_key_status(caller, key_id=key_id, status=AppKeyStatus.ACTIVE)


# What may be said of a platform's app.
APP_VERSION_FACTS = ("minimum_version", "latest_version", "store_url", "notice")


@transactional
def set_app_version(caller: Caller, *, platform: str, facts: Mapping[str, str]) -> None:
    """Changes those of APP_VERSION_FACTS that are given. Apps of a platform below `minimum_version` (numbers and dots; "0"
    has none) are told to upgrade, at `store_url`; `latest_version` and `notice` are kept for staff, and no call answers them yet.

    Every process goes by it within five seconds. Raises Forbidden, InvalidInput.
    """
    staff.require(caller, "apps.change")
    assert facts.keys() <= set(APP_VERSION_FACTS)
    app = AppVersion.objects.select_for_update().filter(platform=platform).first()
    is_new = app is None
    app = app or AppVersion(platform=platform, minimum_version="0")
    changes = {
        name: [None if is_new else getattr(app, name), value]
        for name, value in facts.items()
        if getattr(app, name) != value
    }
    for name, (_, value) in changes.items():
        setattr(app, name, value)
    _require_sense(app)
    if not changes:
        return
    app.save(force_insert=is_new)
    transaction.on_commit(app_versions.forget)
    audit.record(caller, "app_version.changed", target_kind="app_version", target_id=platform, changes=changes)


def _require_sense(app: AppVersion) -> None:
    """Raises InvalidInput."""
    for name in ("minimum_version", "latest_version"):
        version = getattr(app, name)
        if not app_versions.is_version(version) and (version or name == "minimum_version"):
            raise InvalidInput.of(name, "invalid", "One to four numbers with dots between them.")
    latest = app_versions.parse_version(app.latest_version)
    if latest is not None and latest < (app_versions.parse_version(app.minimum_version) or ()):
        raise InvalidInput.of("latest_version", "below_minimum", "The present version cannot be below the minimum.")
    try:
        app.full_clean(validate_unique=False)
    except ValidationError as error:
        raise InvalidInput.of(next(iter(error.message_dict)), "invalid", error.messages[0]) from error
