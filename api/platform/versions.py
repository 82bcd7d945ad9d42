"""Versions of what several may change: a change that was made in view of another version is refused."""

from collections.abc import Collection
from http import HTTPStatus

from api.exceptions import ApiError


class VersionConflict(ApiError):
    """Somebody has changed it meanwhile; `ETag` names the present version."""

    status = HTTPStatus.PRECONDITION_FAILED
    code = "version_conflict"
    title = "It was changed meanwhile"
    detail = "Read it again, and make the change in view of what it is now."
    remedy = "Read it again, and make the change in view of what it is now."

    def __init__(self, version: int) -> None:
        super().__init__(headers={"ETag": f'"{version}"'})


def require_version(version: int, expected: Collection[int] | None) -> None:
    """Raises VersionConflict when `version`, of a row that is locked, is none of those expected (None: any)."""
    if expected is not None and version not in expected:
        raise VersionConflict(version)
