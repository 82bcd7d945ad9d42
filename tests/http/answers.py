"""Reading answers: what every problem document has, and which queries a call took."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from handset_client import Answer

MEMBERS = {"type", "title", "status", "detail", "code", "instance", "request_id"}
# What the gate asks before a view begins; with Redis most of it is no query. It has a budget of its own.
GATE_TABLES = frozenset({"rate_limit", "session", "membership"})
_TABLE = re.compile(r"(?:FROM|INTO|UPDATE) [\"`](\w+)[\"`]")


def problem_of(answer: HttpResponse | Answer, status: int, code: str) -> dict[str, Any]:
    """The problem document of a refusal, whose form is checked."""
    if isinstance(answer, Answer):
        given, headers, body = answer.status, answer.headers, answer.body
    else:
        given, headers, body = answer.status_code, {n.lower(): v for n, v in answer.items()}, answer.content
    assert given == status, body[:500]
    assert headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(body)
    assert document.keys() >= MEMBERS
    assert (document["status"], document["code"]) == (status, code)
    assert document["type"] == f"urn:handset:problem:{code}"
    assert document["title"]
    assert isinstance(document["detail"], str)
    assert document["request_id"] == headers["x-request-id"]
    assert "?" not in document["instance"]
    if status == 401:
        assert "www-authenticate" in headers
    return document


def errors_of(answer: HttpResponse | Answer, code: str = "invalid_input") -> dict[str, str]:
    """Field -> code of a refused input."""
    return {error["field"]: error["code"] for error in problem_of(answer, 400, code)["errors"]}


@contextmanager
def queries() -> Iterator[list[str]]:
    """The tables that the calls inside ask, one entry a query, in order; known once the block is over.

    Left out: the gate's, which depend on the store, the frames of transactions, and the two that a write under an
    Idempotency-Key takes besides (its claim and its answer).
    """
    tables: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield tables
    for query in captured.captured_queries:
        found = _TABLE.search(query["sql"])
        if found is not None and found[1] not in {*GATE_TABLES, "idempotency_key"}:
            tables.append(found[1])
