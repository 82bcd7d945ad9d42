"""What staff do in organizations: what an owner could, under the same rules and locks."""

import dataclasses
import uuid

from api.apis.orgs.services.organizations import create
from api.apis.orgs.services.ownership import PersonNotConfirmed, require_room
from api.exceptions import NotThere
from api.models import Organization, OrganizationKind, Role, User
from api.models.base import identity_of
from api.platform import staff
from api.platform.callers import Caller, Member
from api.platform.transactions import transactional


def as_owner(caller: Caller, organization_id: uuid.UUID) -> Caller:
    """Staff with what an owner of an organization may do there. Raises Forbidden, NotThere."""
    staff.require(caller, "orgs.change")
    slug = Organization.objects.filter(id=organization_id, deleted_at=None).values_list("slug", flat=True).first()
    if slug is None:
        raise NotThere
    return dataclasses.replace(caller, memberships={organization_id: Member(slug, Role.OWNER)})


@transactional
def create_group_for(caller: Caller, *, name: str, owner_email: str) -> uuid.UUID:
    """A new group of somebody who can answer for it. Raises Forbidden, PersonNotConfirmed, TooManyOrganizations."""
    staff.require(caller, "orgs.change")
    able = User.objects.filter(is_active=True, is_email_confirmed=True, is_guest=False, deleted_at=None)
    owner = able.select_for_update().filter(email_identity=identity_of(owner_email)).first()
    if owner is None:
        raise PersonNotConfirmed
    require_room(owner.id)
    return create(caller, name=name, owner_id=owner.id, kind=OrganizationKind.GROUP).id
