"""What people have asked for by mail: confirmations, resets, and to hear when signing up is possible."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from api.apis.auth import selectors as auth
from api.cms.forms.requests import RequestSearchForm
from api.cms.pages import Pager, StaffPage


class RequestsView(StaffPage):
    section = "requests"
    needs = "requests.read"

    def get(self, request: HttpRequest) -> HttpResponse:
        form = RequestSearchForm(request.GET)
        context = {"form": form, "is_searched": bool(request.GET.get("purpose"))}
        if not form.is_valid():
            return self.page("cms/requests/list.html", {**context, "rows": []})
        purpose = form.cleaned_data["purpose"]
        pager = Pager(request, "requests", purpose)
        page = auth.requests_for_staff(purpose=purpose, cursor=pager.cursor, limit=settings.PAGE_LIMIT_DEFAULT)
        return self.page("cms/requests/list.html", {**context, "rows": page.rows, **pager.links(page)})


class WaitingListView(StaffPage):
    section = "requests"
    needs = "requests.read"

    def get(self, request: HttpRequest) -> HttpResponse:
        pager = Pager(request, "waiting-list")
        page = auth.waiting_list_for_staff(cursor=pager.cursor, limit=settings.PAGE_LIMIT_DEFAULT)
        return self.page("cms/requests/waiting_list.html", {"rows": page.rows, **pager.links(page)})
