"""Making, naming and erasing organizations."""

import unicodedata
import uuid
from collections.abc import Collection
from typing import Any

from django.utils import timezone

from api.apis.orgs.services.ownership import let_owner_go, locked_group, locked_organization, require_room, store
from api.exceptions import AccountRequired, InvalidInput, SignInRequired
from api.models import Membership, Organization, OrganizationKind, Role, User
from api.platform import audit, jobs, memberships
from api.platform.callers import Caller
from api.platform.ids import slug_for
from api.platform.transactions import transactional
from api.platform.versions import require_version


@transactional
def create_personal_organization(caller: Caller, *, person: User) -> Organization:
    """A new person's own organization. A second one fails on its unique marker (IntegrityError)."""
    return create(caller, name=person.username, owner_id=person.id, kind=OrganizationKind.PERSONAL)


@transactional
def create_group(caller: Caller, *, name: str) -> uuid.UUID:
    """The id of a new group whose owner is the caller. Raises SignInRequired, AccountRequired, TooManyOrganizations.

    Guests have none: a guest is gone with the phone, and a group has to keep its owner.
    """
    if caller.user_id is None:
        raise SignInRequired
    if caller.is_guest:
        raise AccountRequired
    User.objects.select_for_update().get(id=caller.user_id)  # several at once are counted one after the other
    require_room(caller.user_id)
    return create(caller, name=name, owner_id=caller.user_id, kind=OrganizationKind.GROUP).id


def create(caller: Caller, *, name: str, owner_id: uuid.UUID, kind: OrganizationKind) -> Organization:
    """An organization with its owner. Part of the caller's transaction."""
    organization = Organization.objects.create(
        name=name,
        slug=_free_slug(name),
        kind=kind,
        owner_id=owner_id,
        personal_of_id=owner_id if kind == OrganizationKind.PERSONAL else None,
    )
    memberships.changing([owner_id], joining=organization.id)
    Membership.objects.create(user_id=owner_id, organization=organization, role=Role.OWNER)
    audit.record(
        caller,
        "org.created",
        target_kind="organization",
        target_id=organization.id,
        organization_id=organization.id,
        on_behalf_of=owner_id,
        changes={"kind": [None, kind]},
    )
    return organization


def _free_slug(name: str) -> str:
    """Two of one name may well draw the same suffix, where there are many of that name."""
    slug = slug_for(name)
    while Organization.objects.filter(slug=slug).exists():
        slug = slug_for(name)
    return slug


@transactional
def rename_organization(
    caller: Caller, *, organization: str, name: str, expected: Collection[int] | None = None
) -> uuid.UUID:
    """Names an organization otherwise and returns its id; its slug stays. Raises NotThere, Forbidden, VersionConflict."""
    renamed, _ = locked_organization(caller, organization, "org.update")
    require_version(renamed.version, expected)
    if renamed.name != name:
        told = {"name": [renamed.name, name]}
        renamed.name = name
        store(renamed, "name")
        _record(caller, renamed, "org.renamed", told)
    return renamed.id


@transactional
def delete_organization(
    caller: Caller, *, organization: str, name: str, expected: Collection[int] | None = None
) -> dict[str, Any]:
    """Ends a group, whose name was typed to make sure: at once it is nobody's any more, and what it holds is erased
    by the job that is returned. Raises NotThere, Forbidden, PersonalOrganization, VersionConflict, InvalidInput.
    """
    group, _ = locked_group(caller, organization, "org.delete")
    require_version(group.version, expected)
    if unicodedata.normalize("NFC", name) != group.name:
        raise InvalidInput.of("name", "mismatch", "This is not the organization's name.")
    members = Membership.objects.filter(organization=group)
    memberships.changing(list(members.values_list("user_id", flat=True)))
    members.delete()
    group.deleted_at = timezone.now()
    group.save(update_fields=["deleted_at", "updated_at"])
    _record(caller, group, "org.deleted", {"name": [group.name, None]})
    arguments = {"organization_id": str(group.id)}
    return jobs.told(jobs.begin_erasure(group.id, "erasure.organization", arguments, owner_id=caller.user_id))


@transactional
def leave_some(caller: Caller, *, user_id: uuid.UUID) -> int:
    """Takes a person who is being erased out of one group; returns how many rows went. Repeated until it is none."""
    of_groups = Membership.objects.filter(user_id=user_id, organization__kind=OrganizationKind.GROUP)
    member = of_groups.order_by("id").first()
    if member is None:
        return 0
    group = Organization.objects.select_for_update().get(id=member.organization_id)
    memberships.changing([user_id])
    if group.owner_id == user_id and group.deleted_at is None:
        let_owner_go(group, user_id=user_id)
    audit.record(
        caller, "org.member_left", target_kind="user", target_id=user_id, organization_id=group.id, on_behalf_of=user_id
    )
    return member.delete()[0]


def _record(caller: Caller, organization: Organization, action: str, told: dict[str, Any]) -> None:
    audit.record(
        caller,
        action,
        target_kind="organization",
        target_id=organization.id,
        organization_id=organization.id,
        changes=told,
    )
