"""Pictures that go straight to the store, on the wire."""

import base64
import re
from typing import Any

from django.conf import settings
from rest_framework import serializers

from api import fields
from api.apis.images.serializers.images import ImageTextSerializer
from api.apis.images.services import announced_by
from api.models import UNFINISHED_STATES, ImageUpload, JobState, UploadState
from api.platform import uploads
from api.requests import ApiRequest

_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/heic", "image/heif", "image/avif")
_DIGEST = re.compile(r"[A-Za-z0-9+/]{43}=")
_EXAMPLE_ID = "019aa6b7-52d0-7e64-b1c8-0d9f3a7e2c45"
_EXAMPLE_DIGEST = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="


class ImageUploadBeginSerializer(ImageTextSerializer):
    """A picture that is going to be sent. With a `uid` of its own a client may repeat this; the image will have it."""

    example = {"bytes": 2318011, "media_type": "image/jpeg", "sha256": _EXAMPLE_DIGEST, "title": "Grace at her desk"}

    bytes = fields.IntegerField(min_value=1, max_value=2**31 - 1, help_text="At most IMAGE_MAX_BYTES: 20 MiB.")
    media_type = serializers.ChoiceField(choices=_TYPES)
    sha256 = serializers.RegexField(rf"\A{_DIGEST.pattern}\Z", max_length=44, help_text="Base64, of the whole file.")
    uid = fields.UUIDField(required=False)

    def validate_bytes(self, size: int) -> int:
        if size > settings.IMAGE_MAX_BYTES:
            raise serializers.ValidationError(f"At most {settings.IMAGE_MAX_BYTES} bytes.", "max_value")
        return size

    def wishes(self) -> dict[str, Any]:
        """As the service takes them."""
        said = self.validated_data
        announced = {
            "size_bytes": said["bytes"],
            "media_type": said["media_type"],
            "sha256": base64.b64decode(said["sha256"]),
        }
        values = {name: said[name] for name in ImageTextSerializer().fields if name in said}
        return {"uid": said.get("uid"), "announced": announced, "values": values}


class UploadFormSerializer(serializers.Serializer[dict[str, Any]]):
    """Where the file goes by POST as multipart/form-data: all `fields` first, then the part `file`."""

    url = serializers.URLField()
    # `fields` is a property of every serializer, whose metaclass takes the member off the class.
    fields = serializers.DictField(child=serializers.CharField())  # type: ignore[assignment]


class UploadPieceSerializer(serializers.Serializer[dict[str, Any]]):
    """Where a part of the file goes by PUT: exactly `bytes` of them, behind those of the parts before."""

    number = serializers.IntegerField()
    bytes = serializers.IntegerField()
    url = serializers.URLField()
    is_missing = serializers.BooleanField()


class ImageUploadStateSerializer(serializers.Serializer[dict[str, Any]]):
    """A picture that is being sent: up to 8 MiB by the `form`, larger ones in `parts`; the addresses are good for an hour.
    `error` is the code of a problem that its job ended with.
    """

    example = {
        "id": _EXAMPLE_ID,
        "state": "waiting",
        "form": {
            "url": "http://localhost:8000/files/uploads/k3v9q2m7x4w8r5t1n6p0b7z2/1",
            "fields": {
                "Content-Type": "image/jpeg",
                "bytes": "2318011",
                "sha256": _EXAMPLE_DIGEST,
                "expires": "1795254300",
                "signature": "…",
            },
        },
        "parts": None,
        "job": None,
        "error": None,
        "created_at": "2026-11-21T09:32:00.000000Z",
    }

    id = serializers.UUIDField(help_text="The `uid` of the image that becomes of it.")
    state = serializers.ChoiceField(choices=UploadState.choices)
    form = UploadFormSerializer(allow_null=True)
    parts = UploadPieceSerializer(many=True, allow_null=True)
    job = serializers.UUIDField(allow_null=True)
    error = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


def represent_upload(request: ApiRequest, upload: ImageUpload) -> dict[str, Any]:
    """In the shape of ImageUploadStateSerializer. While it waits, the store is asked what has come of its parts."""
    file = announced_by(upload)
    is_waiting = upload.completed_at is None
    form = uploads.form_of(file) if is_waiting and not file.part_sizes else None
    return {
        "id": upload.id,
        "state": _state_of(upload),
        "form": {"url": request.build_absolute_uri(form.url), "fields": dict(form.fields)} if form else None,
        "parts": _parts_of(request, file) if is_waiting and file.part_sizes else None,
        "job": upload.job_id,
        "error": (upload.job.error or None) if upload.job else None,
        "created_at": upload.created_at,
    }


def _state_of(upload: ImageUpload) -> UploadState:
    if upload.completed_at is None:
        return UploadState.WAITING
    if upload.job is not None and upload.job.state in UNFINISHED_STATES:
        return UploadState.PROCESSING
    return UploadState.DONE if upload.job is None or upload.job.state == JobState.SUCCESS else UploadState.REFUSED


def _parts_of(request: ApiRequest, file: uploads.Announced) -> list[dict[str, Any]]:
    missing = uploads.missing_parts(file)
    return [
        {
            "number": number,
            "bytes": size,
            "url": request.build_absolute_uri(uploads.part_address_of(file, number)),
            "is_missing": number in missing,
        }
        for number, size in enumerate(file.part_sizes, 1)
    ]


class UploadJobSerializer(serializers.Serializer[dict[str, Any]]):
    """The job that makes an image of an upload: its `result` has the `image_id` and the `uid`, or `error` says why not."""

    example = {
        "id": "019aa6b9-40c8-7e11-b2d4-6f0a3c9e8d17",
        "type": "images.upload",
        "state": "PENDING",
        "progress": 0,
        "result": None,
        "error": None,
        "created_at": "2026-11-21T09:32:00.000000Z",
        "started_at": None,
        "ended_at": None,
    }

    id = serializers.UUIDField()
    type = serializers.CharField()
    state = serializers.ChoiceField(choices=JobState.choices)
    progress = serializers.IntegerField(min_value=0, max_value=100, help_text="Per cent.")
    result = serializers.DictField(allow_null=True, help_text="`image_id` and `uid`.")
    error = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
