"""The verbs of images: `taking` (from a file to a row), `changing` what is there, `linking` it to objects."""

from api.apis.images.services.changing import delete_image, delete_images, update_image
from api.apis.images.services.linking import (
    IMAGES_ON_AN_OBJECT_MAX,
    Place,
    TooManyImages,
    attach,
    describe,
    detach,
    move_all,
    reorder,
    set_cover,
)
from api.apis.images.services.taking import Draft, create_image, discard_image, prepare_image, prepare_images

__all__ = [
    "IMAGES_ON_AN_OBJECT_MAX",
    "Draft",
    "Place",
    "TooManyImages",
    "attach",
    "create_image",
    "delete_image",
    "delete_images",
    "describe",
    "detach",
    "discard_image",
    "move_all",
    "prepare_image",
    "prepare_images",
    "reorder",
    "set_cover",
    "update_image",
]
