"""The mails that a test's calls have caused, once the outbox has been carried out."""

import re
from typing import NamedTuple

from django.core import mail

from api.apis.jobs import services as jobs

_LINK = re.compile(r"https?://\S+\?token=(\S+)")


class Received(NamedTuple):
    to: str
    subject: str
    text: str

    @property
    def token(self) -> str:
        """What the mail's link carries."""
        match = _LINK.search(self.text)
        assert match, self.text
        return match[1]

    @property
    def code(self) -> str:
        """The eight digits."""
        match = re.search(r"(\d{4}) (\d{4})", self.subject)
        assert match, self.subject
        return match[1] + match[2]


def received(to: str | None = None) -> list[Received]:
    """The mails since the last time, to anybody or to one address, oldest first. Each has both forms."""
    while jobs.run_due():
        pass
    found = []
    for message in mail.outbox:
        (page, kind) = message.alternatives[0]  # type: ignore[attr-defined]
        assert kind == "text/html"
        assert "{{" not in f"{message.subject}{message.body}{page}"
        found.append(Received(message.to[0], str(message.subject), str(message.body)))
    mail.outbox.clear()
    return [one for one in found if to in (None, one.to)]
