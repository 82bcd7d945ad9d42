"""Rows that no call of the API makes yet."""

from api.models import Membership, Organization, OrganizationKind, Role, User
from api.platform import memberships
from api.platform.ids import slug_for


def group(owner: User, members: dict[User, Role] | None = None, name: str = "Group") -> Organization:
    """A group organization."""
    organization = Organization.objects.create(name=name, slug=slug_for(name), kind=OrganizationKind.GROUP, owner=owner)
    for user, role in {owner: Role.OWNER, **(members or {})}.items():
        memberships.changing([user.id])
        Membership.objects.create(user=user, organization=organization, role=role)
    return organization
