"""Django admin, the break-glass tool: superusers look at any row, and change none: the rules stand in the services."""

from django.contrib import admin

from api import models as tables
from api.admin.site import BoundedPaginator, PagelessAdmin, ReadOnlyAdmin, site

__all__ = ["BoundedPaginator", "site"]


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


@admin.register(tables.StaffNote, tables.StaffSession, site=site)
class StaffAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "created_at")
    list_select_related = ("user",)
    search_fields = ("id", "user")


@admin.register(tables.BulkChange, site=site)
class BulkChangeAdmin(ReadOnlyAdmin):
    list_display = ("verb", "total", "done", "refused", "created_at")
    search_fields = ("id",)
    exclude = ("chosen",)


@admin.register(tables.Figure, site=site)
class FigureAdmin(PagelessAdmin):
    list_display = ("metric", "span", "at", "value")


@admin.register(tables.Traffic, site=site)
class TrafficAdmin(PagelessAdmin):
    list_display = ("hour", "bound_ms", "requests", "errors")


@admin.register(tables.SavedFilter, site=site)
class SavedFilterAdmin(ReadOnlyAdmin):
    list_display = ("name", "list", "scope", "owner", "position")
    list_filter = ("scope",)
    list_select_related = ("owner",)
    search_fields = ("id", "owner")


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
    list_display = ("prefix", "name", "organization", "holder", "created_at", "expires_at", "revoked_at")
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


@admin.register(tables.ImageShare, tables.ImageUpload, site=site)
class ImageUploadAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "creator", "created_at", "updated_at")
    list_select_related = ("creator",)


@admin.register(tables.ContactTerm, tables.ContactIdentity, site=site)
class ContactTermAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "organization", "contact")
    list_select_related = ("organization", "contact")
    search_fields = ("contact",)


@admin.register(tables.Tag, tables.TagLink, tables.ImageLink, site=site)
class TagAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "uid", "organization", "change_seq", "created_at")


@admin.register(tables.Export, site=site)
class ExportAdmin(ReadOnlyAdmin):
    search_fields = ("id", "organization", "person")


admin.register(tables.StaffRole, site=site)(ReadOnlyAdmin)


@admin.register(tables.AuditEntry, site=site)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("id", "at", "action", "outcome", "actor_kind", "actor_id", "target_kind", "target_id", "address")
    search_fields = ("id", "actor_id", "organization_id")


@admin.register(tables.RefusalTally, site=site)
class RefusalTallyAdmin(PagelessAdmin):
    list_display = ("minute_at", "action", "times", "actor_kind", "actor_id", "target_kind", "target_id", "address")
    ordering = ("-minute_at",)


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
