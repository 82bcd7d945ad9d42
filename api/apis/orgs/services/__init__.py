"""The verbs of organizations: `organizations`, `members` and `invitations` of groups, what staff do (`by_staff`), and
`ownership`, the rule that guards them.
"""

from api.apis.orgs.services.by_staff import as_owner, create_group_for
from api.apis.orgs.services.invitations import (
    AddressNotConfirmed,
    AlreadyMember,
    TooManyInvitations,
    accept_by_mail,
    accept_invitation,
    decline_invitation,
    forget_old_invitations,
    invitation_behind,
    invite,
    mail_invitation,
    resend_invitation,
    revoke_invitation,
)
from api.apis.orgs.services.members import change_role, leave, remove_member, transfer_ownership
from api.apis.orgs.services.organizations import (
    create_group,
    create_personal_organization,
    delete_organization,
    leave_some,
    rename_organization,
)
from api.apis.orgs.services.ownership import (
    LastOwner,
    PersonalOrganization,
    PersonNotConfirmed,
    TooManyOrganizations,
    answerable,
    lock_for,
    require_other_owners,
)

__all__ = [
    "AddressNotConfirmed",
    "AlreadyMember",
    "LastOwner",
    "PersonNotConfirmed",
    "PersonalOrganization",
    "TooManyInvitations",
    "TooManyOrganizations",
    "accept_by_mail",
    "accept_invitation",
    "answerable",
    "as_owner",
    "change_role",
    "create_group",
    "create_group_for",
    "create_personal_organization",
    "decline_invitation",
    "delete_organization",
    "forget_old_invitations",
    "invitation_behind",
    "invite",
    "leave",
    "leave_some",
    "lock_for",
    "mail_invitation",
    "remove_member",
    "rename_organization",
    "require_other_owners",
    "resend_invitation",
    "revoke_invitation",
    "transfer_ownership",
]
