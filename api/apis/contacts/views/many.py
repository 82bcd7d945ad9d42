"""Many contacts at once, over HTTP."""

from typing import Any

from api import problems
from api.apis.contacts import selectors, services
from api.apis.contacts.serializers.contacts import represent_contact
from api.apis.contacts.serializers.many import BulkItemSerializer, BulkResultsSerializer, BulkSerializer
from api.exceptions import ApiError
from api.permissions import IsPersonOrKey
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers
from api.views import ApiView


class ContactBulkView(ApiView):
    permission_classes = (IsPersonOrKey,)

    @answers(BulkResultsSerializer, takes=BulkSerializer, summary="Create, change and delete many contacts")
    def post(self, request: ApiRequest) -> Response:
        body = BulkSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = [_change(item) for item in body.validated_data["items"]]
        outcomes = services.change_many(request.caller, asked)
        rows = selectors.stored_contacts([outcome.contact_id for outcome in outcomes if outcome.contact_id])
        return Response({"data": [_told(request, outcome, rows) for outcome in outcomes]})


def _change(item: Any) -> services.Change | ApiError:
    """A change as the service takes it, or why it is none."""
    body = BulkItemSerializer(data=item)
    if body.is_valid():
        return body.change()
    return problems.refusal_of(body)


def _told(request: ApiRequest, outcome: services.Outcome, rows: Any) -> dict[str, Any]:
    row = rows.get(outcome.contact_id)
    return {
        "status": int(outcome.status),
        "contact": represent_contact(request, row) if row is not None else None,
        "problem": problems.document(outcome.refusal, request._request) if outcome.refusal else None,
    }
