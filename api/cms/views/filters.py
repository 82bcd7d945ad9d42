"""Saved filters: keeping one, and one's own in their order."""

import uuid
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext

from api.apis.staff import selectors as staff
from api.apis.staff import services as staff_services
from api.cms.access import caller_of
from api.cms.forms.filters import FilterForm
from api.cms.pages import StaffPage, explained
from api.exceptions import NotThere


class FiltersView(StaffPage):
    """One's own saved filters. A POST keeps one more; the form stands on the list that it is of."""

    needs = None

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = [{**row, "address": _address_of(row["list"])} for row in staff.own_filters(caller_of(request).user_id)]
        return self.page("cms/filters.html", {"rows": rows})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = FilterForm(request.POST)
        address = _address_of(request.POST.get("list", ""))
        if address is None:
            raise NotThere
        if not form.is_valid():
            return self.page("cms/filters.html", {"form": form}, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        kept = form.cleaned_data
        try:
            staff_services.save_filter(
                caller_of(request),
                list_name=kept["list"],
                name=kept["name"],
                querystring=kept["querystring"],
                scope=kept["scope"],
            )
        except staff_services.TooManyFilters as refusal:
            form.add_error(None, explained(refusal))
            return self.page("cms/filters.html", {"form": form}, status=refusal.status)
        messages.success(request, gettext("The filter is saved."))
        return HttpResponseRedirect(f"{address}?{kept['querystring']}")


class FilterView(StaffPage):
    """Moves one of one's own filters (`step` -1 or 1), or deletes it."""

    needs = None
    http_method_names = ["post"]

    def post(self, request: HttpRequest, filter_id: uuid.UUID) -> HttpResponse:
        caller = caller_of(request)
        step = request.POST.get("step")
        if step in ("-1", "1"):
            staff_services.move_filter(caller, filter_id=filter_id, step=int(step))
        elif "delete" in request.POST:
            staff_services.delete_filter(caller, filter_id=filter_id)
            messages.success(request, gettext("The filter is deleted."))
        return HttpResponseRedirect(reverse("cms:filters"))


def _address_of(list_name: str) -> str | None:
    """Where a list is; None if there is none of this name, or none that stands for itself."""
    try:
        return reverse(f"cms:{list_name}")
    except NoReverseMatch:
        return None
