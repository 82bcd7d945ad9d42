"""What is read of organizations: `permissions` (who may do what); `organizations`, `members` and `invitations` for
people; `staff`.
"""

from api.apis.orgs.selectors.invitations import (
    INVITATION_SORTS,
    confirmed_address,
    invitation_key,
    invitations_of,
    invitations_to,
    stored_invitation,
    vouched_for,
)
from api.apis.orgs.selectors.members import MEMBER_SORTS, member_of, members_of
from api.apis.orgs.selectors.organizations import SORTS, organization_of, organizations_of, stored_organization
from api.apis.orgs.selectors.permissions import (
    PERMISSIONS,
    SCOPES,
    actions_of,
    organization_id_of,
    organizations_permitting,
    permissions_with,
    permitted_roles,
    personal_organization_id,
    personal_organization_of,
    require_permission,
)
from api.apis.orgs.selectors.staff import (
    KINDS,
    ROLES,
    invitation_by_id_for_staff,
    invitations_for_staff,
    member_for_staff,
    members_for_staff,
    memberships_for_staff,
    organization_for_staff,
    organizations_for_staff,
)

__all__ = [
    "INVITATION_SORTS",
    "KINDS",
    "MEMBER_SORTS",
    "PERMISSIONS",
    "ROLES",
    "SCOPES",
    "SORTS",
    "actions_of",
    "confirmed_address",
    "invitation_by_id_for_staff",
    "invitation_key",
    "invitations_for_staff",
    "invitations_of",
    "invitations_to",
    "member_for_staff",
    "member_of",
    "members_for_staff",
    "members_of",
    "memberships_for_staff",
    "organization_for_staff",
    "organization_id_of",
    "organization_of",
    "organizations_for_staff",
    "organizations_of",
    "organizations_permitting",
    "permissions_with",
    "permitted_roles",
    "personal_organization_id",
    "personal_organization_of",
    "require_permission",
    "stored_invitation",
    "stored_organization",
    "vouched_for",
]
