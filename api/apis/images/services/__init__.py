"""The verbs of images: `taking` (from a file to a row), `changing` what is there."""

from api.apis.images.services.changing import delete_image, delete_images, update_image
from api.apis.images.services.taking import Draft, create_image, discard_image, prepare_image, prepare_images

__all__ = [
    "Draft",
    "create_image",
    "delete_image",
    "delete_images",
    "discard_image",
    "prepare_image",
    "prepare_images",
    "update_image",
]
