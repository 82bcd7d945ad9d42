"""The audit trail over HTTP."""

from api import pagination
from api.apis.audit import selectors
from api.apis.audit.serializers import AuditEntrySerializer
from api.exceptions import Forbidden, NotThere
from api.pagination import ListRules
from api.permissions import IsPerson
from api.requests import ApiRequest
from api.responses import Response
from api.schema import lists
from api.views import ApiView

ENTRIES = ListRules(sorts=("at",), default_sort="-at", filters={"action": str, "target_id": str})


class AuditListView(ApiView):
    """`orgs/<org_slug>/audit/`: for those who administer it."""

    permission_classes = (IsPerson,)
    is_list = True
    is_sensitive = True

    @lists(AuditEntrySerializer, ENTRIES, summary="What was done in an organization", errors=(NotThere, Forbidden))
    def get(self, request: ApiRequest, org_slug: str) -> Response:
        query = pagination.parse(request, ENTRIES)
        page = selectors.entries_of(request.caller, organization=org_slug, filters=query.filters, **query.window)
        return Response(pagination.envelope(page, query, page.rows))
