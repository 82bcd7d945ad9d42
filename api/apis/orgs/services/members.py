"""Who belongs to a group: roles, leaving, removal, and handing a group over."""

import uuid
from typing import Any

from api.apis.orgs.selectors.members import named
from api.apis.orgs.services.ownership import let_owner_go, locked_group, require_eligible_owner, store
from api.exceptions import Forbidden, NotThere
from api.models import Membership, Organization, Role
from api.platform import audit, memberships
from api.platform.callers import Caller
from api.platform.transactions import transactional


@transactional
def change_role(caller: Caller, *, organization: str, username: str, role: str) -> dict[str, Any]:
    """Gives a member another role, and returns the member; harmless when they have it. Only owners touch owners, or make
    some.

    Raises NotThere, Forbidden, PersonalOrganization, LastOwner, PersonNotConfirmed.
    """
    group, own_role = locked_group(caller, organization, "members.manage")
    member = _member(group, username)
    if Role.OWNER in {member.role, role} and own_role != Role.OWNER:
        raise Forbidden
    if member.role != role:
        if role == Role.OWNER:
            require_eligible_owner(member.user_id)
        elif member.role == Role.OWNER:
            let_owner_go(group, user_id=member.user_id)
        _set_role(caller, member, role)
    return {"username": member.user.username, "role": role, "joined_at": member.created_at}


@transactional
def remove_member(caller: Caller, *, organization: str, username: str) -> None:
    """Takes somebody out of a group. Only owners remove owners. Raises NotThere, Forbidden, PersonalOrganization,
    LastOwner.
    """
    group, own_role = locked_group(caller, organization, "members.manage")
    member = _member(group, username)
    if member.role == Role.OWNER and own_role != Role.OWNER:
        raise Forbidden
    _end(caller, group, member, "org.member_removed")


@transactional
def leave(caller: Caller, *, organization: str) -> None:
    """Takes the caller out of a group. Raises NotThere, PersonalOrganization, LastOwner."""
    group, _ = locked_group(caller, organization, None)
    assert caller.user_id is not None
    member = Membership.objects.get(organization=group, user_id=caller.user_id)
    _end(caller, group, member, "org.member_left")


@transactional
def transfer_ownership(caller: Caller, *, organization: str, username: str) -> uuid.UUID:
    """Makes a member the owner of a group, whose id is returned; the one it had becomes an admin. Harmless when it is theirs already.

    Raises NotThere, Forbidden, PersonalOrganization, PersonNotConfirmed.
    """
    group, _ = locked_group(caller, organization, "org.transfer")
    heir = _member(group, username)
    if heir.user_id == group.owner_id:
        return group.id
    require_eligible_owner(heir.user_id)
    before = Membership.objects.get(organization=group, user_id=group.owner_id)
    if heir.role != Role.OWNER:
        _set_role(caller, heir, Role.OWNER)
    group.owner_id = heir.user_id
    store(group, "owner")
    _set_role(caller, before, Role.ADMIN)
    audit.record(
        caller,
        "org.ownership_transferred",
        target_kind="organization",
        target_id=group.id,
        organization_id=group.id,
        changes={"owner": [str(before.user_id), str(heir.user_id)]},
    )
    return group.id


def _member(group: Organization, username: str) -> Membership:
    """Somebody's membership; it does not change while the group is locked. Raises NotThere."""
    member = Membership.objects.select_related("user").filter(organization=group, **named(username)).first()
    if member is None:
        raise NotThere
    return member


def _set_role(caller: Caller, member: Membership, role: str) -> None:
    memberships.changing([member.user_id])
    changes = {"role": [member.role, role]}
    member.role = role
    member.save(update_fields=["role", "updated_at"])
    _record(caller, member, "org.member_role_changed", changes)


def _end(caller: Caller, group: Organization, member: Membership, action: str) -> None:
    if member.role == Role.OWNER:
        let_owner_go(group, user_id=member.user_id)
    memberships.changing([member.user_id])
    _record(caller, member, action, {"role": [member.role, None]})
    member.delete()


def _record(caller: Caller, member: Membership, action: str, changes: dict[str, Any]) -> None:
    audit.record(
        caller,
        action,
        target_kind="user",
        target_id=member.user_id,
        organization_id=member.organization_id,
        changes=changes,
    )
