"""What staff may do: roles, which are Django groups of these names, and the actions that each covers. What no role
covers is left to superusers; a member of staff without a role sees the dashboard.
"""

from collections.abc import Mapping

from api.exceptions import Forbidden
from api.models import ActorKind, User
from api.platform.callers import Caller

_READING = frozenset(
    {
        "people.read",
        "devices.read",
        "orgs.read",
        "contacts.read",
        "requests.read",
        "outbox.read",
        "mails.read",
        "apps.read",
        "audit.read",
    }
)
_CHANGING = frozenset(
    {
        "people.note",
        "people.deactivate",
        "sessions.end",
        "devices.revoke",
        "requests.send",
        "outbox.change",
        "mails.change",
        "apps.change",
    }
)
ACTIONS = _READING | _CHANGING

ROLES: Mapping[str, frozenset[str]] = {
    "Support": frozenset(
        {
            "people.read",
            "people.note",
            "sessions.end",
            "devices.read",
            "devices.revoke",
            "orgs.read",
            "contacts.read",
            "requests.read",
            "requests.send",
        }
    ),
    "Operator": frozenset({"outbox.read", "outbox.change", "mails.read", "mails.change", "apps.read"}),
    "Analyst": frozenset(),  # numbers, and nobody's data
    "Auditor": _READING,
    "Admin": ACTIONS,
}


def duties_of(person: User) -> frozenset[str]:
    """The actions that a member of staff may take; one query, none for a superuser."""
    if person.is_superuser:
        return ACTIONS
    names = person.groups.values_list("name", flat=True)
    return frozenset().union(*(ROLES.get(name, frozenset()) for name in names))


def require(caller: Caller, action: str) -> None:
    """Lets pass who has a shell on the server, background work, and staff whose role covers the action.

    Raises Forbidden.
    """
    assert action in ACTIONS
    if caller.kind in (ActorKind.COMMAND, ActorKind.JOB):
        return
    if caller.kind is not ActorKind.STAFF or action not in caller.duties:
        raise Forbidden(f"This takes a role that covers {action}.")
