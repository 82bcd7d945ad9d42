"""Tags of an organization, and what they are put on."""

from django.db import models

from api.models.base import IdentityField, ObjectLink, TimeStamped, uuid7
from api.models.orgs import Organization


class Tag(TimeStamped):
    """A word that an organization puts on its objects. `version` and `change_seq` as of a contact."""

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="tags", db_index=False)
    name = models.CharField(max_length=50)
    name_identity = IdentityField(editable=False)  # by which two spellings are one tag
    slug = IdentityField()
    color = models.CharField(max_length=7, blank=True)  # #rrggbb
    version = models.PositiveIntegerField(default=1)
    change_seq = models.PositiveBigIntegerField()

    class Meta:
        db_table = "tag"
        constraints = (
            models.UniqueConstraint(fields=["organization", "name_identity"], name="tag_name_once"),
            models.UniqueConstraint(fields=["organization", "slug"], name="tag_slug_once"),
        )
        indexes = (models.Index(fields=["organization", "change_seq"], name="tag_by_change"),)

    def __str__(self) -> str:
        return self.name


class TagLink(ObjectLink):
    """A tag on an object."""

    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="links", db_index=False)

    class Meta:
        db_table = "tag_link"
        constraints = (models.UniqueConstraint(fields=["kind", "object_id", "tag"], name="tag_link_once"),)
        indexes = (
            models.Index(fields=["tag", "kind", "object_id"], name="tag_link_objects"),
            models.Index(fields=["organization", "change_seq"], name="tag_link_by_change"),
        )
