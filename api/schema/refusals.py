"""Problem responses: every error that an operation can answer, by status and code, with an example of each."""

import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from api import problems
from api.exceptions import ApiError, InvalidInput

_REFUSED = {
    400: "The request is not valid.",
    401: "A proof is missing or not good.",
    403: "Known, but not allowed.",
    404: "Not there, or not yours.",
    408: "It took too long to arrive.",
    409: "In conflict with the present state.",
    412: "Changed meanwhile.",
    413: "The body is too large.",
    415: "The body's media type is not taken.",
    422: "The key belongs to another request.",
    426: "The app is too old.",
    428: "This server wants to know which version is meant.",
    429: "Too many requests.",
    500: "The unexpected.",
    503: "A store that is needed does not answer.",
}


def codes(parent: type[ApiError] = ApiError) -> Iterator[type[ApiError]]:
    """Every error with a code of its own that is loaded."""
    for child in parent.__subclasses__():
        if "code" in vars(child):
            yield child
        yield from codes(child)


def when(problem: type[ApiError]) -> str:
    """When an error comes, in the words of its docstring."""
    return " ".join(inspect.cleandoc(vars(problem).get("__doc__") or "").split())


def refusals(errors: Iterable[type[ApiError]], headers_of: Callable[[int], dict[str, Any]]) -> dict[str, Any]:
    """The problem responses of an operation, by status, each with its codes and an example of each."""
    by_status: dict[int, list[type[ApiError]]] = {}
    for error in sorted(errors, key=lambda error: (error.status, error.code)):
        by_status.setdefault(int(error.status), []).append(error)
    return {
        str(status): {
            "description": _REFUSED[status],
            "headers": headers_of(status),
            "content": {
                problems.MEDIA_TYPE: {
                    "schema": {
                        "allOf": [
                            {"$ref": "#/components/schemas/Problem"},
                            {"properties": {"code": {"enum": [error.code for error in found]}}},
                        ]
                    },
                    "examples": {error.code: {"$ref": f"#/components/examples/{error.code}"} for error in found},
                }
            },
        }
        for status, found in by_status.items()
    }


def shared_refusals(operations: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The refusals that several operations have in common; these refer to them from now on."""
    users: dict[str, list[Mapping[str, Any]]] = {}
    for operation in operations:
        for status, answer in operation["responses"].items():
            if problems.MEDIA_TYPE in answer.get("content", ()):
                users.setdefault(f"{status} {json.dumps(answer)}", []).append(operation)
    shared: dict[str, Any] = {}
    for key, sharing in sorted(users.items(), key=lambda item: -len(item[1])):
        status, _, answer = key.partition(" ")
        if len(sharing) > 1:
            number = sum(name.startswith(f"Problem{status}") for name in shared)
            name = f"Problem{status}" + (f"_{number + 1}" if number else "")
            shared[name] = json.loads(answer)
            for operation in sharing:
                operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    return shared


_TEXT_MEMBER = {"type": "string"}
PROBLEM = {
    "type": "object",
    "description": "RFC 9457.",
    "required": ["type", "title", "status", "detail", "code", "instance", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Ends in the code."},
        "title": _TEXT_MEMBER,
        "status": {"type": "integer", "description": "The same as the answer's."},
        "detail": {**_TEXT_MEMBER, "description": "For people; may be empty."},
        "code": {**_TEXT_MEMBER, "description": "Stable; switch on it. See docs/errors.md."},
        "instance": {**_TEXT_MEMBER, "description": "The path that was called."},
        "request_id": _TEXT_MEMBER,
        "errors": {
            "type": "array",
            "description": "With `invalid_input`: what does not fit, and where (`emails.0.value`).",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": dict.fromkeys(("field", "code", "message"), _TEXT_MEMBER),
            },
        },
        "missing": {
            "type": "array",
            "description": "With `upload_incomplete`: the numbers of the parts that have not come.",
            "items": {"type": "integer"},
        },
        "organizations": {
            "type": "array",
            "description": "With `last_owner`: the groups that would be left without an owner.",
            "items": {
                "type": "object",
                "required": ["id", "slug", "name"],
                "properties": dict.fromkeys(("id", "slug", "name"), _TEXT_MEMBER),
            },
        },
        "parameter": {**_TEXT_MEMBER, "description": "With `unknown_parameter`: its name."},
        "field": {**_TEXT_MEMBER, "description": "With `merged_too_large`: a member of the contact."},
        "required": {**_TEXT_MEMBER, "description": "With `attestation_required`: `basic` or `strong`."},
        "server_time": {"type": "integer", "description": "With `clock_skew` and `replay_cache_reset`: seconds."},
        "store_url": {
            "type": ["string", "null"],
            "description": "With `app_build_blocked` and `app_upgrade_required`.",
        },
    },
}
# The members that single codes add, as an example has them.
_EXAMPLE_MEMBERS: Mapping[str, Mapping[str, Any]] = {
    "invalid_input": {"errors": [{"field": "limit", "code": "invalid", "message": "From 1 to 100."}]},
    "last_owner": {
        "organizations": [
            {"id": "019aa6b3-1e81-7c22-a0d7-93b5f6e8c014", "slug": "engines-q7m2ks", "name": "Analytical Engines"}
        ]
    },
    "upload_incomplete": {"missing": [2]},
    "unknown_parameter": {"parameter": "colour"},
    "attestation_required": {"required": "basic"},
    "merged_too_large": {"field": "notes"},
    "clock_skew": {"server_time": 1795258800},
    "replay_cache_reset": {"server_time": 1795258800},
    "app_build_blocked": {"store_url": "https://store.example/app"},
    "app_upgrade_required": {"store_url": "https://store.example/app"},
}


def examples(operations: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """A problem document for every code that an operation names, as the last of them answers it."""
    where: dict[str, str] = {}
    for path, operation in operations:
        for answer in operation["responses"].values():
            for code in answer.get("content", {}).get(problems.MEDIA_TYPE, {}).get("examples", ()):
                where[code] = re.sub(r"{\w+}", "ada-lovelace-k3x7qz", path)
    by_code = {problem.code: problem for problem in codes()}
    return {code: _example(by_code[code], where[code]) for code in sorted(where)}


def _example(problem: type[ApiError], path: str) -> dict[str, Any]:
    value = {
        "type": f"urn:handset:problem:{problem.code}",
        "title": problem.title,
        "status": int(problem.status),
        "detail": problem.detail or ("See `errors`." if problem is InvalidInput else ""),
        "code": problem.code,
        "instance": path,
        "request_id": "0f8c1f4e-6f0b-4a57-9d43-2b1f7a9d5c11",
        **_EXAMPLE_MEMBERS.get(problem.code, {}),
    }
    return {"summary": problem.title, "description": when(problem), "value": value}
