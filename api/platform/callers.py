"""Who is calling, as services and selectors see it: resolved once at the edge, the same for API, CMS, jobs, commands."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from api.models import ActorKind, Channel
from api.platform.ids import spelled


class Member(NamedTuple):
    """The caller's place in one organization. `is_own` marks the one that is meant where none is named: the personal one
    of a person, the only one of an API key.
    """

    slug: str
    role: str
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """A principal and the circumstances of the call. Without `user_id` nobody is signed in.

    `key_id` and `scopes` are those of an API key; everybody else may do what their role allows. `memberships` maps
    organization ids to the caller's place there: the only road from a caller to tenant data.
    """

    kind: ActorKind
    channel: Channel
    user_id: uuid.UUID | None = None
    device_id: uuid.UUID | None = None
    session_id: uuid.UUID | None = None
    key_id: uuid.UUID | None = None
    scopes: frozenset[str] | None = None
    duties: frozenset[str] = frozenset()  # of staff: the actions that their roles cover
    is_guest: bool = False
    is_attested: bool = False  # Apple or Google has vouched for the device
    memberships: Mapping[uuid.UUID, Member] = field(default_factory=dict)
    address: str | None = None
    request_id: str = ""
    reason: str = ""
    # Which roles would have done, each time that one was asked for: (organization, roles).
    permissions: list[tuple[uuid.UUID, list[str]]] = field(default_factory=list, compare=False)

    @property
    def principal(self) -> str:
        """Whom limits and kept answers belong to: the person, else the API key, else the device; empty for none."""
        if self.user_id:
            return principal_of(self.user_id)
        if self.key_id:
            return f"k:{self.key_id}"
        return f"d:{self.device_id}" if self.device_id else ""

    @property
    def actor_id(self) -> str:
        return str(self.user_id or self.key_id or self.device_id or "")


def principal_of(user_id: uuid.UUID) -> str:
    """A person as a principal."""
    return f"u:{spelled(user_id)}"


def command(reason: str = "") -> Caller:
    """The caller of a management command: whoever has a shell on the server."""
    return Caller(kind=ActorKind.COMMAND, channel=Channel.CLI, reason=reason)


def job(*, device_id: uuid.UUID | None = None) -> Caller:
    """The caller of background work, on behalf of a device if there is one."""
    return Caller(kind=ActorKind.JOB, channel=Channel.JOB, device_id=device_id)
