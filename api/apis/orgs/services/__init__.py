"""The verbs of organizations: `organizations`, `members` of groups, and `ownership`, the rule that guards them."""

from api.apis.orgs.services.members import change_role, leave, remove_member, transfer_ownership
from api.apis.orgs.services.organizations import (
    create_group,
    create_personal_organization,
    delete_organization,
    erase_organization,
    erase_personal_organization,
    rename_organization,
)
from api.apis.orgs.services.ownership import (
    LastOwner,
    PersonalOrganization,
    PersonNotConfirmed,
    require_other_owners,
)

__all__ = [
    "LastOwner",
    "PersonNotConfirmed",
    "PersonalOrganization",
    "change_role",
    "create_group",
    "create_personal_organization",
    "delete_organization",
    "erase_organization",
    "erase_personal_organization",
    "leave",
    "remove_member",
    "rename_organization",
    "require_other_owners",
    "transfer_ownership",
]
