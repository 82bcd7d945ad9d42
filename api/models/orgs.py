"""Organizations own all domain data; a membership says what a person may do in one."""

from django.conf import settings
from django.db import models

from api.models.base import DigestField, IdentityField, TimeStamped, one_of, uuid7


class OrganizationKind(models.TextChoices):
    PERSONAL = "personal"
    GROUP = "group"


class Role(models.TextChoices):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    BILLING = "billing"


class Organization(TimeStamped):
    """A tenant. `personal_of` marks a person's own organization and is unique, so nobody ever gets two.

    `change_seq` counts the changes of everything in the organization that devices keep copies of. It moves under this
    row's lock, in the transaction of the change, and the changed row carries the new value.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100)
    slug = IdentityField(unique=True)
    kind = models.CharField(max_length=10, choices=OrganizationKind)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="owned_organizations")
    personal_of = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="personal_organization",
    )
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="organizations")
    change_seq = models.PositiveBigIntegerField(default=0)
    own_change_seq = models.PositiveBigIntegerField(default=0)  # the count at the last change of this row itself
    version = models.PositiveIntegerField(default=1)
    deleted_at = models.DateTimeField(null=True, blank=True)  # nobody's any more; erased soon

    class Meta:
        db_table = "organization"
        constraints = (
            one_of("kind", OrganizationKind, name="organization_kind"),
            models.CheckConstraint(
                condition=models.Q(kind="personal", personal_of__isnull=False)
                | models.Q(kind="group", personal_of__isnull=True),
                name="organization_personal_has_its_person",
            ),
        )
        indexes = (
            models.Index(fields=["created_at", "id"], name="organization_by_age"),
            models.Index(fields=["kind", "created_at", "id"], name="organization_of_kind"),
            models.Index(fields=["kind", "slug"], name="organization_of_kind_by_slug"),
        )

    def __str__(self) -> str:
        return self.name


class Membership(TimeStamped):
    """A person's role in an organization."""

    user = models.ForeignKey(  # indexed by membership_once
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships", db_index=False
    )
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)

    class Meta:
        db_table = "membership"
        constraints = (
            models.UniqueConstraint(fields=["user", "organization"], name="membership_once"),
            one_of("role", Role, name="membership_role"),
        )


class InvitationState(models.TextChoices):
    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    REVOKED = "revoked"


class Invitation(TimeStamped):
    """An address that is asked into a group. Its token is stored nowhere: it is derived from the row's id and salt with a
    key of the server, as those of `MailedProof`. At most one for a group and an address is pending: `live_digest`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="invitations", db_index=False)
    email = models.EmailField(max_length=254)
    email_identity = IdentityField()
    role = models.CharField(max_length=10, choices=Role)
    state = models.CharField(max_length=10, choices=InvitationState, default=InvitationState.PENDING)
    salt = models.BinaryField(max_length=16)
    live_digest = DigestField(unique=True, null=True)  # null once it is not pending any more
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "invitation"
        constraints = (
            one_of("role", Role, name="invitation_role"),
            one_of("state", InvitationState, name="invitation_state"),
            models.CheckConstraint(
                condition=models.Q(state="pending", live_digest__isnull=False)
                | (~models.Q(state="pending") & models.Q(live_digest__isnull=True)),
                name="invitation_pending_is_live",
            ),
        )
        indexes = (
            models.Index(fields=["organization", "state", "created_at", "id"], name="invitation_of_organization"),
            models.Index(fields=["email_identity", "state"], name="invitation_of_address"),
            models.Index(fields=["expires_at"], name="invitation_expiry"),
        )

    def __str__(self) -> str:
        return self.email
