"""Tags over HTTP."""

from http import HTTPStatus

from api import conditions, pagination
from api.apis.tags import selectors, services
from api.apis.tags.serializers import (
    TagCreateSerializer,
    TagNamesSerializer,
    TagSerializer,
    TagUpdateSerializer,
    represent_tag,
)
from api.exceptions import Forbidden, IdConflict, NotThere
from api.pagination import ListRules
from api.permissions import IsPersonOrKey
from api.platform.versions import VersionConflict
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers, lists
from api.views import ApiView

TAGS = ListRules(sorts=tuple(selectors.SORTS), default_sort="name", has_search=True)
TAGS_ON = ListRules(sorts=tuple(selectors.SORTS), default_sort="name")

_NARROWED = (NotThere, Forbidden)


class TagListView(ApiView):
    permission_classes = (IsPersonOrKey,)
    is_list = True

    @lists(TagSerializer, TAGS, summary="Tags of an organization", errors=_NARROWED)
    def get(self, request: ApiRequest, org_slug: str) -> Response:
        query = pagination.parse(request, TAGS)
        page = selectors.tags_of(request.caller, organization=org_slug, query=query.search, **query.window)
        return Response(pagination.envelope(page, query, map(represent_tag, page.rows)))

    @answers(
        TagSerializer,
        takes=TagCreateSerializer,
        statuses=(HTTPStatus.CREATED, HTTPStatus.OK),
        summary="Make a tag",
        errors=(*_NARROWED, services.TagExists, IdConflict),
    )
    def post(self, request: ApiRequest, org_slug: str) -> Response:
        body = TagCreateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        tag_id, is_new = services.create_tag(request.caller, organization=org_slug, **body.validated_data)
        tag = represent_tag(selectors.stored_tag(tag_id))
        return Response(tag, HTTPStatus.CREATED if is_new else HTTPStatus.OK)


class TagView(ApiView):
    permission_classes = (IsPersonOrKey,)

    @answers(TagSerializer, summary="A tag", errors=_NARROWED)
    def get(self, request: ApiRequest, org_slug: str, tag_id: str) -> Response:
        key, _ = selectors.tag_key(request.caller, organization=org_slug, tag=tag_id, action="tags.read")
        return Response(represent_tag(selectors.stored_tag(key)))

    @answers(
        TagSerializer,
        takes=TagUpdateSerializer,
        summary="Change a tag",
        errors=(*_NARROWED, VersionConflict, services.TagExists),
    )
    def patch(self, request: ApiRequest, org_slug: str, tag_id: str) -> Response:
        body = TagUpdateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        expected = conditions.expected_versions(request)
        key = services.update_tag(
            request.caller, organization=org_slug, tag=tag_id, values=body.validated_data, expected=expected
        )
        return Response(represent_tag(selectors.stored_tag(key)))

    @answers(
        None,
        statuses=(HTTPStatus.NO_CONTENT,),
        summary="Delete a tag, and take it off everything",
        errors=(*_NARROWED, VersionConflict),
    )
    def delete(self, request: ApiRequest, org_slug: str, tag_id: str) -> Response:
        expected = conditions.expected_versions(request)
        services.delete_tag(request.caller, organization=org_slug, tag=tag_id, expected=expected)
        return Response(status=HTTPStatus.NO_CONTENT)


class ObjectTagsView(ApiView):
    """`orgs/<org_slug>/tags/<app_label>/<model>/<obj_id>/`: an object of any registered kind."""

    permission_classes = (IsPersonOrKey,)
    is_list = True

    @lists(TagSerializer, TAGS_ON, summary="Tags on an object", errors=_NARROWED)
    def get(self, request: ApiRequest, org_slug: str, app_label: str, model: str, obj_id: str) -> Response:
        query = pagination.parse(request, TAGS_ON)
        page = selectors.tags_on(
            request.caller, organization=org_slug, app_label=app_label, model=model, name=obj_id, **query.window
        )
        return Response(pagination.envelope(page, query, map(represent_tag, page.rows)))

    @answers(
        TagSerializer,
        takes=TagNamesSerializer,
        is_many=True,
        summary="Put tags on an object; all that it has come back",
        errors=(*_NARROWED, services.TooManyTags),
    )
    def post(self, request: ApiRequest, org_slug: str, app_label: str, model: str, obj_id: str) -> Response:
        body = TagNamesSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        target = services.assign(
            request.caller,
            organization=org_slug,
            app_label=app_label,
            model=model,
            name=obj_id,
            tags=body.validated_data,
        )
        rows = selectors.stored_tags_on(target)
        return Response({"data": list(map(represent_tag, rows)), "meta": {"next": None, "prev": None}})


class ObjectTagView(ApiView):
    permission_classes = (IsPersonOrKey,)

    @answers(None, statuses=(HTTPStatus.NO_CONTENT,), summary="Take a tag off an object", errors=_NARROWED)
    def delete(
        self, request: ApiRequest, org_slug: str, app_label: str, model: str, obj_id: str, tag_slug: str
    ) -> Response:
        services.take_off(
            request.caller, organization=org_slug, app_label=app_label, model=model, name=obj_id, tag_slug=tag_slug
        )
        return Response(status=HTTPStatus.NO_CONTENT)
