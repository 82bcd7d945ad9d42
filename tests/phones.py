"""The suite's phones: the signing client on a transport that calls the server's WSGI application in this process."""

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.test import Client as Browser
from handset_client import Client, MemoryStorage, NetworkFailure, Response, ServerClock
from handset_client.device_info import DeviceInfo

BASE_URL = "http://localhost:8000"


class InProcess:
    """Sends requests through Django's whole stack; remembers the last one, and loses answers when it is told to."""

    def __init__(self, *, address: str = "192.0.2.1") -> None:
        self.address = address
        self.sent: list[tuple[str, str, dict[str, str], bytes]] = []
        self.lose_next = 0
        self._browser = Browser(enforce_csrf_checks=True, raise_request_exception=False)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        self.sent.append((method, url, dict(headers), body))
        response = self.call(method, url, headers, body)
        if self.lose_next:
            self.lose_next -= 1
            raise NetworkFailure("the answer was lost, on purpose")
        return response

    def call(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"", **environ: Any) -> Response:
        """One request as given, nothing added; `environ` overrides the WSGI environment."""
        parts = urlsplit(url)
        given = {name: value for name, value in headers.items() if name.lower() != "content-type"}
        content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
        raw = parts.path + (f"?{parts.query}" if "?" in url else "")
        extra = {"REMOTE_ADDR": self.address, "RAW_URI": raw, "HTTP_HOST": parts.netloc, **environ}
        answer = self._browser.generic(
            method, parts.path, body, content_type, headers=given, QUERY_STRING=parts.query, **extra
        )
        content = b"".join(answer) if answer.streaming else answer.content
        return Response(answer.status_code, dict(answer.items()), content)

    def replay(self) -> Response:
        """The last request once more, to the byte."""
        return self.call(*self.sent[-1])


Phone = Client
MakePhone = Callable[..., "Phone"]


def _no_sleep(seconds: float) -> None:
    """A pause that the test does not wait for."""


def make_phone(
    app_key_id: str,
    app_key_secret: str,
    *,
    hardware_key: bool = False,
    address: str = "192.0.2.1",
    storage: MemoryStorage | None = None,
    info: DeviceInfo | None = None,
) -> tuple[Phone, InProcess]:
    """A phone and the transport it calls by. Its clock is the test's; it never sleeps."""
    transport = InProcess(address=address)
    phone = Client(
        BASE_URL,
        app_key_id,
        app_key_secret,
        transport=transport,
        storage=storage,
        clock=ServerClock(wall=time.time, monotonic=time.time),
        sleep=_no_sleep,
        hardware_key=hardware_key,
        device_info=info,
    )
    return phone, transport
