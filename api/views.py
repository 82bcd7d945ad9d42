"""The base of every API view: proof, the gate, permission, in this order; then the method named for the verb."""

from http import HTTPStatus
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import throttling
from api.exceptions import ApiError, InvalidInput
from api.permissions import IsPublic
from api.platform import gate, revocation
from api.platform.limits import NOTHING_COUNTED, Decision, Limit
from api.platform.revocation import SessionState
from api.platform.signing import Tag
from api.platform.tokens import TokenRevoked
from api.requests import ApiRequest, require_no_parameters


class SignatureRequired(ApiError):
    """The policy of this server asks for a signature on this call (DEVICE_SIGNATURE_POLICY)."""

    status = HTTPStatus.FORBIDDEN
    code = "signature_required"
    title = "This call has to be signed"


class ApiView(APIView):
    """A resource. Say who may enter by `permission_classes`; the other attributes have safe defaults."""

    # Which purpose a signature must have here, and whether there has to be one in any case.
    signature_tag: ClassVar[Tag] = Tag.REQUEST
    signature_is_required: ClassVar[bool] = False
    # False where the answer is about the signature itself.
    verifies_signature: ClassVar[bool] = True
    # False where an Authorization header means nothing (the token endpoints).
    takes_token: ClassVar[bool] = True
    # Signed under the policy "sensitive": account, device and member management, keys, exports, billing.
    is_sensitive: ClassVar[bool] = False
    # Sessions that may call: a superseded or ended one only where its lost answer can be asked for again.
    session_states: ClassVar[frozenset[SessionState]] = frozenset({SessionState.LIVE})
    # False where a write has nothing to say.
    takes_body: ClassVar[bool] = True
    # A list counts against the limits of lists and searches.
    is_list: ClassVar[bool] = False
    # Its answers carry secrets: they must not be stored anywhere.
    is_confidential: ClassVar[bool] = False
    cache_control: ClassVar[str] = "private, no-cache"

    request: ApiRequest
    decision: Decision = NOTHING_COUNTED

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        parsers: list[BaseParser] = self.get_parsers()
        return ApiRequest(
            request,
            parsers=parsers,
            authenticators=self.get_authenticators(),
            negotiator=self.get_content_negotiator(),
            parser_context=self.get_parser_context(request),
        )

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        assert isinstance(request, ApiRequest)
        self.format_kwarg = None  # an attribute that DRF's own code reads; formats by suffix are not offered
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        self.perform_authentication(request)
        self._pass_the_gate(request)
        self.check_permissions(request)
        self._require_policy(request)
        self._require_nothing_else(request)

    def limits(self, request: ApiRequest) -> list[Limit]:
        """What this call is counted against."""
        return throttling.content_limits(request, is_list=self.is_list)

    def _pass_the_gate(self, request: ApiRequest) -> None:
        admission = gate.admit(self.limits(request), request.claims)
        if admission.session not in self.session_states:
            raise TokenRevoked
        self.decision = admission.decision
        throttling.require_allowed(admission.decision)
        if request.claims is not None:
            request.enter(admission.memberships)
            if request.claims.is_first_of_session and admission.session is SessionState.LIVE:
                revocation.record_first_use(request.claims.session_id)

    def _require_policy(self, request: ApiRequest) -> None:
        """Raises SignatureRequired where the policy wants a signature and there is none."""
        if request.signing_device is not None or request.claims is None:
            return
        policy = settings.DEVICE_SIGNATURE_POLICY
        is_unsafe = request.method not in throttling.SAFE_METHODS
        if policy == "all" or (is_unsafe and (policy == "unsafe" or (policy == "sensitive" and self.is_sensitive))):
            raise SignatureRequired

    def _require_nothing_else(self, request: ApiRequest) -> None:
        """Refuses parameters and members where none are known. Lists look at their own parameters."""
        if request.method not in self.allowed_methods:
            return  # which is what the answer says
        if not self.is_list or request.method not in throttling.SAFE_METHODS:
            require_no_parameters(request)
        if not self.takes_body and request.method not in throttling.SAFE_METHODS and request.data:
            raise InvalidInput.of("", "unknown_field", "This call takes no body.")

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        throttling.add_headers(response, self.decision)
        response["Cache-Control"] = "no-store" if self.is_confidential else self.cache_control
        response["Vary"] = "Authorization"
        return response


class DeviceSignedView(ApiView):
    """Signed by the device's key; a bearer token means nothing here."""

    permission_classes = (IsPublic,)
    signature_tag = Tag.TOKEN
    signature_is_required = True
    takes_token = False
    is_confidential = True

    def limits(self, request: ApiRequest) -> list[Limit]:
        return [throttling.limit("auth_token", f"d:{request.caller.device_id}")]
