"""The one door to mail: Django's message, carried by the backend that EMAIL_PROVIDER chooses (django-anymail)."""

import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage

from api.models.base import ascii_domain
from api.platform import metrics


class MailNotTaken(Exception):
    """Whoever carries mail did not take one; the text says why, without the address that the mail was for."""


class Mail(NamedTuple):
    """A mail to one address, as text and as HTML."""

    to: str
    subject: str
    text: str
    html: str


def send(mail: Mail, *, reference: str) -> None:
    """Hands a mail to the provider. `reference` is the same for every attempt to send the same mail.

    Raises MailNotTaken; the attempt may be repeated, and the mail then arrive twice.
    """
    recipient = _recipient(mail.to)
    sender = settings.DEFAULT_FROM_EMAIL
    domain = sender.rpartition("@")[2].rstrip(">") or "localhost"
    message = EmailMultiAlternatives(
        mail.subject,
        mail.text,
        sender,
        [recipient],
        headers={"Message-ID": f"<{reference}@{domain}>", "Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(mail.html, "text/html")
    try:
        message.send()
    except Exception as error:  # noqa: BLE001 -- each backend has errors of its own
        # Servers and backends name the recipient; the text, and a traceback with the error in it, go to logs and lists.
        names = f"{re.escape(mail.to)}|{re.escape(recipient)}"
        metrics.MAILS.labels("refused").inc()
        reason = re.sub(names, "<recipient>", f"{type(error).__name__}: {error}", flags=re.IGNORECASE)
        raise MailNotTaken(reason) from None
    metrics.MAILS.labels("taken").inc()


def _recipient(address: str) -> str:
    """An address as it goes over the wire. Django would write its domain by IDNA 2003, and so what is for `straße.de`
    to whoever owns `strasse.de`.
    """
    local, _, domain = address.rpartition("@")
    return address if domain.isascii() else f"{local}@{ascii_domain(domain)}"


class Files(BaseEmailBackend):
    """Keeps each mail as an .eml file under EMAIL_FILE_PATH, readable by its owner only."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder = Path(settings.EMAIL_FILE_PATH)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            with tempfile.NamedTemporaryFile(dir=folder, prefix=".", delete=False) as draft:
                draft.write(message.message().as_bytes())
            # Whoever watches the folder sees whole mails only.
            os.replace(draft.name, folder / f"{time.time_ns()}.eml")
        return len(email_messages)


class TerminalAndFiles(Files):
    """Shows each mail in the terminal as well."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            lines = [f"To: {', '.join(message.to)}", f"Subject: {message.subject}", "", *str(message.body).splitlines()]
            sys.stdout.write("".join(f"  mail | {line}\n" for line in lines))
        sys.stdout.flush()
        return super().send_messages(email_messages)
