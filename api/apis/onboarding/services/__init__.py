"""The verbs of registration: `devices` (and their keys), `app_keys` (what lets them in)."""

from api.apis.onboarding.services.app_keys import (
    APP_KEY_TERMS,
    change_app_key,
    create_app_key,
    set_app_key_status,
    set_minimum_version,
)
from api.apis.onboarding.services.devices import (
    DeviceAlreadyActive,
    DeviceKey,
    InstallConflict,
    forget_never_activated,
    register_device,
    revoke_device,
    rotate_key,
)

__all__ = [
    "APP_KEY_TERMS",
    "DeviceAlreadyActive",
    "DeviceKey",
    "InstallConflict",
    "change_app_key",
    "create_app_key",
    "forget_never_activated",
    "register_device",
    "revoke_device",
    "rotate_key",
    "set_app_key_status",
    "set_minimum_version",
]
