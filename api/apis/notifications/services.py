"""Writing and sending mails. A template is plain text with `{{ placeholder }}`; its HTML is made from the same text."""

import hashlib
import hmac
import html
import re
import uuid
from collections.abc import Mapping
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from api.apis.notifications.selectors import MAIL_KINDS, Template, mail_template, original_template
from api.exceptions import InvalidInput, NotThere
from api.models import MailTemplate, Notification, User
from api.models.base import identity_of, uuid7
from api.platform import audit, gate, mail, nonces, outbox, staff
from api.platform.callers import Caller
from api.platform.keys import purpose_key
from api.platform.limits import Limit
from api.platform.mail import Mail
from api.platform.transactions import transactional

log = structlog.get_logger(__name__)

_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_BRACES = re.compile(r"\{\{|\}\}")
_CODE = re.compile(r"[0-9]{4} ?[0-9]{4}")
_LINK = re.compile(r"https?://[^\s<>\"]+")
_DAY_SECONDS = 86_400
# What people are told of their own accounts, however often it happens.
_NOTICES = frozenset(
    "auth.new_device auth.password_changed auth.email_change_notice auth.account_deleted erasure.account_erased "
    "export.ready".split()
)


class _TooMany(Exception):
    """The day's number is reached."""


def notify(recipient_id: uuid.UUID, kind: str, *, data: Mapping[str, str], most_a_day: int | None = None) -> None:
    """Tells a person something in the app; no more than `most_a_day` of a kind in a day, where strangers can bring it about.
    Part of the caller's transaction.
    """
    if most_a_day is not None:
        lately = timezone.now() - timedelta(days=1)
        told = Notification.objects.filter(recipient_id=recipient_id, created_at__gt=lately, type=kind)
        if told.count() >= most_a_day:
            return
    Notification.objects.create(recipient_id=recipient_id, type=kind, data=dict(data))


def send_mail(
    kind: str, *, to: str, values: Mapping[str, str], reference: str, share: str = "", sender: str = ""
) -> None:
    """Sends a mail of `kind` now; called by tasks. `reference` names the event, the same for each attempt.

    Beyond MAILS_PER_DAY of a kind (and `share`, which is counted by itself) to an address, of which one `sender` has half,
    nothing is sent, and only the log tells: whoever makes accounts or groups, and deletes them, could have a stranger
    mailed for ever. People hear of their own accounts all the same, once they have confirmed the address.
    Raises MailNotTaken.
    """
    limits = []
    is_theirs = User.objects.filter(email_identity=identity_of(to), is_email_confirmed=True).exists()
    if kind not in _NOTICES or not is_theirs:
        limits.append(_limit_of(kind, to, share, settings.MAILS_PER_DAY))
    if sender:
        limits.append(_limit_of(kind, to, f"of {sender}", (settings.MAILS_PER_DAY + 1) // 2))
    if limits and not _is_admitted(limits, reference):
        log.warning("mail.not_sent", kind=kind, reference=reference, reason="too many to this address today")
        return
    mail.send(rendered(mail_template(kind), to=to, values=values), reference=reference)


def _limit_of(kind: str, to: str, share: str, most: int) -> Limit:
    """What is counted outlives the account and its erasure; it names nobody."""
    address = hmac.digest(purpose_key("mails"), f"{kind}|{share}|{identity_of(to)}".encode(), "sha256").hex()
    return Limit("mail", f"limit:mail:{address}", most, _DAY_SECONDS)


def _is_admitted(limits: list[Limit], reference: str) -> bool:
    """Counts a mail once, however often a provider refuses it: else an hour without one would use up the day."""
    counted = hashlib.sha256(f"mail|{reference}".encode()).digest()
    try:
        with transaction.atomic():
            nonces.use(counted, until=timezone.now() + timedelta(seconds=_DAY_SECONDS))
            if gate.admit(limits).decision.denied is not None:
                raise _TooMany
    except nonces.AlreadyUsed:
        return True
    except _TooMany:
        return False
    return True


def rendered(template: Template, *, to: str, values: Mapping[str, str]) -> Mail:
    """A mail in both forms. Links that stand by themselves become buttons of the HTML, and codes are made to be read."""
    subject, body = (_filled(text, values) for text in template)
    heading = _CODE.sub(lambda code: code[0].replace(" ", "\N{NO-BREAK SPACE}"), subject)
    page = render_to_string(
        "email/layout.html", {"subject": heading, "paragraphs": paragraphs_of(template.body, values)}
    )
    return Mail(to, " ".join(subject.split()), body, page)


def paragraphs_of(body: str, values: Mapping[str, str]) -> list[dict[str, str]]:
    """What the HTML of a mail is made of: each a `link`, a `code`, or `html`, in which what people chose is escaped."""
    return [_paragraph(paragraph.strip(), values) for paragraph in re.split(r"\n\s*\n", body)]


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def _paragraph(template: str, values: Mapping[str, str]) -> dict[str, str]:
    """A paragraph for the layout: a lone link, a lone code, or text. What people chose (the name of a group, say) is
    text, whatever it looks like; so the template decides, and not what it is filled with.
    """
    place = _PLACEHOLDER.fullmatch(template)
    text = _filled(template, values)
    if _LINK.fullmatch(template) or (place and place[1] == "link"):
        return {"link": text}
    if place and place[1] == "code":
        return {"code": text}
    return {"html": html.escape(text).replace("\n", "<br>")}


def previewed(kind: str, template: Template) -> Mail:
    """What a template would look like, with examples in its places. Raises NotThere, InvalidInput."""
    _require_placeholders(kind, template)
    return rendered(template, to="somebody@example.com", values=MAIL_KINDS[kind].samples)


def _require_placeholders(kind: str, template: Template) -> None:
    if kind not in MAIL_KINDS:
        raise NotThere
    for field, text in zip(template._fields, template, strict=True):
        unknown = sorted(set(_PLACEHOLDER.findall(text)) - set(MAIL_KINDS[kind].samples))
        if unknown or _BRACES.search(_PLACEHOLDER.sub("", text)):
            known = ", ".join(MAIL_KINDS[kind].samples) or "none"
            raise InvalidInput.of(field, "placeholder", f"Placeholders of this mail: {known}.")
        if not text.strip() or (field == "subject" and len(text) > 200) or len(text) > 10_000:
            raise InvalidInput.of(field, "invalid", "Between 1 and 200 (subject) or 10,000 (body) characters.")


@transactional
def send_sample_later(caller: Caller, *, kind: str, template: Template) -> None:
    """Mails staff these texts with examples in their places, to their own address. Raises Forbidden, NotThere, InvalidInput."""
    staff.require(caller, "mails.change")
    _require_placeholders(kind, template)
    sample = {"user_id": str(caller.user_id), "kind": kind, "template": list(template), "reference": str(uuid7())}
    outbox.enqueue("notifications.send_sample", sample, about=caller.user_id)
    audit.record(caller, "mail_template.tried", target_kind="mail_template", target_id=kind)


def send_sample(*, user_id: uuid.UUID, kind: str, template: Template, reference: str) -> None:
    """Raises MailNotTaken."""
    to = User.objects.filter(id=user_id, is_active=True, is_staff=True).values_list("email", flat=True).first()
    if to:
        mail.send(rendered(template, to=to, values=MAIL_KINDS[kind].samples), reference=reference)


@transactional
def change_mail_template(caller: Caller, *, kind: str, template: Template) -> None:
    """Puts staff's texts in the place of a mail's own. Raises Forbidden, NotThere, InvalidInput."""
    staff.require(caller, "mails.change")
    _require_placeholders(kind, template)
    values = {"subject": template.subject, "body": template.body, "updated_by_id": caller.user_id}
    MailTemplate.objects.update_or_create(kind=kind, defaults=values)
    audit.record(caller, "mail_template.changed", target_kind="mail_template", target_id=kind)


@transactional
def reset_mail_template(caller: Caller, *, kind: str) -> Template:
    """Brings a mail's own texts back; harmless when they are there. Raises Forbidden, NotThere."""
    staff.require(caller, "mails.change")
    if kind not in MAIL_KINDS:
        raise NotThere
    if MailTemplate.objects.filter(kind=kind).delete()[0]:
        audit.record(caller, "mail_template.reset", target_kind="mail_template", target_id=kind)
    return original_template(kind)
