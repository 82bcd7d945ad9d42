"""The schema: one module per domain word, all re-exported here."""

from api.models.api_keys import ApiKey
from api.models.audit import ActorKind, AuditDay, AuditEntry, Channel, Outcome
from api.models.auth import (
    STRANGERS_END_REASONS,
    EndReason,
    MailedProof,
    ProofPurpose,
    Session,
    SignInFailures,
    SocialIdentity,
    WaitingListEntry,
)
from api.models.contacts import Contact, ContactTerm
from api.models.devices import Algorithm, Attestation, AttestationKind, AttestationStatus, Device, Trust
from api.models.idempotency import IdempotencyKey
from api.models.images import Image, ImageLink
from api.models.jobs import UNFINISHED_STATES, Job, JobState, OutboxMessage
from api.models.notifications import MailTemplate, Notification
from api.models.onboarding import AppKey, AppKeyStatus, AppVersion, Platform
from api.models.orgs import Invitation, InvitationState, Membership, Organization, OrganizationKind, Role
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
    "Channel",
    "Contact",
    "ContactTerm",
    "Counter",
    "Device",
    "EndReason",
    "IdempotencyKey",
    "Image",
    "ImageLink",
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
    "ReplayNonce",
    "Role",
    "Session",
    "SignInFailures",
    "SocialIdentity",
    "StaffNote",
    "Tag",
    "TagLink",
    "Theme",
    "Trust",
    "User",
    "WaitingListEntry",
]
