"""A mail server on loopback, which keeps what it takes and refuses what it is told to."""

import asyncio
import logging
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, NamedTuple, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

TAKEN = "250 2.0.0 taken"

# What the server's own log tells of addresses is not the product's.
logging.getLogger("mail.log").setLevel(logging.ERROR)


class Delivery(NamedTuple):
    """One mail as it came over the wire."""

    sender: str
    recipients: list[str]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        return cast(EmailMessage, message_from_bytes(self.raw, policy=default))

    def part(self, kind: str) -> str:
        """The text of the alternative `plain` or `html`."""
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content())


class PostOffice(Controller):
    """Listens on a port that was free. `refusals` are the replies to the next attempts, in their order, at
    DATA, or at RCPT where a reply says that the recipient (5.1.1) is what is wrong."""

    def __init__(self) -> None:
        super().__init__(self, hostname="127.0.0.1", port=0)
        self.deliveries: list[Delivery] = []
        self.refusals: list[str] = []
        self.attempts = 0
        self.is_held = False  # whether senders wait for a reply to their mail

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd's name, as below
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refusals and " 5.1.1 " in self.refusals[0]:
            self.attempts += 1
            return self.refusals.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 recipient taken"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.attempts += 1
        while self.is_held:
            await asyncio.sleep(0.01)
        if self.refusals:
            return self.refusals.pop(0)
        content: Any = envelope.original_content
        self.deliveries.append(Delivery(str(envelope.mail_from), list(envelope.rcpt_tos), content))
        return TAKEN
