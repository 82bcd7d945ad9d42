"""A service that calls with an API key: no device, no signature."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from handset_client import Answer

from api.models import Organization
from tests.conftest import Person
from tests.phones import BASE_URL, InProcess


@dataclass
class Service:
    key: str
    scheme: str = "Api-Key"
    transport: InProcess = field(default_factory=lambda: InProcess(address="203.0.113.7"))

    def request(self, method: str, path: str, body: Any = None, **params: str) -> Answer:
        headers = {"Authorization": f"{self.scheme} {self.key}"}
        content = b""
        if body is not None:
            headers["Content-Type"], content = "application/json", json.dumps(body).encode()
        url = f"{BASE_URL}{path}" if path.startswith("/") else f"{BASE_URL}/api/v1/{path}"
        url += f"?{urlencode(params)}" if params else ""
        return Answer.read(self.transport.call(method, url, headers, content))

    def get(self, path: str, **params: str) -> Answer:
        return self.request("GET", path, **params)


def make_key(person: Person, organization: Organization, *scopes: str, **more: Any) -> tuple[str, Service]:
    """A new key's id, and a service that has it."""
    body = {"name": "Nightly sync", "scopes": list(scopes), **more}
    answer = person.post(f"orgs/{organization.slug}/api-keys/", body)
    assert answer.status == 201, answer.body
    return answer.json["id"], Service(answer.json["key"])
