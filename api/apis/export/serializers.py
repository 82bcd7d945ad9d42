"""Exports on the wire."""

from typing import Any

from rest_framework import serializers

from api.models import JobState


class ExportSerializer(serializers.Serializer[dict[str, Any]]):
    """An export: the job that makes it, and its archive once that is there."""

    example = {
        "id": "019aa6b9-40c8-7e11-b2d4-6f0a3c9e8d17",
        "type": "export",
        "state": "SUCCESS",
        "progress": 100,
        "result": {"bytes": 48211034, "counts": {"contacts": 812, "images": 40, "files": 54, "missing": 0}},
        "error": None,
        "created_at": "2026-11-21T09:32:00.000000Z",
        "started_at": "2026-11-21T09:32:00.400000Z",
        "ended_at": "2026-11-21T09:32:07.210000Z",
        "counts": {"contacts": 812, "images": 40, "files": 54, "missing": 0},
        "size_bytes": 48211034,
        "expires_at": "2026-11-28T09:32:07.210000Z",
    }

    id = serializers.UUIDField(help_text="Of the job, too.")
    type = serializers.CharField()
    state = serializers.ChoiceField(choices=JobState.choices)
    progress = serializers.IntegerField(min_value=0, max_value=100, help_text="Per cent.")
    result = serializers.DictField(allow_null=True)
    error = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    counts = serializers.DictField(
        child=serializers.IntegerField(), help_text="Rows of each kind, files, and files that were missing."
    )
    size_bytes = serializers.IntegerField(allow_null=True)
    expires_at = serializers.DateTimeField(help_text="When the archive is deleted, and this with it.")


class ExportDetailSerializer(ExportSerializer):
    """An export, with where its archive can be read for five minutes."""

    example = {
        **ExportSerializer.example,
        "url": "https://api.example.com/files/exports/k3v9x2m7q4w8t1r6z5y0n3b7/handset-team-q7m2ks-2026-11-21.zip?expires=1795253820&signature=…",
        "url_expires_at": "2026-11-21T09:37:00.000000Z",
    }

    url = serializers.CharField(allow_null=True)
    url_expires_at = serializers.DateTimeField(allow_null=True)
