"""API keys over HTTP."""

import uuid
from http import HTTPStatus

from api import pagination
from api.apis.api_keys import selectors, services
from api.apis.api_keys.serializers import (
    ApiKeyCreateSerializer,
    ApiKeyRotateSerializer,
    ApiKeySerializer,
    NewApiKeySerializer,
)
from api.exceptions import AccountRequired, Forbidden, NotThere
from api.pagination import ListRules
from api.permissions import IsPerson
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers, lists
from api.views import ApiView

KEYS = ListRules(sorts=tuple(selectors.SORTS), default_sort="-created_at")


class ApiKeyListView(ApiView):
    permission_classes = (IsPerson,)
    is_list = True
    is_sensitive = True
    keeps_answers = False

    @property
    def is_confidential(self) -> bool:  # type: ignore[override]  # a constant of most views
        """Where a key is answered."""
        return self.request.method == "POST"

    @lists(ApiKeySerializer, KEYS, summary="API keys of an organization", errors=(NotThere, Forbidden))
    def get(self, request: ApiRequest, org_slug: str) -> Response:
        query = pagination.parse(request, KEYS)
        page = selectors.keys_of(request.caller, organization=org_slug, **query.window)
        return Response(pagination.envelope(page, query, page.rows))

    @answers(
        NewApiKeySerializer,
        takes=ApiKeyCreateSerializer,
        statuses=(HTTPStatus.CREATED,),
        summary="Make an API key; it is answered this once",
        errors=(NotThere, Forbidden, AccountRequired, services.TooManyKeys),
    )
    def post(self, request: ApiRequest, org_slug: str) -> Response:
        body = ApiKeyCreateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return _new(*services.create_key(request.caller, organization=org_slug, **body.validated_data))


class ApiKeyView(ApiView):
    permission_classes = (IsPerson,)
    is_sensitive = True

    @answers(None, statuses=(HTTPStatus.NO_CONTENT,), summary="Revoke an API key", errors=(NotThere, Forbidden))
    def delete(self, request: ApiRequest, org_slug: str, key_id: str) -> Response:
        services.revoke_key(request.caller, organization=org_slug, key=key_id)
        return Response(status=HTTPStatus.NO_CONTENT)


class ApiKeyRotateView(ApiView):
    permission_classes = (IsPerson,)
    is_sensitive = True
    keeps_answers = False
    is_confidential = True

    @answers(
        NewApiKeySerializer,
        takes=ApiKeyRotateSerializer,
        statuses=(HTTPStatus.CREATED,),
        summary="Make the successor of an API key; it is answered this once",
        errors=(NotThere, Forbidden, AccountRequired, services.KeyRotated, services.TooManyKeys),
    )
    def post(self, request: ApiRequest, org_slug: str, key_id: str) -> Response:
        body = ApiKeyRotateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return _new(*services.rotate_key(request.caller, organization=org_slug, key=key_id, **body.validated_data))


def _new(key_id: uuid.UUID, key: str) -> Response:
    return Response({**selectors.stored_key(key_id), "key": key}, HTTPStatus.CREATED)
