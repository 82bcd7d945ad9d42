"""Links by which anybody sees an image for a while. What the link carries is told once; only its digest is kept."""

import hashlib
import secrets
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.conf import settings
from django.utils import timezone

from api.apis.images.selectors import COLUMNS, image_key
from api.exceptions import ApiError, NotThere
from api.models import Image, ImageShare
from api.platform import audit, changes
from api.platform.callers import Caller
from api.platform.ids import as_uuid
from api.platform.keys import b64url
from api.platform.transactions import transactional

SHARE_SECONDS = 7 * 86_400
SHARE_SECONDS_MIN, SHARE_SECONDS_MAX = 60, 30 * 86_400
SHARES_MAX = 100  # of an image


class TooManyShares(ApiError):
    """The image has a hundred links that are still good."""

    status = HTTPStatus.CONFLICT
    code = "too_many_shares"
    title = "The image is shared too often"
    remedy = "Revoke a link, or wait until one has expired."


class Share(NamedTuple):
    """A link, as only whoever has made it sees it."""

    id: uuid.UUID
    token: str
    url: str
    expires_at: datetime


@transactional
def share_image(caller: Caller, *, organization: str, image_id: str, seconds: int = SHARE_SECONDS) -> Share:
    """A new link to an image. Raises NotThere, Forbidden, TooManyShares."""
    number, organization_id = image_key(caller, organization=organization, image_id=image_id, action="images.write")
    changes.lock(organization_id)
    changes.require_not_taken_up(caller)
    uid = Image.objects.filter(id=number, organization_id=organization_id).values_list("uid", flat=True).first()
    if uid is None:
        raise NotThere
    now = timezone.now()
    if ImageShare.objects.filter(image_id=number, expires_at__gt=now).count() >= SHARES_MAX:
        raise TooManyShares
    token = b64url(secrets.token_bytes(32))
    made = ImageShare.objects.create(
        image_id=number,
        creator_id=caller.user_id,
        token_digest=_digest_of(token),
        expires_at=now + timedelta(seconds=seconds),
    )
    _record(caller, "image.shared", uid, organization_id, made.id)
    url = f"{settings.FRONTEND_URL}/shared-image?{urlencode({'token': token})}"
    return Share(made.id, token, url, made.expires_at)


@transactional
def revoke_share(caller: Caller, *, organization: str, image_id: str, share_id: str) -> None:
    """Ends a link; addresses of files that it has led to run out by themselves. Raises NotThere, Forbidden."""
    number, organization_id = image_key(caller, organization=organization, image_id=image_id, action="images.write")
    changes.lock(organization_id)
    key = as_uuid(share_id)
    of_image = ImageShare.objects.filter(image_id=number, image__organization_id=organization_id)
    share = of_image.filter(id=key).select_related("image").first() if key else None
    if share is None:
        raise NotThere
    _record(caller, "image.unshared", share.image.uid, organization_id, share.id)
    share.delete()


def shared_image(token: str) -> Mapping[str, Any]:
    """The image behind a link, as a row of COLUMNS with `expires_at`, for whoever has the link. Raises NotThere for one
    that never was, was revoked, or has expired.
    """
    good = ImageShare.objects.filter(
        token_digest=_digest_of(token), expires_at__gt=timezone.now(), image__organization__deleted_at=None
    )
    row = good.values("expires_at", *(f"image__{column}" for column in COLUMNS)).first()
    if row is None:
        raise NotThere
    return {name.removeprefix("image__"): value for name, value in row.items()}


def forget_expired_shares(*, most: int = 1000) -> int:
    """Deletes up to `most` links that are good no more; returns how many."""
    ids = list(ImageShare.objects.filter(expires_at__lte=timezone.now()).values_list("id", flat=True)[:most])
    return ImageShare.objects.filter(id__in=ids).delete()[0]


def _digest_of(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _record(caller: Caller, action: str, uid: uuid.UUID, organization_id: uuid.UUID, share_id: uuid.UUID) -> None:
    audit.record(
        caller,
        action,
        target_kind="image",
        target_id=uid,
        organization_id=organization_id,
        changes={"share": [None, str(share_id)]},
    )
