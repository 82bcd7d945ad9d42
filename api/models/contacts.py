"""Contacts, and the words under which they are found."""

from django.conf import settings
from django.db import models

from api.models.base import DigestField, IdentityField, TimeStamped, uuid7
from api.models.orgs import Organization


class Contact(TimeStamped):
    """Somebody an organization knows. A deleted contact stays as a tombstone (`deleted_at`) so that devices hear of it.

    `version` counts the changes of this contact; `change_seq` is the organization's count at the last one.
    The `*_key` columns are case-folded, accent-free copies that sort alike on every database.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Its indexes all begin with the organization; one of its own would be written for nothing.
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="contacts", db_index=False)
    slug = IdentityField(unique=True)
    creator = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="created_contacts"
    )
    # SHA-256 of the creation's input where the client chose the id: tells a repeat from another contact's creation.
    creation_digest = DigestField(null=True, blank=True)

    display_name = models.CharField(max_length=200)
    first_name = models.CharField(max_length=100, blank=True)
    last_name = models.CharField(max_length=100, blank=True)
    company = models.CharField(max_length=200, blank=True)
    title = models.CharField(max_length=200, blank=True)
    emails = models.JSONField(default=list)  # [{"label", "value", "is_primary"}], one primary at most
    phone_numbers = models.JSONField(default=list)  # the same, values in E.164
    addresses = models.JSONField(default=list)
    birth_date = models.DateField(null=True, blank=True)
    location = models.CharField(max_length=200, blank=True)
    website = models.CharField(max_length=500, blank=True)
    notes = models.TextField(blank=True)
    custom_fields = models.JSONField(default=dict)
    avatar = models.CharField(max_length=255, blank=True)

    display_name_key = IdentityField(editable=False)
    first_name_key = IdentityField(editable=False)
    last_name_key = IdentityField(editable=False)
    email_key = IdentityField(editable=False)

    version = models.PositiveIntegerField(default=1)
    change_seq = models.PositiveBigIntegerField()
    deleted_at = models.DateTimeField(null=True, blank=True)
    # Of a tombstone that another contact has taken in: that one, which is never a tombstone of this kind itself.
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="merged", db_index=False
    )

    class Meta:
        db_table = "contact"
        constraints = (
            models.UniqueConstraint(fields=["organization", "change_seq"], name="contact_change_once"),
            models.CheckConstraint(condition=~models.Q(display_name=""), name="contact_has_a_name"),
        )
        indexes = (
            models.Index(fields=["organization", "display_name_key", "id"], name="contact_by_display_name"),
            models.Index(fields=["organization", "first_name_key", "id"], name="contact_by_first_name"),
            models.Index(fields=["organization", "last_name_key", "id"], name="contact_by_last_name"),
            models.Index(fields=["organization", "email_key", "id"], name="contact_by_email"),
            models.Index(fields=["organization", "created_at", "id"], name="contact_by_creation"),
            models.Index(fields=["organization", "updated_at", "id"], name="contact_by_update"),
            models.Index(fields=["merged_into", "deleted_at"], name="contact_tombstones"),
        )

    def __str__(self) -> str:
        return self.display_name


class ContactTerm(models.Model):
    """A word of a contact: what search looks up, by prefix, within one organization."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+", db_index=False)
    term = IdentityField()
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="terms", db_index=False)
    weight = models.PositiveSmallIntegerField()  # the rank of the best place where the word stands

    class Meta:
        db_table = "contact_term"
        constraints = (models.UniqueConstraint(fields=["contact", "term"], name="contact_term_once"),)
        # Holds all that a search reads.
        indexes = (models.Index(fields=["organization", "term", "contact", "weight"], name="contact_term_search"),)

    def __str__(self) -> str:
        return self.term


class ContactIdentity(models.Model):
    """Something by which a contact may be the same as another: an address, a number, its name.

    Of the contacts of an organization that have a value one is the first, and all others repeat it: so duplicates are
    read along an index, and nobody looks for them.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+", db_index=False)
    value = IdentityField()
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="identities", db_index=False)
    # Compared with a `Value`: SQLite looks a bare boolean up in no index.
    is_repeat = models.BooleanField()

    class Meta:
        db_table = "contact_identity"
        constraints = (models.UniqueConstraint(fields=["contact", "value"], name="contact_identity_once"),)
        indexes = (
            models.Index(fields=["organization", "is_repeat", "value", "contact"], name="contact_identity_repeats"),
            models.Index(fields=["value", "contact"], name="contact_identity_value"),  # whoever's it is, for staff
        )

    def __str__(self) -> str:
        return self.value
