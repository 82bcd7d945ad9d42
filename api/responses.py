"""What a view's method answers: data and a status. `api.views` makes the bytes of it, and all headers that each answer has."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple


class Response(NamedTuple):
    """`data` is JSON, or None for an answer without a body."""

    data: Any = None
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = {}
