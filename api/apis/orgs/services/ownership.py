"""What keeps a group from losing its last active owner, whoever goes and however.

Everything that could take an owner away (leaving, removal, demotion, transfer, deactivation, erasure) holds the lock of
the organization's row while it looks for another one, and whatever makes somebody an owner holds it too.
"""

import uuid
from collections.abc import Iterable
from http import HTTPStatus

from django.db.models import QuerySet

from api.apis.orgs.selectors import organization_id_of, permitted_roles
from api.exceptions import ApiError, Forbidden, NotThere
from api.models import ActorKind, Membership, Organization, OrganizationKind, Role, User
from api.platform import changes
from api.platform.callers import Caller


class LastOwner(ApiError):
    """A group would be left without an active owner: `organizations` says which."""

    status = HTTPStatus.CONFLICT
    code = "last_owner"
    title = "A group needs an owner"
    detail = "Make somebody else an owner first, or delete the group."

    def __init__(self, organizations: Iterable[Organization]) -> None:
        told = [{"id": str(each.id), "slug": each.slug, "name": each.name} for each in organizations]
        super().__init__(organizations=told)


class PersonalOrganization(ApiError):
    """The organization is a person's own: it has exactly that person, for as long as there is one."""

    status = HTTPStatus.CONFLICT
    code = "personal_organization"
    title = "This is a personal organization"
    detail = "It has one member, and stays with the account. Make a group to share."


_MEMBERSHIPS_MOST = 200  # of a person: every one of their requests carries all of them


class TooManyOrganizations(ApiError):
    """The person belongs to two hundred organizations."""

    status = HTTPStatus.CONFLICT
    code = "too_many_organizations"
    title = "You belong to too many organizations"
    detail = "Leave one that you do not need."
    remedy = "Leave one, and repeat it."


def require_room(user_id: uuid.UUID) -> None:
    """Before somebody comes to belong to one more organization. Part of the transaction that holds the person's lock.

    Raises TooManyOrganizations.
    """
    if Membership.objects.filter(user_id=user_id).count() >= _MEMBERSHIPS_MOST:
        raise TooManyOrganizations


def locked_organization(caller: Caller, name: str, action: str | None) -> tuple[Organization, str]:
    """The organization in which the caller may do `action` (None: what every member may), locked, and the caller's role.

    The role is looked at again under the lock: what the caller was let in with may be a moment old. Raises NotThere,
    Forbidden.
    """
    organization_id = organization_id_of(caller, name, action)
    organization = Organization.objects.select_for_update().filter(id=organization_id, deleted_at=None).first()
    role = _role_of(caller, organization_id)
    if organization is None or role is None:
        raise NotThere
    if action is not None and role not in permitted_roles(action):
        raise Forbidden
    return organization, role


def lock_for(caller: Caller, name: str, action: str) -> uuid.UUID:
    """Locks an organization for what belongs to it and is decided elsewhere; returns its id. Part of the caller's
    transaction. Raises NotThere, Forbidden.
    """
    return locked_organization(caller, name, action)[0].id


def locked_group(caller: Caller, name: str, action: str | None) -> tuple[Organization, str]:
    """As `locked_organization`. Raises PersonalOrganization too."""
    organization, role = locked_organization(caller, name, action)
    if organization.kind == OrganizationKind.PERSONAL:
        raise PersonalOrganization
    return organization, role


def _role_of(caller: Caller, organization_id: uuid.UUID) -> str | None:
    if caller.kind is ActorKind.STAFF:  # who is no member, but was let in as one (`by_staff.as_owner`)
        place = caller.memberships.get(organization_id)
        return place.role if place is not None else None
    if caller.user_id is None:
        return None
    mine = Membership.objects.filter(organization_id=organization_id, user_id=caller.user_id)
    return mine.values_list("role", flat=True).first()


def answerable(caller: Caller, organization: Organization) -> uuid.UUID | None:
    """In whose name something is done that lasts only as long as they may do it: the caller's, and for staff, who do not
    belong to the organization, that of its owner.
    """
    return organization.owner_id if caller.kind is ActorKind.STAFF else caller.user_id


def require_another_owner(organization: Organization, *, but: uuid.UUID) -> None:
    """Part of the transaction that holds the organization's lock. Raises LastOwner."""
    if not _other_owners(organization.id, but).exists():
        raise LastOwner([organization])


def let_owner_go(organization: Organization, *, user_id: uuid.UUID) -> None:
    """Before an owner stops being one: another one stays, and stands for the group if it was them who did. Part of the
    transaction that holds the organization's lock. Raises LastOwner.
    """
    require_another_owner(organization, but=user_id)
    if organization.owner_id == user_id:
        organization.owner_id = _other_owners(organization.id, user_id).values_list("user_id", flat=True)[0]
        store(organization, "owner")


def store(organization: Organization, *columns: str) -> None:
    """Saves what has changed of an organization that is locked, and counts the change."""
    organization.version += 1
    organization.change_seq = changes.move(organization.id, after=organization.change_seq)
    organization.own_change_seq = organization.change_seq
    organization.save(update_fields=[*columns, "version", "own_change_seq", "updated_at"])


def require_other_owners(user_id: uuid.UUID) -> None:
    """Before a person is shut out or erased: each group of theirs has another active owner.

    Part of the caller's transaction, which has locked neither the person nor anything of theirs yet; the groups stay
    locked until its end. Call it again once the person is locked: whoever makes somebody an owner locks them, so there
    is none to come then. Raises LastOwner.
    """
    owned = Membership.objects.filter(user_id=user_id, role=Role.OWNER)
    groups = Organization.objects.filter(
        kind=OrganizationKind.GROUP, deleted_at=None, id__in=list(owned.values_list("organization_id", flat=True))
    )
    locked = groups.select_for_update().order_by("id")
    left_alone = [group for group in locked if not _other_owners(group.id, user_id).exists()]
    # What was read before the locks were there may have changed.
    still_owned = set(owned.values_list("organization_id", flat=True))
    left_alone = [group for group in left_alone if group.id in still_owned]
    if left_alone:
        raise LastOwner(left_alone)


def _other_owners(organization_id: uuid.UUID, user_id: uuid.UUID) -> "QuerySet[Membership]":
    """Active owners besides somebody, who has been there longest first."""
    owners = Membership.objects.filter(
        organization_id=organization_id, role=Role.OWNER, user__is_active=True, user__deleted_at=None
    )
    return owners.exclude(user_id=user_id).order_by("created_at", "id")


class PersonNotConfirmed(ApiError):
    """Only a person who is active, and whose address is confirmed, can answer for a group."""

    status = HTTPStatus.CONFLICT
    code = "person_not_confirmed"
    title = "This person cannot be an owner yet"
    detail = "They have to confirm their e-mail address first."


def require_eligible_owner(user_id: uuid.UUID) -> None:
    """Locks somebody who is to become an owner. Part of the caller's transaction. Raises PersonNotConfirmed."""
    person = User.objects.select_for_update().get(id=user_id)
    if not (person.is_active and person.is_email_confirmed) or person.deleted_at is not None:
        raise PersonNotConfirmed
