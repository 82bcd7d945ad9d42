"""An archive of everything, against a real server: asked for on a phone, followed while it is made, fetched by the mailed link.

Somebody takes the contacts of an older phone along, one of which is named like a formula, asks for an archive of them, sees
it come, opens the mail's page in a browser that knows nothing of them, and holds what the archive has against its manifest.
"""

import csv
import hashlib
import html
import io
import json
import re
import secrets
import zipfile
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urljoin

from handset_client.calls import Call
from handset_client.client import Client
from handset_client.demo import expect
from handset_client.mailbox import CODE, Mailbox, Post
from handset_client.outcomes import accept
from handset_client.transport import Response, Transport

FORMULA = '=HYPERLINK("https://example.com";"Ada")'
_LOOKS = 3000
_BOUNDARY = "the-older-phone"


class ExportWalk:
    """One walk. Each step says one line, or raises Unexpected."""

    def __init__(
        self,
        base_url: str,
        new_client: Callable[[], Client],
        *,
        transport: Transport,
        mailbox: Mailbox,
        wait: Callable[[], object],
        contacts: int,
        say: Callable[[str], object] = print,
    ) -> None:
        self._base_url, self._new_client, self._transport = base_url, new_client, transport
        self._post, self._wait, self._contacts, self._say = Post(mailbox, wait), wait, contacts, say

    def run(self) -> bytes:
        """Walks all the way; the archive. Raises Unexpected, Refused, NetworkFailure."""
        phone, email = self._new_client(), f"ada-{secrets.token_hex(5)}@example.com"
        phone.get_token()
        accept(phone.request("POST", "auth/magic/request/", {"email": email}))
        phone.start_session("auth/magic/verify/", {"token": self._post.awaited(email, CODE).replace(" ", "")})
        self._bring(phone)
        (own,) = accept(phone.request("GET", "orgs/")).json["data"]
        place = f"orgs/{own['slug']}/export/"
        begun = accept(phone.request("POST", place))
        again = accept(phone.request("POST", place)).json
        expect((begun.status, begun.json["url"]) == (202, None), f"the request is answered {begun.status}")
        expect(again["id"] == begun.json["id"], "a second archive is made beside the first")
        self._say("ok   an archive was asked for, twice, and one is made")
        seen = self._followed(phone, begun.json["id"])
        self._say(f"ok   it came: {', '.join(f'{per_cent} %' for per_cent in seen)}")
        token = self._post.awaited(email, r"/export\?token=([A-Za-z0-9_-]{43})")
        content = self._fetched(token)
        ready = accept(phone.request("GET", f"{place}{begun.json['id']}/")).json
        expect(ready["size_bytes"] == len(content), "the file has not the size that was told")
        self._say(f"ok   the mail's page gave {len(content):,} bytes to a browser that holds no session")
        self._look_into(content)
        accept(phone.request("DELETE", f"{place}{begun.json['id']}/"))
        expect(self._page(token).status == 400, "the link outlives its archive")
        self._say("ok   the archive was removed, and its link ended with it")
        return content

    def _bring(self, phone: Client) -> None:
        """Imports a table, and waits until that is done."""
        table = io.StringIO()
        rows = csv.writer(table)
        rows.writerow(["first_name", "last_name", "emails", "notes"])
        rows.writerow([f"'{FORMULA}", "Lovelace", "ada@example.com", "the ' is how a table says that it is text"])
        for number in range(1, self._contacts):
            note = f"Met on day {number}. " + secrets.token_hex(100)
            rows.writerow([f"Contact {number}", "Somebody", f"contact.{number}@example.com", note])
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="contacts.csv"\r\n\r\n'
        body = f"{head}{table.getvalue()}\r\n--{_BOUNDARY}--\r\n".encode()
        kind = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
        job = accept(phone.perform(Call("POST", "contacts/import/", body=body, headers=kind))).json
        self._followed(phone, job["id"])
        self._say(f"ok   {self._contacts:,} contacts came from a table, one of them named like a formula")

    def _followed(self, phone: Client, job_id: str) -> list[int]:
        """The percentages of a job, each once, until it has succeeded."""
        seen: list[int] = []
        for _ in range(_LOOKS):
            job = accept(phone.request("GET", f"tasks/{job_id}/")).json
            expect(job["state"] in {"PENDING", "STARTED", "SUCCESS"}, f"the job is {job['state']}: {job['error']}")
            expect(not seen or job["progress"] >= seen[-1], "the progress went back")
            if job["progress"] not in seen:
                seen.append(job["progress"])
            if job["state"] == "SUCCESS":
                return seen
            self._wait()
        expect(False, "the job did not end")
        return seen

    def _page(self, token: str) -> Response:
        return self._transport.send("GET", f"{self._base_url}/export/?{urlencode({'token': token})}", {}, b"")

    def _fetched(self, token: str) -> bytes:
        """What a browser gets that follows the mail and presses the button."""
        page = self._page(token)
        expect(page.status == 200, f"the mailed link is answered {page.status}")
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.body.decode()))
        cookie = next((value for name, value in page.headers.items() if name.lower() == "set-cookie"), "")
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            **({"Cookie": cookie.partition(";")[0]} if cookie else {}),
        }
        body = urlencode(fields).encode()
        pressed = self._transport.send("POST", f"{self._base_url}/export/", headers, body)
        found = re.search(r'<a href="([^"]+)"[^>]* download', pressed.body.decode())
        expect(pressed.status == 200 and found is not None, f"the button is answered {pressed.status}")
        assert found is not None
        file = self._transport.send("GET", urljoin(f"{self._base_url}/", html.unescape(found[1])), {}, b"")
        expect(file.status == 200, f"the file is answered {file.status}")
        return file.body

    def _look_into(self, content: bytes) -> None:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            expect(archive.testzip() is None, "the archive is damaged")
            manifest = json.loads(archive.read("manifest.json"))
            told = {each["path"]: (each["bytes"], each["sha256"]) for each in manifest["files"]}
            expect({*told} == {*archive.namelist()} - {"manifest.json"}, "the manifest is not what is there")
            for path, facts in told.items():
                file = archive.read(path)
                expect((len(file), hashlib.sha256(file).hexdigest()) == facts, f"{path} is not as the manifest says")
            rows: list[dict[str, Any]] = [json.loads(line) for line in archive.read("contacts.jsonl").splitlines()]
            cells = [cell for row in csv.reader(io.StringIO(archive.read("contacts.csv").decode())) for cell in row]
        expect(manifest["missing"] == [], f"missing: {manifest['missing']}")
        expect(len(rows) == manifest["counts"]["contacts"] == self._contacts, f"it has {len(rows)} contacts")
        expect(any(row["first_name"] == FORMULA for row in rows), "the formula is not told as it was")
        expect(f"'{FORMULA}" in cells, "the table has the formula bare, or not at all")
        expect(not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells), "the table has a formula")
        self._say(f"ok   {len(told)} files are as the manifest says, and no cell of the table is a formula")
