"""Making, rotating and revoking API keys."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus

from django.db.models import Q
from django.utils import timezone

from api.apis.api_keys.selectors import key_ids
from api.apis.orgs import selectors as orgs
from api.apis.orgs import services as organizations
from api.exceptions import AccountRequired, ApiError, Forbidden, InvalidInput, NotThere
from api.models import ActorKind, ApiKey, Membership, Organization, User
from api.platform import api_keys, audit, revocation
from api.platform.callers import Caller
from api.platform.revocation import SessionState
from api.platform.tokens import TokenRevoked
from api.platform.transactions import transactional

_LIVING_MOST = 50  # of an organization: each key has limits of its own, so their number is a limit too
_LIFE_MAX = timedelta(days=3660)  # ten years: what is to live longer has no end


class TooManyKeys(ApiError):
    """The organization has fifty keys that are neither revoked nor expired."""

    status = HTTPStatus.CONFLICT
    code = "too_many_api_keys"
    title = "The organization has too many API keys"
    detail = "Revoke one that nobody needs."
    remedy = "Revoke one that nobody needs, and repeat it."


class KeyRotated(ApiError):
    """The key has a successor already: rotate that one."""

    status = HTTPStatus.CONFLICT
    code = "api_key_rotated"
    title = "The key was rotated before"


@transactional
def create_key(
    caller: Caller, *, organization: str, name: str, scopes: Sequence[str], expires_at: datetime | None
) -> tuple[uuid.UUID, str]:
    """A new key's id, and the key, which nobody sees again. The caller becomes its holder; the organization's owner, where
    staff make it.

    Raises NotThere, Forbidden (also for scopes beyond the caller's own role), AccountRequired, InvalidInput,
    TooManyKeys, TokenRevoked.
    """
    organization_id = organizations.lock_for(caller, organization, "api_keys.manage")
    now = timezone.now()
    if expires_at is not None and expires_at <= now:
        raise InvalidInput.of("expires_at", "past", "Send a time that is still to come.")
    if expires_at is not None and expires_at > now + _LIFE_MAX:
        raise InvalidInput.of("expires_at", "too_late", "Send a time within ten years, or none.")
    return _make(caller, organization_id, name=name, scopes=sorted(set(scopes)), expires_at=expires_at)


@transactional
def rotate_key(caller: Caller, *, organization: str, key: str, overlap_seconds: int) -> tuple[uuid.UUID, str]:
    """A key's successor: the same name, scopes and length of life, held by the caller. The old one lives on for the
    overlap, so that whoever uses it can change over without a call that fails.

    Raises NotThere, Forbidden, AccountRequired, KeyRotated, TooManyKeys, TokenRevoked.
    """
    organizations.lock_for(caller, organization, "api_keys.manage")
    old = _locked(caller, organization, key)
    if old.successor_id is not None:
        raise KeyRotated
    now = timezone.now()
    expires_at = now + (old.expires_at - old.created_at) if old.expires_at else None
    key_id, text = _make(caller, old.organization_id, name=old.name, scopes=old.scopes, expires_at=expires_at)
    end = now + timedelta(seconds=overlap_seconds)
    old.successor_id = key_id
    old.expires_at = min(end, old.expires_at) if old.expires_at else end
    old.save(update_fields=["successor", "expires_at", "updated_at"])
    _record(caller, old, "api_key.rotated", {"successor": [None, str(key_id)]})
    return key_id, text


@transactional
def revoke_key(caller: Caller, *, organization: str, key: str) -> None:
    """Ends a key with its next call. Raises NotThere, Forbidden."""
    organizations.lock_for(caller, organization, "api_keys.manage")
    _revoke(caller, _locked(caller, organization, key))


def revoke_keys_held_by(caller: Caller, *, user_id: uuid.UUID) -> None:
    """Ends every key that a person holds, wherever it works. Part of the caller's transaction, which has locked them."""
    for key in ApiKey.objects.select_for_update().filter(holder_id=user_id, revoked_at=None).order_by("id"):
        _revoke(caller, key)


def _revoke(caller: Caller, key: ApiKey) -> None:
    key.revoked_at = timezone.now()
    key.save(update_fields=["revoked_at", "updated_at"])
    _record(caller, key, "api_key.revoked", {})


def _make(
    caller: Caller, organization_id: uuid.UUID, *, name: str, scopes: Sequence[str], expires_at: datetime | None
) -> tuple[uuid.UUID, str]:
    for action in orgs.actions_of(scopes):
        orgs.require_permission(caller, organization_id, action)
    organization = Organization.objects.get(id=organization_id)
    holder_id = organizations.answerable(caller, organization)
    assert holder_id is not None
    _require_present(caller, holder_id)
    living = ApiKey.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None)
    if living.filter(organization_id=organization_id, membership__isnull=False).count() >= _LIVING_MOST:
        raise TooManyKeys
    text = api_keys.new_key()
    made = ApiKey.objects.create(
        organization_id=organization_id,
        holder_id=holder_id,
        # There, and there to stay until the organization's lock is given back.
        membership=Membership.objects.get(organization_id=organization_id, user_id=holder_id),
        name=name,
        prefix=text[: api_keys.PREFIX_CHARS],
        digest=api_keys.digest_of(text),
        scopes=list(scopes),
        expires_at=expires_at,
    )
    _record(caller, made, "api_key.created", {"scopes": [None, list(scopes)], "holder": [None, str(holder_id)]})
    return made.id, text


def _require_present(caller: Caller, user_id: uuid.UUID) -> None:
    """Whoever takes an account over ends its keys and sessions under the person's lock: no key is made after that. A guest
    goes with the phone, and must leave none behind.
    """
    person = User.objects.select_for_update().get(id=user_id)
    if caller.kind is ActorKind.STAFF:
        _require_touchable(caller, person)
    if caller.session_id is not None and revocation.state_of(caller.session_id) is not SessionState.LIVE:
        raise TokenRevoked
    if person.is_guest:
        raise AccountRequired


def _require_touchable(caller: Caller, holder: User) -> None:
    """Staff lend nobody's name who is above them, or has been shut out. Raises Forbidden."""
    assert caller.user_id is not None
    is_by_superuser = User.objects.filter(id=caller.user_id, is_superuser=True).exists()
    if holder.is_superuser and not is_by_superuser:
        raise Forbidden("Only superusers make keys that superusers hold.")
    if not holder.is_active or holder.deleted_at is not None:
        raise Forbidden("The owner, who would hold the key, is shut out: hand the group over first.")


def _locked(caller: Caller, organization: str, name: str) -> ApiKey:
    key_id, organization_id = key_ids(caller, organization=organization, name=name)
    key = ApiKey.objects.select_for_update().filter(id=key_id, organization_id=organization_id, revoked_at=None).first()
    if key is None:
        raise NotThere
    return key


def _record(caller: Caller, key: ApiKey, action: str, changes: dict[str, list[object]]) -> None:
    audit.record(
        caller,
        action,
        target_kind="api_key",
        target_id=key.id,
        organization_id=key.organization_id,
        changes=changes,
    )
