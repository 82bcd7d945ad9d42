"""Images as rows, made by the services where a test is about something else than uploading them."""

from api.apis.images import services
from api.models import Image, Organization
from api.models.base import uuid7
from api.platform.renditions import rendition_of
from tests.apis.contacts.rows import caller_of
from tests.conftest import Person
from tests.pictures import photo


def make_image(person: Person, organization: Organization, **values: str) -> Image:
    """An image without its objects."""
    rendition = rendition_of(photo(16, 12))
    draft = services.Draft(organization.id, uuid7(), None, values, f"images/{uuid7()}", rendition)
    return Image.objects.get(id=services.create_image(caller_of(person), draft)[0])
