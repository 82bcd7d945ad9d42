"""Django admin, the break-glass tool: superusers look at any row, and change none: the rules stand in the services."""

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

from api import models as tables
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


@admin.register(tables.User, site=site)
class UserAdmin(ReadOnlyAdmin):
    list_display = ("username", "email", "is_active", "is_staff", "is_superuser", "is_guest", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser", "is_guest")
    search_fields = ("id", "email_identity", "username_identity")
    exclude = ("password", "groups", "user_permissions")


@admin.register(tables.AppKey, site=site)
class AppKeyAdmin(ReadOnlyAdmin):
    list_display = ("key_id", "platform", "status", "minimum_build", "maximum_build", "created_at")
    list_filter = ("platform", "status")
    search_fields = ("key_id",)
    exclude = ("sealed_secret",)


@admin.register(tables.Device, site=site)
class DeviceAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "platform", "app_version", "trust", "last_seen_at", "revoked_at", "created_at")
    list_filter = ("platform", "trust", "algorithm", ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("id", "install_id")


@admin.register(tables.Attestation, site=site)
class AttestationAdmin(ReadOnlyAdmin):
    list_display = ("device", "kind", "status", "trust", "refusal", "created_at", "judged_at")
    list_filter = ("kind", "status", "trust")
    list_select_related = ("device",)
    search_fields = ("id", "device")
    exclude = ("evidence",)


@admin.register(tables.Session, site=site)
class SessionAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "device", "opened_by", "created_at", "refreshed_at", "ended_at", "end_reason")
    list_filter = ("end_reason", ("ended_at", admin.EmptyFieldListFilter))
    list_select_related = ("user", "device")
    search_fields = ("id", "user", "device")


@admin.register(tables.SignInFailures, site=site)
class SignInFailuresAdmin(PagelessAdmin):
    list_display = ("updated_at", "failures", "locks", "locked_until", "window_started_at")
    ordering = ("-updated_at",)


@admin.register(tables.SocialIdentity, site=site)
class SocialIdentityAdmin(ReadOnlyAdmin):
    list_display = ("provider", "subject", "user", "email", "created_at")
    list_filter = ("provider",)
    list_select_related = ("user",)
    search_fields = ("subject",)


@admin.register(tables.StaffNote, site=site)
class StaffNoteAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "author", "created_at")
    list_select_related = ("user", "author")
    search_fields = ("id", "user")


@admin.register(tables.Organization, site=site)
class OrganizationAdmin(ReadOnlyAdmin):
    list_display = ("name", "slug", "kind", "owner", "change_seq", "created_at")
    list_filter = ("kind",)
    list_select_related = ("owner",)
    search_fields = ("id", "slug", "owner")


@admin.register(tables.Membership, site=site)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "organization", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "organization")
    search_fields = ("user", "organization")


@admin.register(tables.Invitation, site=site)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ("id", "email", "organization", "role", "state", "sent_at", "expires_at")
    list_filter = ("state", "role")
    list_select_related = ("organization",)
    search_fields = ("id", "email_identity")


@admin.register(tables.ApiKey, site=site)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = (
        "prefix",
        "name",
        "organization",
        "holder",
        "created_at",
        "expires_at",
        "revoked_at",
        "last_used_at",
    )
    list_select_related = ("organization", "holder")
    search_fields = ("id", "prefix", "organization")


@admin.register(tables.Contact, site=site)
class ContactAdmin(ReadOnlyAdmin):
    list_display = ("display_name", "slug", "organization", "version", "change_seq", "deleted_at", "created_at")
    list_filter = (("deleted_at", admin.EmptyFieldListFilter),)
    list_select_related = ("organization",)
    search_fields = ("id", "slug", "organization")


@admin.register(tables.Image, site=site)
class ImageAdmin(ReadOnlyAdmin):
    list_display = ("id", "organization", "title", "media_type", "width", "height", "created_at")
    search_fields = ("id", "uid", "organization")


@admin.register(tables.ImageLink, site=site)
class ImageLinkAdmin(ReadOnlyAdmin):
    list_display = ("id", "image", "kind", "object_id", "position", "is_cover")
    search_fields = ("organization", "object_id")


@admin.register(tables.ContactTerm, site=site)
class ContactTermAdmin(ReadOnlyAdmin):
    list_display = ("id", "term", "weight", "organization", "contact")
    list_select_related = ("organization", "contact")
    search_fields = ("contact",)


@admin.register(tables.Tag, tables.TagLink, site=site)
class TagAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "uid", "organization", "change_seq", "created_at")


@admin.register(tables.AuditEntry, site=site)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("id", "at", "action", "outcome", "actor_kind", "actor_id", "target_kind", "target_id", "address")
    search_fields = ("id", "actor_id", "organization_id")


@admin.register(tables.AuditDay, site=site)
class AuditDayAdmin(ReadOnlyAdmin):
    list_display = ("day", "first_number", "count", "key_id", "removed_at")
    search_fields = ("day",)


@admin.register(tables.OutboxMessage, site=site)
class OutboxMessageAdmin(ReadOnlyAdmin):
    list_display = ("id", "task", "created_at", "due_at", "attempts", "done_at", "failed_at", "last_error")
    list_filter = (("done_at", admin.EmptyFieldListFilter), ("failed_at", admin.EmptyFieldListFilter))
    search_fields = ("id", "dedup_key")


@admin.register(tables.Job, site=site)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("id", "type", "owner", "state", "progress", "error", "created_at", "ended_at")
    list_filter = ("state",)
    list_select_related = ("owner",)
    search_fields = ("id", "owner")


@admin.register(tables.WaitingListEntry, site=site)
class WaitingListEntryAdmin(ReadOnlyAdmin):
    list_display = ("email", "created_at")
    search_fields = ("id", "email_identity")


@admin.register(tables.ReplayNonce, site=site)
class ReplayNonceAdmin(PagelessAdmin):
    list_display = ("expires_at",)
    ordering = ("-expires_at",)


@admin.register(tables.RateLimit, site=site)
class RateLimitAdmin(ReadOnlyAdmin):
    list_display = ("key", "arrival_us")
    ordering = ("-arrival_us",)
    search_fields = ("key",)


@admin.register(tables.Counter, site=site)
class CounterAdmin(ReadOnlyAdmin):
    list_display = ("key", "value", "expires_at")
    ordering = ("-expires_at",)
    search_fields = ("key",)


@admin.register(tables.AppVersion, site=site)
class AppVersionAdmin(ReadOnlyAdmin):
    list_display = ("platform", "minimum_version", "store_url", "updated_at")
    search_fields = ("platform",)


@admin.register(tables.IdempotencyKey, site=site)
class IdempotencyKeyAdmin(PagelessAdmin):
    list_display = ("claimed_at", "status", "repeats")
    ordering = ("-claimed_at",)


@admin.register(tables.MailedProof, site=site)
class MailedProofAdmin(ReadOnlyAdmin):
    list_display = ("id", "purpose", "user", "device", "attempts", "created_at", "expires_at", "used_at")
    list_filter = ("purpose",)
    list_select_related = ("user", "device")
    search_fields = ("id",)
    exclude = ("salt",)


@admin.register(tables.MailTemplate, site=site)
class MailTemplateAdmin(ReadOnlyAdmin):
    list_display = ("kind", "subject", "updated_by", "updated_at")
    list_select_related = ("updated_by",)
    search_fields = ("kind",)


@admin.register(tables.Notification, site=site)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ("id", "recipient", "type", "created_at", "read_at")
    list_filter = ("type",)
    list_select_related = ("recipient",)
    search_fields = ("id", "recipient")
