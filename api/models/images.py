"""Images of an organization, and what they are put on."""

from django.conf import settings
from django.db import models

from api.models.base import DigestField, ObjectLink, TimeStamped, uuid7
from api.models.orgs import Organization


class Image(TimeStamped):
    """A picture that was taken in: its normalised original and its variants lie under `name` (`api.platform.renditions`).

    `version` and `change_seq` as of a contact.
    """

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="images", db_index=False)
    creator = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # SHA-256 of what was sent where the client chose the uid: tells a repeat from another image's creation.
    creation_digest = DigestField(null=True, blank=True)
    name = models.CharField(max_length=100, unique=True)  # what the names of its objects begin with

    title = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    alt_text = models.CharField(max_length=500, blank=True)

    # Of the original that is kept, upright.
    media_type = models.CharField(max_length=20)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size_bytes = models.PositiveIntegerField()
    sha256 = DigestField()
    dominant_color = models.CharField(max_length=7)  # #rrggbb
    thumbhash = models.BinaryField(max_length=32)

    version = models.PositiveIntegerField(default=1)
    change_seq = models.PositiveBigIntegerField()

    class Meta:
        db_table = "image"
        constraints = (
            models.CheckConstraint(condition=models.Q(width__gte=1, height__gte=1), name="image_has_pixels"),
        )
        indexes = (
            models.Index(fields=["organization", "created_at", "id"], name="image_by_creation"),
            models.Index(fields=["organization", "updated_at", "id"], name="image_by_update"),
            models.Index(fields=["organization", "change_seq"], name="image_by_change"),
        )

    def __str__(self) -> str:
        return self.title or str(self.uid)


class UploadState(models.TextChoices):
    """What an upload's row and its job say together."""

    WAITING = "waiting"  # for what was announced
    PROCESSING = "processing"
    DONE = "done"
    REFUSED = "refused"


class ImageUpload(TimeStamped):
    """A picture that a client sends straight to the store. Its id is the `uid` of the image that becomes of it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    creator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=100, unique=True)  # of the object; another one than the image's
    parts_id = models.CharField(max_length=1024, blank=True)  # what the store calls its parts together

    # What was announced; the image's own facts are found out.
    media_type = models.CharField(max_length=20)
    size_bytes = models.PositiveIntegerField()
    sha256 = DigestField()
    title = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    alt_text = models.CharField(max_length=500, blank=True)

    # Once it was completed; and then for as long as jobs are kept.
    job = models.OneToOneField("api.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "image_upload"
        indexes = (models.Index(fields=["creator", "completed_at"], name="image_upload_waiting"),)

    def __str__(self) -> str:
        return str(self.id)


class ImageShare(TimeStamped):
    """A link by which anybody sees an image until it expires, or its row is deleted."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="shares")
    creator = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    token_digest = DigestField(unique=True)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "image_share"
        indexes = (models.Index(fields=["expires_at"], name="image_share_expiry"),)

    def __str__(self) -> str:
        return str(self.id)


class ImageLink(ObjectLink):
    """An image on an object, at its place in the object's order, which begins at 0 and has no gaps; with words of its own,
    which stand in front of the image's.
    """

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="links", db_index=False)
    position = models.PositiveIntegerField()
    is_cover = models.BooleanField(null=True, blank=True)  # true on one link of an object at most, and never false
    title = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    alt_text = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "image_link"
        constraints = (
            models.UniqueConstraint(fields=["kind", "object_id", "image"], name="image_link_once"),
            models.UniqueConstraint(fields=["kind", "object_id", "position"], name="image_link_order"),
            models.UniqueConstraint(fields=["kind", "object_id", "is_cover"], name="image_link_one_cover"),
            models.CheckConstraint(
                condition=models.Q(is_cover=True) | models.Q(is_cover=None), name="image_link_cover_or_null"
            ),
        )
        indexes = (
            models.Index(fields=["image", "kind", "object_id"], name="image_link_objects"),
            models.Index(fields=["organization", "change_seq"], name="image_link_by_change"),
        )
