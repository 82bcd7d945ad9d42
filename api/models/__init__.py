"""The schema: one module per domain word, all re-exported here."""

from api.models.api_keys import ApiKey
from api.models.audit import ActorKind, AuditDay, AuditedEvent, AuditEntry, Channel, Outcome, RefusalTally
from api.models.auth import (
    STRANGERS_END_REASONS,
    EndReason,
    MailedProof,
    ProofPurpose,
    Session,
    ShownFactor,
    SignInFailures,
    SocialIdentity,
    StaffRole,
    StaffSession,
    WaitingListEntry,
)
from api.models.contacts import Contact, ContactIdentity, ContactTerm
from api.models.devices import Algorithm, Attestation, AttestationKind, AttestationStatus, Device, Trust
from api.models.export import Export
from api.models.idempotency import IdempotencyKey
from api.models.images import Image, ImageLink, ImageShare, ImageUpload, UploadState
from api.models.jobs import UNFINISHED_STATES, Job, JobState, OutboxMessage
from api.models.notifications import MailTemplate, Notification
from api.models.onboarding import AppKey, AppKeyStatus, AppVersion, Platform
from api.models.orgs import Invitation, InvitationState, Membership, Organization, OrganizationKind, Role
from api.models.staff import BulkChange, Figure, FilterScope, SavedFilter, Span, Traffic
from api.models.stores import Counter, RateLimit, ReplayNonce
from api.models.tags import Tag, TagLink
from api.models.users import NOTIFICATION_CHANNELS, NOTIFICATION_TOPICS, StaffNote, Theme, User

__all__ = [
    "NOTIFICATION_CHANNELS",
    "NOTIFICATION_TOPICS",
    "STRANGERS_END_REASONS",
    "UNFINISHED_STATES",
    "ActorKind",
    "Algorithm",
    "ApiKey",
    "AppKey",
    "AppKeyStatus",
    "AppVersion",
    "Attestation",
    "AttestationKind",
    "AttestationStatus",
    "AuditDay",
    "AuditEntry",
    "AuditedEvent",
    "BulkChange",
    "Channel",
    "Contact",
    "ContactIdentity",
    "ContactTerm",
    "Counter",
    "Device",
    "EndReason",
    "Export",
    "Figure",
    "FilterScope",
    "IdempotencyKey",
    "Image",
    "ImageLink",
    "ImageShare",
    "ImageUpload",
    "Invitation",
    "InvitationState",
    "Job",
    "JobState",
    "MailTemplate",
    "MailedProof",
    "Membership",
    "Notification",
    "Organization",
    "OrganizationKind",
    "OutboxMessage",
    "Outcome",
    "Platform",
    "ProofPurpose",
    "RateLimit",
    "RefusalTally",
    "ReplayNonce",
    "Role",
    "SavedFilter",
    "Session",
    "ShownFactor",
    "SignInFailures",
    "SocialIdentity",
    "Span",
    "StaffNote",
    "StaffRole",
    "StaffSession",
    "Tag",
    "TagLink",
    "Theme",
    "Traffic",
    "Trust",
    "UploadState",
    "User",
    "WaitingListEntry",
]
