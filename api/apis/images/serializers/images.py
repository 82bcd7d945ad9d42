"""Images on the wire."""

import base64
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from api import fields
from api.apis.images import services
from api.platform import images
from api.requests import ApiRequest

BULK_FILES_MAX = 20
ID_MAX = 2**63 - 1
_BULK_IDS_MAX = 100
_NAME = "http://localhost:8000/files/images/k3v9q2m7x4w8r5t1n6p0b7z2"
_PROOF = "?expires=1795254300&signature=…"


def _title(**kwargs: Any) -> fields.ClearableTextField:
    return fields.ClearableTextField(max_length=200, **kwargs)


class ImageTextSerializer(fields.StrictSerializer):
    """What people say of an image."""

    title = _title()
    description = fields.ClearableTextField(max_length=2000, is_multiline=True)
    alt_text = fields.ClearableTextField(max_length=500, help_text="What is to be seen, for who does not see it.")


TEXTS = tuple(ImageTextSerializer().fields)


class ImageUploadSerializer(ImageTextSerializer):
    """A picture: JPEG, PNG, WebP, GIF (the first frame), AVIF, HEIC where the server can. With a `uid` of its own a client may
    repeat the creation.
    """

    file = fields.UploadField(limit="IMAGE_MAX_BYTES")
    uid = fields.UUIDField(required=False)

    def values(self) -> dict[str, str]:
        return {name: self.validated_data[name] for name in TEXTS if name in self.validated_data}


class AttachedImageUpdateSerializer(ImageTextSerializer):
    """What is said of an image on one object: null clears, absence leaves alone."""

    example = {"title": "Our team in May"}


class ImageUpdateSerializer(ImageTextSerializer):
    """What changes: null clears, absence leaves alone."""

    example = {"title": "Grace at her desk", "alt_text": "A woman at a desk, with a clock"}


class VariantSerializer(serializers.Serializer[dict[str, Any]]):
    """An image as WebP, no larger than it is."""

    url = serializers.URLField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()


class VariantsSerializer(serializers.Serializer[dict[str, Any]]):
    """By the pixels of the longer side: 1600, 800, 400, 160."""

    large = VariantSerializer()
    medium = VariantSerializer()
    small = VariantSerializer()
    thumb = VariantSerializer()


class ImageSerializer(serializers.Serializer[dict[str, Any]]):
    """An image. Its addresses are good for a quarter of an hour at most, and the same for half of that."""

    example = {
        "id": 17,
        "uid": "019aa6b7-52d0-7e64-b1c8-0d9f3a7e2c45",
        "organization": "ada-q7m2ks",
        "title": "Grace at her desk",
        "description": "",
        "alt_text": "",
        "media_type": "image/jpeg",
        "width": 4032,
        "height": 3024,
        "bytes": 2318011,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "dominant_color": "#8a6f52",
        "thumbhash": "1QcSHQRnh493V4dIh4eXh1h4kJUI",
        "url": f"{_NAME}/original.jpg{_PROOF}",
        "variants": {
            "large": {"url": f"{_NAME}/large.webp{_PROOF}", "width": 1600, "height": 1200},
            "medium": {"url": f"{_NAME}/medium.webp{_PROOF}", "width": 800, "height": 600},
            "small": {"url": f"{_NAME}/small.webp{_PROOF}", "width": 400, "height": 300},
            "thumb": {"url": f"{_NAME}/thumb.webp{_PROOF}", "width": 160, "height": 120},
        },
        "creator": "ada",
        "version": 1,
        "created_at": "2026-11-21T09:32:00.000000Z",
        "updated_at": "2026-11-21T09:32:00.000000Z",
    }

    id = serializers.IntegerField()
    uid = serializers.UUIDField()
    organization = serializers.CharField(help_text="Slug.")
    title = serializers.CharField()
    description = serializers.CharField()
    alt_text = serializers.CharField()
    media_type = serializers.CharField(help_text="Of the original that is kept: `image/jpeg` or `image/webp`.")
    width = serializers.IntegerField(help_text="Upright.")
    height = serializers.IntegerField(help_text="Upright.")
    bytes = serializers.IntegerField(help_text="Of the original that is kept.")
    sha256 = serializers.CharField(help_text="Of the original that is kept, hexadecimal.")
    dominant_color = serializers.CharField()
    thumbhash = serializers.CharField(help_text="Base64; shown until the picture has come.")
    url = serializers.URLField(help_text="The original, without what it said besides.")
    variants = VariantsSerializer()
    creator = serializers.CharField(allow_null=True, help_text="Username.")
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


def represent_image(request: ApiRequest, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `selectors.COLUMNS` in the shape of ImageSerializer, with addresses that are complete."""
    return {
        "id": row["id"],
        "uid": row["uid"],
        "organization": request.caller.memberships[row["organization_id"]].slug,
        **{name: row[name] for name in TEXTS},
        "media_type": row["media_type"],
        "width": row["width"],
        "height": row["height"],
        "bytes": row["size_bytes"],
        "sha256": bytes(row["sha256"]).hex(),
        "dominant_color": row["dominant_color"],
        "thumbhash": base64.b64encode(bytes(row["thumbhash"])).decode(),
        **addresses_in(request, row),
        "creator": row["creator__username"],
        "version": row["version"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def addresses_in(request: ApiRequest, row: Mapping[str, Any]) -> dict[str, Any]:
    """Where an image can be read for a while: `url` and `variants` of ImageSerializer."""
    addresses = images.addresses_of(row["name"], row["media_type"], row["width"], row["height"])
    variants = {
        name: {**variant, "url": request.build_absolute_uri(variant["url"])}
        for name, variant in addresses["variants"].items()
    }
    return {"url": request.build_absolute_uri(addresses["url"]), "variants": variants}


class AttachedImageSerializer(serializers.Serializer[dict[str, Any]]):
    """An image on an object, and what is said of it there; where that is empty, the image's own words hold."""

    example = {
        "position": 0,
        "is_cover": True,
        "title": "",
        "description": "",
        "alt_text": "",
        "attached_at": "2026-11-21T09:32:00.000000Z",
        "image": ImageSerializer.example,
    }

    position = serializers.IntegerField(help_text="From 0, without gaps.")
    is_cover = serializers.BooleanField()
    title = serializers.CharField()
    description = serializers.CharField()
    alt_text = serializers.CharField()
    attached_at = serializers.DateTimeField()
    image = ImageSerializer()


def represent_attached(request: ApiRequest, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `selectors.images_on` in the shape of AttachedImageSerializer."""
    image = {name.removeprefix("image__"): value for name, value in row.items() if name.startswith("image__")}
    return {
        "position": row["position"],
        "is_cover": bool(row["is_cover"]),
        **{name: row[name] for name in TEXTS},
        "attached_at": row["created_at"],
        "image": represent_image(request, image),
    }


class ImageIdSerializer(fields.StrictSerializer):
    """The id of an image."""

    example = {"image_id": 17}

    image_id = fields.IntegerField(min_value=1, max_value=ID_MAX)


class ImageIdsSerializer(fields.StrictSerializer):
    """The ids of images."""

    example = {"image_ids": [17, 18]}

    image_ids = fields.ListField(
        child=fields.IntegerField(min_value=1, max_value=ID_MAX),
        min_length=1,
        max_length=services.IMAGES_ON_AN_OBJECT_MAX,
    )


class AttachmentSerializer(fields.StrictSerializer):
    """An image, and an object of a registered kind, by its slug or id."""

    example = {"image_id": 17, "app_label": "contacts", "model": "contact", "object_id": "grace-hopper-k3x7qz"}

    image_id = fields.IntegerField(min_value=1, max_value=ID_MAX)
    app_label = fields.TextField(max_length=50)
    model = fields.TextField(max_length=50)
    object_id = fields.TextField(max_length=100)


class BulkUploadSerializer(fields.StrictSerializer):
    """Up to twenty pictures, each in a part named `files`; 100 MiB together."""

    files = fields.ListField(child=fields.UploadField(limit="IMAGE_MAX_BYTES"), min_length=1, max_length=BULK_FILES_MAX)


class BulkDeleteSerializer(fields.StrictSerializer):
    """The ids of images."""

    example = {"ids": [17, 18]}

    ids = fields.ListField(
        child=fields.IntegerField(min_value=1, max_value=ID_MAX), min_length=1, max_length=_BULK_IDS_MAX
    )


class RefusalSerializer(serializers.Serializer[dict[str, Any]]):
    """Why one of several was not done; `code` as of a problem document."""

    code = serializers.CharField()
    title = serializers.CharField()
    detail = serializers.CharField()


class ImageResultSerializer(serializers.Serializer[dict[str, Any]]):
    """What became of a file: its image, or why there is none. In the order of the files."""

    example = {"status": 201, "image": ImageSerializer.example, "problem": None}

    status = serializers.IntegerField()
    image = ImageSerializer(allow_null=True)
    problem = RefusalSerializer(allow_null=True)


class DeletionSerializer(serializers.Serializer[dict[str, Any]]):
    """What became of one id: 204, or 404 where there was nothing. In the order of the ids."""

    example = {"id": 17, "status": 204}

    id = serializers.IntegerField()
    status = serializers.IntegerField()
