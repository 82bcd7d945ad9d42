"""Calls of the API before they are addressed, authorised and signed, and after."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from json import dumps
from typing import Any, Self
from urllib.parse import quote, urlencode

from handset_client.signature import Tag

# What these are signed for follows from where they go; they take no access token.
_PURPOSES = {
    "device/register/": Tag.REGISTER,
    "device/challenge/": Tag.REGISTER,
    "device/rotate/": Tag.TOKEN,
    "device/revoke/": Tag.TOKEN,
    "auth/get-token/": Tag.TOKEN,
    "auth/refresh-token/": Tag.TOKEN,
    "token/refresh/": Tag.TOKEN,
}


@dataclass(frozen=True, slots=True)
class Call:
    """What to do, whoever does it and whenever.

    `path` is relative to `/api/v1/`, unless it starts with `/`; `query` is already encoded.
    """

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_signed: bool = False  # where a signature is optional

    @classmethod
    def of_json(
        cls,
        method: str,
        path: str,
        json: Any = None,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        is_signed: bool = False,
    ) -> Self:
        """A call with a JSON body, or with none if `json` is None.

        `params` become the query; a list repeats its name.
        """
        body = b"" if json is None else dumps(json, ensure_ascii=False).encode()
        content = {"Content-Type": "application/json"} if body else {}
        query = urlencode(params or {}, doseq=True, quote_via=quote)
        return cls(method, path, query, body, {**content, **(headers or {})}, is_signed)

    @property
    def purpose(self) -> Tag:
        """What its signature is for."""
        return _PURPOSES.get(self.path, Tag.REQUEST)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call, ready to be sent: once, and within minutes, as long as its signature is good."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
