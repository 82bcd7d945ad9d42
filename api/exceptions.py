"""Refusals, in plain Python: whatever a rule says no to is an `ApiError`, and `api.problems` renders it (RFC 9457).

A domain's own errors stand above the verb that raises them, in its services. Here are those that several share.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar


class ApiError(Exception):
    """A refusal with a status, a stable `code` that clients switch on, and a title for people. `remedy` tells authors of
    clients what to do about it, where its status does not say enough; the docstring, when it comes.

    `members` are facts that go into the document; never identifiers of strangers' things, never secrets.
    """

    status: ClassVar[HTTPStatus]
    code: ClassVar[str]
    title: ClassVar[str]
    detail: ClassVar[str] = ""
    remedy: ClassVar[str] = ""

    def __init__(self, detail: str | None = None, *, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(self.code)
        self.text = detail if detail is not None else self.detail
        self.headers = dict(headers or {})
        self.members = members


class InvalidInput(ApiError):
    """What was sent does not fit; `errors` says where: [{"field", "code", "message"}]."""

    status = HTTPStatus.BAD_REQUEST
    code = "invalid_input"
    title = "The request is not valid"

    def __init__(self, errors: list[dict[str, str]], detail: str = "See `errors`.") -> None:
        super().__init__(detail, errors=errors)

    @classmethod
    def of(cls, field: str, code: str, message: str) -> "InvalidInput":
        return cls([{"field": field, "code": code, "message": message}])


class NotThere(ApiError):
    """Missing, or somebody else's: the two are indistinguishable."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"
    title = "There is nothing here"


class Forbidden(ApiError):
    """The role in the organization, or the rights of staff, do not cover this."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"
    title = "You may not do this"


class SignInRequired(ApiError):
    """The device is known, but nobody is signed in on it."""

    status = HTTPStatus.FORBIDDEN
    code = "sign_in_required"
    title = "A person has to sign in first"
    remedy = "Sign out: the device is known, nobody is signed in on it any more; ask who it is."


class AccountRequired(ApiError):
    """A guest is signed in; this needs a person with an address."""

    status = HTTPStatus.FORBIDDEN
    code = "account_required"
    title = "Guests have no account yet"


class IdConflict(ApiError):
    """Something else was created under the id that the client has chosen."""

    status = HTTPStatus.CONFLICT
    code = "id_conflict"
    title = "The identifier is taken"
    detail = "Something else was created under this identifier; take a new one."
    remedy = "Take a new id and create again."


class TooManyRequests(ApiError):
    """A limit is used up: the caller's own, or the one of the address it calls from."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "throttled"
    title = "Too many requests"
    detail = "Wait for the time in Retry-After."


class TemporarilyUnavailable(ApiError):
    """A store that this call needs does not answer."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "temporarily_unavailable"
    title = "Temporarily unavailable"
    # Not that nothing was changed: a database may have lost its answer to a COMMIT.
    detail = "Try again after the time in Retry-After, under the same id or Idempotency-Key."

    def __init__(self, *, retry_after_seconds: int = 2) -> None:
        super().__init__(headers={"Retry-After": str(retry_after_seconds)})
