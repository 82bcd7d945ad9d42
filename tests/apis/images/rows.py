"""Images as rows, made by the services where a test is about something else than uploading them."""

from api.apis.images import services
from api.models import ActorKind, Channel, Image, Organization, User
from api.models.base import uuid7
from api.platform import memberships
from api.platform.callers import Caller
from api.platform.renditions import rendition_of
from tests.conftest import Person
from tests.pictures import photo


def make_image(person: Person, organization: Organization, **values: str) -> Image:
    """An image without its objects."""
    return image_of(person.user, organization, **values)


def image_of(user: User, organization: Organization, **values: str) -> Image:
    """The same, by somebody without a phone."""
    caller = Caller(kind=ActorKind.USER, channel=Channel.API, user_id=user.id)
    columns = {**values, **rendition_of(photo(16, 12)).facts}
    draft = services.Draft(organization.id, uuid7(), None, f"images/{uuid7()}", columns)
    return Image.objects.get(id=services.create_image(caller, draft)[0])


def stored_image_of(user: User, organization: Organization, content: bytes, **values: str) -> Image:
    """An image with its objects."""
    caller = Caller(
        kind=ActorKind.USER, channel=Channel.API, user_id=user.id, memberships=memberships.of_person(user.id)
    )
    draft = services.prepare_image(caller, organization=organization.slug, uid=None, values=values, content=content)
    return Image.objects.get(id=services.create_image(caller, draft)[0])
