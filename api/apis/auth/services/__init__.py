"""The verbs of sessions: `sessions` (tokens of a device), `people` (who is signed in on it), `failures` (guesses)."""

from api.apis.auth.services.failures import account_key, forget_old_failures
from api.apis.auth.services.people import (
    AlreadySignedIn,
    InvalidCredentials,
    RegistrationClosed,
    StaffProtected,
    deactivate_person,
    reactivate_person,
    register,
    sign_in,
    sign_out,
)
from api.apis.auth.services.sessions import (
    RefreshReuseDetected,
    SessionExpired,
    TokenGrant,
    device_tokens,
    end_sessions,
    end_superseded,
    forget_ended_sessions,
    refresh,
    require_valid_token,
)

__all__ = [
    "AlreadySignedIn",
    "InvalidCredentials",
    "RefreshReuseDetected",
    "RegistrationClosed",
    "SessionExpired",
    "StaffProtected",
    "TokenGrant",
    "account_key",
    "deactivate_person",
    "device_tokens",
    "end_sessions",
    "end_superseded",
    "forget_ended_sessions",
    "forget_old_failures",
    "reactivate_person",
    "refresh",
    "register",
    "require_valid_token",
    "sign_in",
    "sign_out",
]
