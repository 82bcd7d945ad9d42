"""What the views of accounts have in common."""

from typing import ClassVar

from rest_framework.response import Response

from api import throttling
from api.apis.auth import services
from api.exceptions import ApiError
from api.permissions import IsDevice
from api.platform import gate
from api.platform.limits import Limit
from api.platform.revocation import SessionState
from api.requests import ApiRequest
from api.views import ApiView

REPEATABLE = frozenset({SessionState.LIVE, SessionState.SUPERSEDED})


_FAILED_GUESSES = (services.InvalidCredentials, services.InvalidOrExpired, services.SocialTokenInvalid)


class AccountView(ApiView):
    """A call by which accounts could be guessed at: counted per device, and per account where one is named; what was
    guessed wrong, per address as well.
    """

    permission_classes = (IsDevice,)
    keeps_answers = False
    is_confidential = True
    is_sensitive = True
    # Whose rate is the device's and the account's.
    scope: ClassVar[str] = "auth_token"

    def limits(self, request: ApiRequest) -> list[Limit]:
        counted = [*super().limits(request), throttling.limit(self.scope, f"d:{request.caller.device_id}")]
        try:
            account = self._account(request)
        except Exception:
            # What cannot be read names no account; it is counted before it is refused.
            throttling.require_allowed(gate.admit(counted, request.claims).decision)
            raise
        return [*counted, throttling.limit("auth_account", f"{self.scope}:{account}", rate_of=self.scope)]

    def _account(self, request: ApiRequest) -> str:
        """Whom the call names: an address, or nobody but the person or the device that calls."""
        body = request.data
        email = body.get("email") if isinstance(body, dict) else None
        if email is None:
            return str(request.caller.user_id or request.caller.device_id)
        return services.account_key(request.caller, str(email))

    def handle_exception(self, error: Exception) -> Response:
        if isinstance(error, _FAILED_GUESSES):
            try:
                throttling.spend_failed_proof(self.request)
            except ApiError as refusal:
                error = refusal
        return super().handle_exception(error)
