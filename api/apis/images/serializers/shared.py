"""Links to images on the wire."""

import base64
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from api import fields
from api.apis.images import services
from api.apis.images.serializers.images import TEXTS, ImageSerializer, VariantsSerializer, addresses_in
from api.requests import ApiRequest

_TOKEN = "Y2Fubm90LWJlLWd1ZXNzZWQtYnktYW55Ym9keS1hdC0"  # noqa: S105 -- an example


class ShareCreateSerializer(fields.StrictSerializer):
    """For how long the link is good: a minute to thirty days, seven days if nothing is said."""

    example = {"expires_in_seconds": 86_400}

    expires_in_seconds = fields.IntegerField(
        min_value=services.SHARE_SECONDS_MIN,
        max_value=services.SHARE_SECONDS_MAX,
        required=False,
        default=services.SHARE_SECONDS,
    )


class ShareSerializer(serializers.Serializer[Any]):
    """A link to an image. Its token is never told again."""

    example = {
        "id": "019aa6b7-52d0-7e64-b1c8-0d9f3a7e2c45",
        "token": _TOKEN,
        "url": f"http://localhost:8000/shared-image?token={_TOKEN}",
        "expires_at": "2026-11-28T09:32:00.000000Z",
    }

    id = serializers.UUIDField()
    token = serializers.CharField()
    url = serializers.URLField(help_text="A page for any browser.")
    expires_at = serializers.DateTimeField()


class ShareResolveSerializer(fields.StrictSerializer):
    """The token of a link."""

    example = {"token": _TOKEN}

    token = fields.SecretField(min_length=43, max_length=43)


class SharedImageSerializer(serializers.Serializer[dict[str, Any]]):
    """An image behind a link. Whose it is, is not said."""

    example = {
        **{name: ImageSerializer.example[name] for name in (*TEXTS, "width", "height", "dominant_color", "thumbhash")},
        "url": ImageSerializer.example["url"],
        "variants": ImageSerializer.example["variants"],
        "expires_at": "2026-11-28T09:32:00.000000Z",
    }

    title = serializers.CharField()
    description = serializers.CharField()
    alt_text = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    dominant_color = serializers.CharField()
    thumbhash = serializers.CharField(help_text="Base64; shown until the picture has come.")
    url = serializers.URLField(help_text="The original, without what it said besides.")
    variants = VariantsSerializer()
    expires_at = serializers.DateTimeField(help_text="Of the link; its addresses of files run out sooner.")


def represent_shared(request: ApiRequest, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `services.shared_image` in the shape of SharedImageSerializer."""
    return {
        **{name: row[name] for name in (*TEXTS, "width", "height", "dominant_color", "expires_at")},
        "thumbhash": base64.b64encode(bytes(row["thumbhash"])).decode(),
        **addresses_in(request, row),
    }
