"""What staff may do: roles, which are Django groups of these names, and the actions that each covers, as the code has
them or as somebody has changed them since. What no role covers is left to superusers; a member of staff without a role
sees the dashboard.
"""

from collections.abc import Mapping
from typing import NamedTuple

from django.contrib.auth.models import Group
from django.db.models import OuterRef, Subquery

from api.exceptions import Forbidden
from api.models import ActorKind, StaffRole, User
from api.platform.callers import Caller

_READING = frozenset(
    {
        "people.read",
        "devices.read",
        "orgs.read",
        "contacts.read",
        "images.read",
        "requests.read",
        "outbox.read",
        "mails.read",
        "apps.read",
        "audit.read",
        "staff.read",
        "system.read",
    }
)
_CHANGING = frozenset(
    {
        "people.note",
        "people.edit",
        "people.deactivate",
        "people.delete",
        "people.view_as",
        "staff.reset_factors",
        "staff.roles",
        "orgs.change",
        "sessions.end",
        "sessions.end_all",
        "devices.revoke",
        "requests.send",
        "outbox.change",
        "mails.change",
        "apps.change",
    }
)
# Lists as tables: who lacks this gets them without what is personal.
_TAKING = frozenset({"personal.export"})
ACTIONS = _READING | _CHANGING | _TAKING

ROLES: Mapping[str, frozenset[str]] = {
    "Support": frozenset(
        {
            "people.read",
            "people.note",
            "people.view_as",
            "sessions.end",
            "devices.read",
            "devices.revoke",
            "orgs.read",
            "contacts.read",
            "images.read",
            "requests.read",
            "requests.send",
        }
    ),
    "Operator": frozenset({"outbox.read", "outbox.change", "mails.read", "mails.change", "apps.read", "system.read"}),
    "Analyst": frozenset(),  # numbers, and nobody's data
    "Auditor": _READING,
    "Admin": ACTIONS,
}


class CurrentRole(NamedTuple):
    """What a role covers today; `version` is 0 as long as it is what the code says."""

    name: str
    actions: frozenset[str]
    version: int


def roles() -> list[CurrentRole]:
    """All roles, in the order of the code."""
    changed = {row.name: row for row in StaffRole.objects.filter(name__in=ROLES)}
    return [
        CurrentRole(name, _known(changed[name].actions), changed[name].version)
        if name in changed
        else CurrentRole(name, actions, 0)
        for name, actions in ROLES.items()
    ]


def duties_of(person: User) -> frozenset[str]:
    """The actions that a member of staff may take; one query, none for a superuser."""
    if person.is_superuser:
        return ACTIONS
    changed = StaffRole.objects.filter(name=OuterRef("name")).values("actions")
    held = Group.objects.filter(user=person).values_list("name", Subquery(changed))
    return frozenset().union(
        *(ROLES.get(name, frozenset()) if actions is None else _known(actions) for name, actions in held)
    )


def _known(actions: list[str]) -> frozenset[str]:
    # An action that an older version knew covers nothing.
    return ACTIONS & frozenset(actions)


def require(caller: Caller, action: str) -> None:
    """Lets pass who has a shell on the server, background work, and staff whose role covers the action.

    Raises Forbidden.
    """
    assert action in ACTIONS
    if caller.kind in (ActorKind.COMMAND, ActorKind.JOB):
        return
    if caller.kind is not ActorKind.STAFF or action not in caller.duties:
        raise Forbidden(f"This takes a role that covers {action}.")
