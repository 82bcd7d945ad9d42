"""Who may do what in which organization: the only road from a caller to an organization's data."""

import functools
import json
import uuid
from collections.abc import Collection, Mapping

from django.conf import settings

from api.exceptions import Forbidden, NotThere
from api.models import Organization, Role
from api.platform.callers import Caller
from api.platform.ids import as_uuid

_EVERYONE = frozenset(Role.values)
_WORKERS = frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER})
_ADMINS = frozenset({Role.OWNER, Role.ADMIN})
_OWNERS = frozenset({Role.OWNER})

# Action -> roles. ORG_PERMISSIONS in the environment replaces single lines.
PERMISSIONS: Mapping[str, frozenset[str]] = {
    "org.read": _EVERYONE,
    "org.update": _ADMINS,
    "org.delete": _OWNERS,
    "org.transfer": _OWNERS,
    "members.read": _EVERYONE,
    "members.manage": _ADMINS,  # and only owners touch owners
    "invitations.manage": _ADMINS,
    "api_keys.manage": _ADMINS,
    "audit.read": _ADMINS,
    "export.create": _ADMINS,  # and to read, to fetch and to remove what was made
    "contacts.read": _EVERYONE,
    "contacts.create": _WORKERS,
    "contacts.update": _WORKERS,
    "contacts.delete": _WORKERS,
    "tags.read": _EVERYONE,
    "tags.write": _WORKERS,
    "images.read": _EVERYONE,
    "images.write": _WORKERS,
}


# Action -> scope: what API keys may do, if their scopes name it. What has no line here is for people only.
_SCOPE_OF: Mapping[str, str] = {
    "contacts.read": "contacts:read",
    "contacts.create": "contacts:write",
    "contacts.update": "contacts:write",
    "contacts.delete": "contacts:write",
    "tags.read": "tags:read",
    "tags.write": "tags:write",
    "images.read": "images:read",
    "images.write": "images:write",
    "export.create": "export:create",
}
# What a key can be given; `contacts:*` is everything about contacts.
SCOPES = frozenset({*_SCOPE_OF.values(), *(f"{scope.partition(':')[0]}:*" for scope in _SCOPE_OF.values())})


def actions_of(scopes: Collection[str]) -> list[str]:
    """What a key with these scopes may do."""
    return [action for action in _SCOPE_OF if _covers(scopes, action)]


def _covers(scopes: Collection[str], action: str) -> bool:
    scope = _SCOPE_OF.get(action)
    return scope is not None and (scope in scopes or f"{scope.partition(':')[0]}:*" in scopes)


@functools.cache
def permissions_with(overrides: str) -> Mapping[str, frozenset[str]]:
    """The table with the overrides of ORG_PERMISSIONS. Raises ValueError, saying what is wrong with them."""
    given = json.loads(overrides)
    if not isinstance(given, dict):
        raise ValueError("write a JSON object: action -> list of roles")
    for action, roles in given.items():
        if action not in PERMISSIONS:
            raise ValueError(f"there is no action {action}")
        if not isinstance(roles, list) or not all(role in _EVERYONE for role in roles):
            raise ValueError(f"{action} takes a list of {', '.join(sorted(_EVERYONE))}")
    return {**PERMISSIONS, **{action: frozenset(roles) for action, roles in given.items()}}


def permitted_roles(action: str) -> Collection[str]:
    return permissions_with(settings.ORG_PERMISSIONS)[action]


def organizations_permitting(caller: Caller, action: str) -> list[uuid.UUID]:
    """The organizations in which the caller may do `action`. Raises Forbidden for an API key whose scopes do not say so."""
    _require_scope(caller, action)
    roles = permitted_roles(action)
    return [key for key, member in caller.memberships.items() if member.role in roles]


def require_permission(caller: Caller, organization_id: uuid.UUID, action: str) -> None:
    """Raises NotThere for somebody else's organization, Forbidden for a member whose role does not do."""
    member = caller.memberships.get(organization_id)
    if member is None:
        raise NotThere
    roles = permitted_roles(action)
    if member.role not in roles:
        raise Forbidden
    _require_scope(caller, action)
    caller.permissions.append((organization_id, sorted(roles)))


def _require_scope(caller: Caller, action: str) -> None:
    if caller.scopes is not None and not _covers(caller.scopes, action):
        raise Forbidden


def organization_id_of(caller: Caller, name: str, action: str | None) -> uuid.UUID:
    """The id of the organization that `name` (slug or UUID) means, in which the caller may do `action` (None: what every
    member may).

    Raises NotThere, Forbidden.
    """
    key = as_uuid(name)
    matching = (own for own, member in caller.memberships.items() if own == key or member.slug == name)
    organization_id = next(matching, None)
    if organization_id is None:
        raise NotThere
    if action is not None:
        require_permission(caller, organization_id, action)
    return organization_id


def personal_organization_id(caller: Caller) -> uuid.UUID:
    """Raises NotThere for a caller without one."""
    organization_id = next((key for key, member in caller.memberships.items() if member.is_own), None)
    if organization_id is None:
        raise NotThere
    return organization_id


def personal_organization_of(user_id: uuid.UUID) -> uuid.UUID | None:
    """The organization that everybody has of their own, for services that act on behalf of a person; None for somebody
    who was erased.
    """
    return Organization.objects.filter(personal_of_id=user_id).values_list("id", flat=True).first()
