"""The verbs of images: `taking` (from a file to a row), `changing` what is there, `linking` it to objects;
`uploading` of what clients send straight to the store, `sharing` by links.
"""

from api.apis.images.services.changing import delete_image, delete_images, update_image
from api.apis.images.services.linking import (
    IMAGES_ON_AN_OBJECT_MAX,
    Place,
    TooManyImages,
    attach,
    describe,
    detach,
    has_any,
    move_all,
    reorder,
    set_cover,
    unite,
)
from api.apis.images.services.sharing import (
    SHARE_SECONDS,
    SHARE_SECONDS_MAX,
    SHARE_SECONDS_MIN,
    Share,
    TooManyShares,
    forget_expired_shares,
    revoke_share,
    share_image,
    shared_image,
)
from api.apis.images.services.taking import Draft, create_image, discard_image, prepare_image, prepare_images
from api.apis.images.services.uploading import (
    TooManyUploads,
    UploadIncomplete,
    announced_by,
    begin_upload,
    complete_upload,
    discard_upload,
    take_upload,
    upload_of,
)

__all__ = [
    "IMAGES_ON_AN_OBJECT_MAX",
    "SHARE_SECONDS",
    "SHARE_SECONDS_MAX",
    "SHARE_SECONDS_MIN",
    "Draft",
    "Place",
    "Share",
    "TooManyImages",
    "TooManyShares",
    "TooManyUploads",
    "UploadIncomplete",
    "announced_by",
    "attach",
    "begin_upload",
    "complete_upload",
    "create_image",
    "delete_image",
    "delete_images",
    "describe",
    "detach",
    "discard_image",
    "discard_upload",
    "forget_expired_shares",
    "has_any",
    "move_all",
    "prepare_image",
    "prepare_images",
    "reorder",
    "revoke_share",
    "set_cover",
    "share_image",
    "shared_image",
    "take_upload",
    "unite",
    "update_image",
    "upload_of",
]
