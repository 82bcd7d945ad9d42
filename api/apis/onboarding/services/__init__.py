"""The verbs of registration: `devices` (and their keys), `attestations` (how far to trust them), `app_keys` (what lets
them in).
"""

from api.apis.onboarding.services.app_keys import (
    APP_KEY_TERMS,
    APP_VERSION_FACTS,
    AppKeyTaken,
    activate_app_key,
    block_app_key,
    change_app_key,
    create_app_key,
    reseal_app_keys,
    set_app_key_status,
    set_app_version,
    succeed_app_key,
)
from api.apis.onboarding.services.attestations import (
    attest_device,
    forget_old_attestations,
    judge_attestation,
    new_challenge,
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
    "APP_VERSION_FACTS",
    "AppKeyTaken",
    "DeviceAlreadyActive",
    "DeviceKey",
    "InstallConflict",
    "activate_app_key",
    "attest_device",
    "block_app_key",
    "change_app_key",
    "create_app_key",
    "forget_never_activated",
    "forget_old_attestations",
    "judge_attestation",
    "new_challenge",
    "register_device",
    "reseal_app_keys",
    "revoke_device",
    "rotate_key",
    "set_app_key_status",
    "set_app_version",
    "succeed_app_key",
]
