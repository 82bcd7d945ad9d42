"""The avatar of a contact, over HTTP."""

from http import HTTPStatus

from api import conditions
from api.apis.contacts import selectors, services
from api.apis.contacts.serializers.contacts import (
    ContactAvatarUploadSerializer,
    ContactSerializer,
    represent_contact,
)
from api.exceptions import Forbidden, NotThere
from api.parsers import FileNameInvalid
from api.permissions import IsPersonOrKey
from api.platform.pictures import PictureNotSupported, PictureTooLarge, PictureUnreadable
from api.platform.versions import VersionConflict
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers
from api.views import ApiView


class ContactAvatarView(ApiView):
    permission_classes = (IsPersonOrKey,)
    takes_files = True

    stored_as: str

    def prepare_post(self, request: ApiRequest, slug: str) -> None:
        selectors.require_contact(request.caller, slug, "contacts.update")  # before anything is looked at
        body = ContactAvatarUploadSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        content = body.validated_data["file"].content
        self.stored_as = services.store_avatar(request.caller, name=slug, content=content)

    @answers(
        ContactSerializer,
        takes=ContactAvatarUploadSerializer,
        summary="Set a contact's avatar",
        errors=(NotThere, Forbidden, FileNameInvalid, PictureNotSupported, PictureTooLarge, PictureUnreadable),
    )
    def post(self, request: ApiRequest, slug: str) -> Response:
        contact_id = services.set_avatar(request.caller, name=slug, stored_as=self.stored_as)
        return Response(represent_contact(request, selectors.stored_contact(contact_id)))

    @answers(
        None,
        statuses=(HTTPStatus.NO_CONTENT,),
        summary="Remove a contact's avatar",
        errors=(NotThere, Forbidden, VersionConflict),
    )
    def delete(self, request: ApiRequest, slug: str) -> Response:
        expected = conditions.expected_versions(request)
        services.set_avatar(request.caller, name=slug, stored_as="", expected=expected)
        return Response(status=HTTPStatus.NO_CONTENT)
