"""The site of the Django admin, and what its lists of rows have in common."""

import functools
import operator
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from api.cms.access import staff_of
from api.models.base import IdentityField, identity_of


class BreakGlassSite(admin.AdminSite):
    """The admin, for superusers only, behind the sign-in of the CMS and its limits."""

    site_header = site_title = "Handset, every row"
    index_title = "Read-only"
    final_catch_all_view = False

    def has_permission(self, request: HttpRequest) -> bool:
        person = staff_of(request)
        return person is not None and person.is_superuser

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Sends everybody through the door of the CMS. Staff who came through it already may not go further."""
        index = reverse("admin:index", current_app=self.name)
        if self.has_permission(request):
            return HttpResponseRedirect(index)
        if staff_of(request) is not None:
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next", index))

    def logout(  # type: ignore[override]  # any response does
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Hands the POST on: signing out is the same everywhere, and audited there."""
        response = HttpResponseRedirect(reverse("cms:logout"))
        response.status_code = 307
        return response

    def password_change(  # type: ignore[override]  # any response does
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A password is not changed past the services."""
        raise PermissionDenied


site = BreakGlassSite()


class BoundedPaginator(Paginator[models.Model]):
    """Counts no further than a hundred pages: COUNT(*) walks over a whole table."""

    COUNTED_MOST = 10_000

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        assert isinstance(rows, QuerySet)
        return rows[: self.COUNTED_MOST].count()


class ReadOnlyAdmin(admin.ModelAdmin[models.Model]):
    """Looks, and finds by exact values of indexed columns (`search_fields`)."""

    actions = None
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering = ("-pk",)
    sortable_by = ()  # other orders have no index
    search_help_text = "Exact values only."

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Every column, the server's own ones too, but no digest."""
        fields = [field for field in self.model._meta.fields if not isinstance(field, models.BinaryField)]
        return [field.name for field in fields if field.name not in (self.exclude or ())]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        matches = [
            Q(**{name: value})
            for name in self.get_search_fields(request)
            if (value := self._as_column(str(name), term)) is not None
        ]
        return (queryset.filter(functools.reduce(operator.or_, matches)) if matches else queryset.none()), False

    def _as_column(self, name: str, term: str) -> Any:
        """The term as the column compares it; None when it cannot be one of its values."""
        field = self.model._meta.get_field(name)
        assert isinstance(field, models.Field)
        try:
            if isinstance(field, IdentityField):
                return field.get_prep_value(identity_of(term))
            column = field.target_field if isinstance(field, models.ForeignKey) else field
            return column.to_python(term)
        except (ValidationError, ValueError):
            return None


class PagelessAdmin(ReadOnlyAdmin):
    """A list alone: pages of their own would show what rows like these keep to themselves (digests, answers)."""

    list_display_links = None
