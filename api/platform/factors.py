"""Second factors: authenticator apps (RFC 6238), passkeys (WebAuthn) and recovery codes, by django-allauth and fido2.

The only door to both. It knows credentials and ceremonies; who has to show what, and when, is the domain's. A ceremony
takes the name of the host that the browser sees, and gives back a state that its second half asks for.
"""

import base64
import uuid
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.webauthn.internal import auth as webauthn
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Count

from api.models import User
from api.platform.keys import seal, unseal

TOTP = str(Authenticator.Type.TOTP)
PASSKEY = str(Authenticator.Type.WEBAUTHN)
RECOVERY_CODES = str(Authenticator.Type.RECOVERY_CODES)

# For how long a code could be shown again: its own half minute, and the tolerance around it.
CODE_SECONDS = 30 * (2 * settings.MFA_TOTP_TOLERANCE + 1)
_SEALED_FOR = "mfa_authenticator"
_STATE = webauthn.STATE_SESSION_KEY


class SealedSecrets(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Has allauth keep its secrets under the field keys, and asks nothing of its accounts."""

    def encrypt(self, text: str) -> str:
        return seal(text.encode(), context=_SEALED_FOR)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text, context=_SEALED_FOR).decode()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        host: str = context.request.get_host()
        return {"id": host.partition(":")[0], "name": settings.MFA_TOTP_ISSUER}


class CredentialRefused(Exception):
    """What a browser brought is no credential, or not one that fits."""


def of_person(user: User) -> list[dict[str, Any]]:
    """A person's factors, the oldest first: `id`, `type`, `name`, `created_at`, `last_used_at`."""
    rows = Authenticator.objects.filter(user=user).order_by("id")
    return [
        {
            "id": row.id,
            "type": row.type,
            "name": row.data.get("name", ""),
            "created_at": row.created_at,
            "last_used_at": row.last_used_at,
        }
        for row in rows
    ]


def has_any(user: User) -> bool:
    """Whether a person has a factor to sign in with; recovery codes alone are none."""
    return bool(Authenticator.objects.filter(user=user, type__in=(TOTP, PASSKEY)).exists())


def counts_of(user_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    """How many factors each of these people can sign in with; who has none is left out."""
    rows = Authenticator.objects.filter(user_id__in=list(user_ids), type__in=(TOTP, PASSKEY))
    return dict(rows.values_list("user_id").annotate(count=Count("id")))


def has(user: User, kind: str) -> bool:
    return bool(Authenticator.objects.filter(user=user, type=kind).exists())


def remove(user: User, factor_id: int | None = None) -> int:
    """Removes one factor, or all that a person has, recovery codes too; returns how many. Idle where there is none."""
    rows = Authenticator.objects.filter(user=user)
    return int((rows if factor_id is None else rows.filter(id=factor_id)).delete()[0])


# Authenticator apps


def new_totp_secret() -> str:
    """Twenty random bytes in base32, as authenticator apps take them."""
    return str(totp.generate_totp_secret())


def totp_address(user: User, secret: str) -> str:
    """The `otpauth:` address that hands a secret to an app."""
    return str(SealedSecrets().build_totp_url(user, secret))


def totp_picture(address: str) -> str:
    """The address as a QR code, an SVG in a `data:` address."""
    picture = str(SealedSecrets().build_totp_svg(address))
    return f"data:image/svg+xml;base64,{base64.b64encode(picture.encode()).decode()}"


def totp_fits(secret: str, code: str) -> bool:
    """Whether a code is of this moment, or of the half minute before or after it."""
    return bool(totp.validate_totp_code(secret, code))


def add_totp(user: User, secret: str) -> None:
    totp.TOTP.activate(user, secret)


def totp_secret_of(user: User) -> str | None:
    """The secret of a person's app; None without one."""
    row = Authenticator.objects.filter(user=user, type=TOTP).first()
    return None if row is None else SealedSecrets().decrypt(row.data["secret"])


def code_at(secret: str, seconds: float) -> str:
    """The code that an app shows at a moment."""
    return str(totp.format_hotp_value(totp.hotp_value(secret, int(seconds) // 30)))


# Recovery codes


def new_recovery_codes(user: User) -> list[str]:
    """Ten codes that count once each, in the place of those before."""
    Authenticator.objects.filter(user=user, type=RECOVERY_CODES).delete()
    return [str(code) for code in RecoveryCodes.activate(user).generate_codes()]


def recovery_codes_left(user: User) -> list[str]:
    row = Authenticator.objects.filter(user=user, type=RECOVERY_CODES).first()
    return [] if row is None else [str(code) for code in RecoveryCodes(row).get_unused_codes()]


def use_recovery_code(user: User, code: str) -> bool:
    """Takes a code, once: its row is locked meanwhile."""
    row = Authenticator.objects.filter(user=user, type=RECOVERY_CODES).first()
    return row is not None and bool(RecoveryCodes(row).validate_code(code))


def note_use(user: User, kind: str) -> None:
    """Writes down that the factor of a kind which there is one of was shown."""
    row = Authenticator.objects.filter(user=user, type=kind).first()
    if row is not None:
        row.record_usage()


# Passkeys: found by the browser without a name, and unlocked by their person, so that one is both factors at once


def begin_registration(user: User, *, host: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `navigator.credentials.create` takes, and the state."""
    with context.request_context(request := _ceremony(host)):
        options = webauthn.begin_registration(user, True)
    return options, request.session[_STATE]


def register_passkey(user: User, *, name: str, credential: Any, host: str, state: dict[str, Any]) -> None:
    """Keeps a new passkey. Raises CredentialRefused."""
    with context.request_context(_ceremony(host, state)):
        try:
            webauthn.parse_registration_response(credential)
            made = webauthn.complete_registration(credential)
        except (ValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise CredentialRefused from error
    if not made.is_user_verified():
        raise CredentialRefused
    webauthn.WebAuthn.add(user, name, credential)


def begin_authentication(*, host: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `navigator.credentials.get` takes, whoever is there, and the state."""
    with context.request_context(request := _ceremony(host)):
        options = webauthn.begin_authentication(None)
    return options, request.session[_STATE]


def person_of_passkey(credential: Any, *, host: str, state: dict[str, Any]) -> User:
    """Who has shown a passkey. Raises CredentialRefused."""
    with context.request_context(_ceremony(host, state)):
        try:
            webauthn.parse_authentication_response(credential)
            person: User = webauthn.extract_user_from_response(credential)
            webauthn.complete_authentication(person, credential).record_usage()
        except (ValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise CredentialRefused from error
    return person


def _ceremony(host: str, state: dict[str, Any] | None = None) -> SimpleNamespace:
    """What allauth asks of a request: the host, and a session that keeps the challenge."""
    return SimpleNamespace(get_host=lambda: host, session={_STATE: state} if state else {})
