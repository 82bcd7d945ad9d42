"""Making organizations, and erasing them."""

import uuid

from api.models import Membership, Organization, OrganizationKind, Role, User
from api.platform import audit, memberships
from api.platform.callers import Caller
from api.platform.ids import slug_for
from api.platform.transactions import transactional


@transactional
def create_personal_organization(caller: Caller, *, person: User) -> Organization:
    """A new person's own organization. A second one fails on its unique marker (IntegrityError)."""
    organization = Organization.objects.create(
        name=person.username,
        slug=slug_for(person.username),
        kind=OrganizationKind.PERSONAL,
        owner=person,
        personal_of=person,
    )
    memberships.changing([person.id])
    Membership.objects.create(user=person, organization=organization, role=Role.OWNER)
    audit.record(
        caller,
        "org.created",
        target_kind="organization",
        target_id=organization.id,
        organization_id=organization.id,
        on_behalf_of=person.id,
        changes={"kind": [None, organization.kind]},
    )
    return organization


@transactional
def erase_personal_organization(user_id: uuid.UUID) -> None:
    """Deletes a person's own organization with everything in it; the person goes next. Harmless when repeated."""
    memberships.changing([user_id])
    Organization.objects.filter(personal_of_id=user_id).delete()
