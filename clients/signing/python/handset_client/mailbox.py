"""The mails that the server wrote to the people of a walk."""

import re
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path

from handset_client.demo import expect

Mailbox = Callable[[str], str]  # the text of the newest mail to an address

CODE = r"(\d{4} \d{4})"


def folder_mailbox(folder: Path) -> Mailbox:
    """The mails that EMAIL_PROVIDER=file has written."""

    def newest_to(address: str) -> str:
        newest = ""
        for path in sorted(folder.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns):
            mail = message_from_bytes(path.read_bytes(), policy=policy.default)
            text = mail.get_body(("plain",))
            if address in str(mail["To"]) and text is not None:
                newest = f"{mail['Subject']}\n{text.get_content()}"
        return newest

    return newest_to


class Post:
    """A mailbox whose mails come a little after what sends them."""

    def __init__(self, mailbox: Mailbox, wait: Callable[[], object]) -> None:
        self._mailbox, self._wait = mailbox, wait

    def awaited(self, email: str, pattern: str) -> str:
        """The first group of `pattern` in the newest mail to an address. Raises Unexpected when none comes."""
        for _ in range(60):
            found = re.search(pattern, self._mailbox(email))
            if found is not None:
                return found[1]
            self._wait()
        expect(False, f"no mail to {email} came")
        return ""
