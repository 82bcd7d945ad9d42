"""The verbs of accounts, by what they are about: `sessions` (tokens of a device), `people` (signing up, in and out),
`guests`, `codes` (signing in by mail), `social` (by a provider), `passwords`, `addresses`, and what these stand on: `proofs` (mailed secrets),
`mails` (what is said with them), `failures` (guesses); and `waiting` (who is to hear when signing up is possible).
"""

from api.apis.auth.services.addresses import (
    AddressUnchanged,
    address_to_change,
    change_address,
    confirm_address,
    request_address_change,
    request_confirmation,
)
from api.apis.auth.services.codes import mailed_code, request_magic_code, sign_in_by_code
from api.apis.auth.services.ending import (
    end_expired,
    end_other_sessions,
    end_sessions,
    end_superseded,
    forget_browser_sessions,
    forget_ended_sessions,
)
from api.apis.auth.services.failures import account_key, forget_old_failures
from api.apis.auth.services.guests import (
    AlreadySignedIn,
    GuestHasData,
    forget_abandoned_guests,
    forget_merged_guests,
    open_guest,
)
from api.apis.auth.services.mails import change_page, mail_change_notice, mail_password_notice, mail_proof
from api.apis.auth.services.passwords import (
    FreshProofRequired,
    change_password,
    request_password_reset,
    reset_password,
)
from api.apis.auth.services.people import (
    InvalidCredentials,
    RegistrationClosed,
    StaffProtected,
    deactivate_person,
    disown_session,
    reactivate_person,
    register,
    sign_in,
    sign_out,
    sign_out_everywhere,
)
from api.apis.auth.services.proofs import InvalidOrExpired, forget_old_proofs, require_good
from api.apis.auth.services.sessions import (
    RefreshReuseDetected,
    SessionExpired,
    TokenGrant,
    device_tokens,
    lock_device,
    refresh,
    require_valid_token,
)
from api.apis.auth.services.social import (
    SOCIAL_NONCE_SECONDS,
    ProviderEmailMissing,
    ProviderUnknown,
    SocialTokenInvalid,
    new_social_nonce,
    sign_in_by_provider,
)
from api.apis.auth.services.waiting import join_waiting_list

__all__ = [
    "SOCIAL_NONCE_SECONDS",
    "AddressUnchanged",
    "AlreadySignedIn",
    "FreshProofRequired",
    "GuestHasData",
    "InvalidCredentials",
    "InvalidOrExpired",
    "ProviderEmailMissing",
    "ProviderUnknown",
    "RefreshReuseDetected",
    "RegistrationClosed",
    "SessionExpired",
    "SocialTokenInvalid",
    "StaffProtected",
    "TokenGrant",
    "account_key",
    "address_to_change",
    "change_address",
    "change_page",
    "change_password",
    "confirm_address",
    "deactivate_person",
    "device_tokens",
    "disown_session",
    "end_expired",
    "end_other_sessions",
    "end_sessions",
    "end_superseded",
    "forget_abandoned_guests",
    "forget_browser_sessions",
    "forget_ended_sessions",
    "forget_merged_guests",
    "forget_old_failures",
    "forget_old_proofs",
    "join_waiting_list",
    "lock_device",
    "mail_change_notice",
    "mail_password_notice",
    "mail_proof",
    "mailed_code",
    "new_social_nonce",
    "open_guest",
    "reactivate_person",
    "refresh",
    "register",
    "request_address_change",
    "request_confirmation",
    "request_magic_code",
    "request_password_reset",
    "require_good",
    "require_valid_token",
    "reset_password",
    "sign_in",
    "sign_in_by_code",
    "sign_in_by_provider",
    "sign_out",
    "sign_out_everywhere",
]
