"""Reading mail templates: as staff have them, or as they come with the code; and what people were told, for staff."""

import functools
import uuid
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings

from api.exceptions import NotThere
from api.models import MailTemplate, Notification


class MailKind(NamedTuple):
    """A mail that the product sends. `samples` maps every placeholder that its texts may hold to an example."""

    name: str
    purpose: str
    samples: dict[str, str]


class Template(NamedTuple):
    subject: str
    body: str


_LINK = "https://app.example.com/…"
_KINDS = (
    MailKind(
        "auth.magic_code",
        "The code that signs somebody in without a password",
        {"code": "0123 4567", "link": _LINK, "minutes": "15"},
    ),
    MailKind("auth.password_reset", "The link that sets a new password", {"link": _LINK, "hours": "2"}),
    MailKind("auth.email_confirm", "The link that confirms an address", {"link": _LINK, "hours": "24"}),
    MailKind(
        "auth.email_change",
        "To the new address: the link that makes it the account's",
        {"link": _LINK, "hours": "24", "email": "new@example.com"},
    ),
    MailKind(
        "auth.email_change_notice",
        "To the present address: somebody wants to replace it",
        {"email": "new@example.com"},
    ),
    MailKind(
        "auth.password_changed",
        "The password was changed, or set by a mailed link",
        {"time": "21 November 2026, 09:30 UTC"},
    ),
    MailKind(
        "auth.account_deleted",
        "The account is going to be erased, and can be had back until then",
        {"time": "21 November 2026, 09:30 UTC"},
    ),
    MailKind(
        "erasure.account_erased",
        "The account has been erased: what was, in numbers",
        {"receipt": "019aa6b9-40c8-7e11-b2d4-6f0a3c9e8d17", "rows": "1284", "files": "210"},
    ),
    MailKind("auth.address_known", "To somebody who has an account and asked for another one", {}),
    MailKind(
        "auth.new_device",
        "Somebody signed in on a device that is new to the person",
        {
            "device": "Pixel 12",
            "time": "21 November 2026, 09:30 UTC",
            "place": "Lisbon, Portugal",
            "link": _LINK,
        },
    ),
    MailKind(
        "export.ready",
        "The link to an archive of an organization or a person",
        {"whose": "Analytical Engines", "megabytes": "48", "link": _LINK, "until": "28 November 2026, 09:32 UTC"},
    ),
    MailKind(
        "orgs.invitation",
        "The link that lets somebody join a group",
        {"organization": "Analytical Engines", "inviter": "ada", "link": _LINK, "days": "7"},
    ),
)
MAIL_KINDS = {kind.name: kind for kind in _KINDS}


def mail_template(kind: str) -> Template:
    """The texts of a kind of mail that are in force."""
    changed = MailTemplate.objects.filter(kind=kind).values_list("subject", "body").first()
    return Template(*changed) if changed else original_template(kind)


@functools.cache
def original_template(kind: str) -> Template:
    """The texts that come with the code: `templates/email/<domain>/<name>.txt`, whose first line is the subject."""
    domain, _, name = kind.partition(".")
    path = Path(settings.BASE_DIR, "templates", "email", domain, f"{name}.txt")
    subject, _, body = path.read_text(encoding="utf-8").partition("\n")
    return Template(subject.strip(), body.strip())


# For staff.


def mail_templates_for_staff() -> list[dict[str, Any]]:
    """Every kind of mail with the subject that is in force, and who has changed its texts, and when."""
    changed = {
        row["kind"]: row for row in MailTemplate.objects.values("kind", "subject", "updated_at", "updated_by__username")
    }
    return [
        {"kind": kind, "purpose": purpose, "subject": original_template(kind).subject, **changed.get(kind, {})}
        for kind, purpose, _ in _KINDS
    ]


def mail_kind_for_staff(kind: str) -> MailKind:
    """Raises NotThere."""
    if kind not in MAIL_KINDS:
        raise NotThere
    return MAIL_KINDS[kind]


def notifications_for_staff(user_id: uuid.UUID, *, limit: int) -> list[dict[str, Any]]:
    """The last `limit` things that a person was told in the app, newest first: of which kind, and whether they saw it."""
    rows = Notification.objects.filter(recipient_id=user_id).order_by("-created_at", "-id")
    return [{**row} for row in rows.values("id", "type", "created_at", "read_at")[:limit]]
