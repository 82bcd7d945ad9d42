"""What is counted for a request, and per whom. The decision itself is one call of `api.platform.gate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from api.exceptions import TooManyRequests
from api.platform import gate
from api.platform.limits import Decision, Limit
from api.requests import ApiRequest, address_block, client_address

if TYPE_CHECKING:  # DRF's views load `api.permissions`, and this module with it, while they are being loaded
    from rest_framework.response import Response

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Counted per account: what is left of these would tell a stranger about somebody else's attempts.
_UNTOLD_SCOPES = frozenset({"auth_account"})


def limit(scope: str, who: str, *, rate_of: str = "") -> Limit:
    """The limit of `scope` for `who`, at the rate of the settings."""
    rate = settings.RATES[rate_of or scope]
    return Limit(scope, f"limit:{scope}:{who}", rate.limit, rate.period_seconds)


def principal_of(request: ApiRequest) -> str:
    """Whom content limits count: the person, else the API key, else the device, else the address."""
    return request.caller.principal or f"a:{address_block(client_address(request._request))}"


def content_limits(request: ApiRequest, *, is_list: bool) -> list[Limit]:
    """The limits of an ordinary call."""
    who = principal_of(request)
    scopes = ["burst", "sustained"]
    if request.method not in SAFE_METHODS:
        scopes.append("data_modification")
    elif is_list:
        scopes.append("search" if "q" in request.query_params else "content_listing")
    return [limit(scope, who) for scope in scopes]


def address_limit(request: ApiRequest, purpose: str = "proofs") -> Limit:
    """The budget of the caller's address: failed proofs and registrations apart, so that one does not use up both."""
    return limit("auth_address", f"{purpose}:{address_block(client_address(request._request))}")


def spend_failed_proof(request: ApiRequest) -> None:
    """Counts a proof that failed. Raises TooManyRequests once the address has used its budget up."""
    require_allowed(gate.admit([address_limit(request)]).decision)


def require_allowed(decision: Decision) -> None:
    """Raises TooManyRequests when a limit denied the request."""
    if decision.denied is not None:
        raise TooManyRequests(headers={"Retry-After": str(max(1, decision.retry_after_seconds))})


def add_headers(response: Response, decision: Decision) -> None:
    """Tells what is left: of the tightest limit, and of all of them (draft-ietf-httpapi-ratelimit-headers)."""
    states = [state for state in decision.states if state.limit.scope not in _UNTOLD_SCOPES]
    if not states:
        return
    tightest = min(states, key=lambda state: state.remaining)
    response["X-RateLimit-Limit"] = str(tightest.limit.limit)
    response["X-RateLimit-Remaining"] = str(tightest.remaining)
    response["X-RateLimit-Reset"] = str(tightest.reset_seconds)
    response["RateLimit-Policy"] = ", ".join(
        f'"{state.limit.scope}";q={state.limit.limit};w={state.limit.period_seconds}' for state in states
    )
    response["RateLimit"] = ", ".join(
        f'"{state.limit.scope}";r={state.remaining};t={state.reset_seconds}' for state in states
    )
