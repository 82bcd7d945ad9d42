"""The base of every API view: proof, the gate, permission, in this order; then the method named for the verb.

A write under an Idempotency-Key is one transaction. What it has to do before that, because it takes long or is to stay
whatever becomes of the rest, is the method `prepare_<verb>`.
"""

import functools
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus
from typing import Any, ClassVar, NamedTuple, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import http_date
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response as RestResponse
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from api import conditions, idempotency, throttling
from api.exceptions import ApiError, InvalidInput
from api.parsers import FormParser
from api.permissions import IsPublic
from api.platform import api_keys, attestation, gate, revocation
from api.platform.api_keys import KeyClaims
from api.platform.limits import NOTHING_COUNTED, Decision, Limit
from api.platform.memberships import Memberships
from api.platform.revocation import SessionState
from api.platform.signing import Tag
from api.platform.tokens import TokenRevoked
from api.platform.versions import VersionConflict
from api.renderers import to_json
from api.requests import ApiRequest, UnknownParameter, require_known_app, require_no_parameters
from api.responses import Response


class SignatureRequired(ApiError):
    """The policy of this server asks for a signature on this call (DEVICE_SIGNATURE_POLICY)."""

    status = HTTPStatus.FORBIDDEN
    code = "signature_required"
    title = "This call has to be signed"
    remedy = "Repeat it signed."


class AttestationRequired(ApiError):
    """The device is not trusted far enough to change anything here (ATTESTATION_REQUIRED): `required` says how far."""

    status = HTTPStatus.FORBIDDEN
    code = "attestation_required"
    title = "This device has to attest first"
    remedy = "Attest by device/attest/, ask for a token by auth/get-token/, repeat it."


class Deprecation(NamedTuple):
    """When a resource was declared to go away (RFC 9745), and when it will be gone (RFC 8594)."""

    since: datetime
    sunset: datetime


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
    # Methods that change nothing, and need neither the signature nor the trust that a write may need.
    safe_methods: ClassVar[frozenset[str]] = throttling.SAFE_METHODS
    # True where a file is uploaded: a form instead of JSON, and a larger body.
    takes_files: ClassVar[bool] = False
    # The setting that says how many bytes of files, and the parts of the form that may come several times.
    files_limit: ClassVar[str] = "UPLOAD_MAX_BYTES"
    repeated_parts: ClassVar[frozenset[str]] = frozenset()
    # Parameters of the query that are known where one resource is read.
    parameters: ClassVar[frozenset[str]] = frozenset()
    # A list counts against the limits of lists and searches.
    is_list: ClassVar[bool] = False
    # False where writes are repeatable by themselves, or answer secrets: no answer is kept under an Idempotency-Key.
    keeps_answers: ClassVar[bool] = True
    # True where a 202 says by Location where to look for what comes of it.
    answers_location: ClassVar[bool] = False
    # True where what is read may have gone to another address, which Content-Location names then.
    answers_content_location: ClassVar[bool] = False
    # True where an app below the minimum version is served all the same.
    serves_old_apps: ClassVar[bool] = False
    # True where a device that ATTESTATION_REQUIRED does not trust may change something all the same.
    serves_unattested: ClassVar[bool] = False
    # Its answers carry secrets: they must not be stored anywhere.
    is_confidential: ClassVar[bool] = False
    cache_control: ClassVar[str] = "private, no-cache"
    deprecation: ClassVar[Deprecation | None] = None

    request: ApiRequest
    decision: Decision = NOTHING_COUNTED

    @property
    def allowed_methods(self) -> list[str]:
        view: Any = type(self)  # a class can be hashed, which its stubs do not know
        return _methods_of(view)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        parsers: list[BaseParser] = self.get_parsers()
        return ApiRequest(
            request,
            parsers=parsers,
            authenticators=self.get_authenticators(),
            negotiator=self.get_content_negotiator(),
            parser_context=self.get_parser_context(request),
        )

    def get_parsers(self) -> list[BaseParser]:
        return [FormParser(self.repeated_parts)] if self.takes_files else super().get_parsers()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """DRF's own, with what every answer passes through between the view's method and the wire."""
        self.args, self.kwargs = args, kwargs
        self.headers = self.default_response_headers
        typed = self.initialize_request(request, *args, **kwargs)
        assert isinstance(typed, ApiRequest)
        self.request = typed
        try:
            self.initial(typed, *args, **kwargs)
            response = self._answer(typed)
        except Exception as error:  # noqa: BLE001 -- as DRF does: the handler renders refusals and re-raises the rest
            response = self.handle_exception(error)
        finalized: HttpResponseBase = self.finalize_response(typed, response, *args, **kwargs)
        return finalized

    def _answer(self, request: ApiRequest) -> HttpResponseBase:
        """The method's answer; the first one again for the repeat of a write."""
        verb = (request.method or "").lower()
        is_known = verb in self.http_method_names
        method = getattr(self, verb, self.http_method_not_allowed) if is_known else self.http_method_not_allowed
        fields = self._chosen_fields(request)

        def perform() -> HttpResponse:
            return self._rendered(request, method(request, *self.args, **self.kwargs), fields)

        key = idempotency.key_of(request) if self.keeps_answers else None
        prepare = getattr(self, f"prepare_{verb}", None)
        if prepare is not None:
            prepare(request, *self.args, **self.kwargs)
        return idempotency.answered_once(request, key, perform) if key else perform()

    def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]  # as all methods
        """Which methods there are stands in `Allow`, as it does on every answer."""
        return Response(status=HTTPStatus.NO_CONTENT)

    def _rendered(
        self, request: ApiRequest, response: Response | HttpResponse, fields: frozenset[str] | None
    ) -> HttpResponse:
        """The bytes of an answer, with the entity tag of what it represents; 304 for who has it already."""
        if isinstance(response, HttpResponse | StreamingHttpResponse):
            assert not isinstance(response, RestResponse), "answer with api.responses.Response, which costs less"
            return response
        data, status, headers = response
        version = data.get("version") if isinstance(data, dict) else None
        body = b"" if data is None else to_json(_cut(data, fields) if fields else data)
        rendered = HttpResponse(body, "application/json", status, headers=headers)
        if data is None:
            del rendered["Content-Type"]
        elif not self.is_confidential and "ETag" not in rendered and status < HTTPStatus.MULTIPLE_CHOICES:
            rendered["ETag"] = conditions.etag_of(body, version=version)
        if request.method in {"GET", "HEAD"} and "ETag" in rendered:
            etag = rendered["ETag"]
            return conditions.not_modified(etag) if conditions.is_unchanged(request, etag) else rendered
        return rendered

    @classmethod
    def representation(cls) -> type[Serializer[Any]] | None:
        """What reading this answers, or each entry of it, as `@answers` or `@lists` says; None where that is no resource."""
        return getattr(getattr(cls, "get", None), "represents", None)

    def _chosen_fields(self, request: ApiRequest) -> frozenset[str] | None:
        """The members that `fields=` asks for, None for all. Raises InvalidInput, UnknownParameter."""
        if request.method not in {"GET", "HEAD"} or "fields" not in request.query_params:
            return None
        representation = self.representation()
        if representation is None:
            raise UnknownParameter(parameter="fields")
        known = _members_of(representation)
        chosen = frozenset(request.query_params["fields"].split(","))
        if len(request.query_params.getlist("fields")) > 1 or not chosen <= known:
            raise InvalidInput.of("fields", "invalid", f"Members, separated by commas: {', '.join(sorted(known))}.")
        return chosen

    def handle_exception(self, error: Exception) -> RestResponse:
        if isinstance(error, VersionConflict):
            self._name_present_tag(error)
        return super().handle_exception(error)

    def _name_present_tag(self, conflict: VersionConflict) -> None:
        """Lets a conflict name the tag that reading would: good for If-None-Match, too. Where that cannot be read here,
        the version alone stays, which If-Match takes as well.
        """
        read = getattr(self, "get", None)
        if read is not None:
            with suppress(ApiError):
                present = self._rendered(self.request, read(self.request, *self.args, **self.kwargs), None)
                conflict.headers["ETag"] = present["ETag"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        assert isinstance(request, ApiRequest)
        if not self.serves_old_apps:
            require_known_app(request)
        self.format_kwarg = None  # an attribute that DRF's own code reads; formats by suffix are not offered
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        self.perform_authentication(request)
        self._pass_the_gate(request)
        self.check_permissions(request)
        self._require_policy(request)
        self._require_attestation(request)
        self._require_nothing_else(request)

    def limits(self, request: ApiRequest) -> list[Limit]:
        """What this call is counted against."""
        return throttling.content_limits(request, is_list=self.is_list)

    def _pass_the_gate(self, request: ApiRequest) -> None:
        key = request.api_key
        holder_id = key.holder_id if key is not None else None
        admission = gate.admit(self.limits(request), request.claims, key_holder_id=holder_id)
        if admission.session not in self.session_states:
            raise TokenRevoked
        if key is not None:
            request.enter(self._place_of(request, key, admission.memberships))
        self.decision = admission.decision
        throttling.require_allowed(admission.decision)
        if key is not None:
            api_keys.note_use(key, request.caller.address)
        if request.claims is not None:
            request.enter(admission.memberships)
            if request.claims.is_first_of_session and admission.session is SessionState.LIVE:
                revocation.record_first_use(request.claims.session_id)

    def _place_of(self, request: ApiRequest, key: KeyClaims, memberships: Memberships) -> Memberships:
        """Before anything is told of the key's limits: without its holder a key is like one that never was."""
        try:
            return api_keys.place_of(key, memberships)
        except api_keys.ApiKeyInvalid:
            throttling.spend_failed_proof(request)
            raise

    def _require_policy(self, request: ApiRequest) -> None:
        """Raises SignatureRequired where the policy wants a signature and there is none."""
        if request.signing_device is not None or request.claims is None:
            return
        policy = settings.DEVICE_SIGNATURE_POLICY
        is_unsafe = request.method not in self.safe_methods
        if policy == "all" or (is_unsafe and (policy == "unsafe" or (policy == "sensitive" and self.is_sensitive))):
            raise SignatureRequired

    def _require_attestation(self, request: ApiRequest) -> None:
        """Raises AttestationRequired for a write whose token says that its device is not trusted far enough."""
        if self.serves_unattested or request.claims is None or request.method in self.safe_methods:
            return
        if not attestation.is_enough(request.claims.trust):
            raise AttestationRequired(required=settings.ATTESTATION_REQUIRED)

    def _require_nothing_else(self, request: ApiRequest) -> None:
        """Refuses parameters and members where none are known. Lists look at their own parameters."""
        if request.method not in self.allowed_methods:
            return  # which is what the answer says
        is_read = request.method in throttling.SAFE_METHODS
        if not (self.is_list and is_read):
            require_no_parameters(request, but={"fields", *self.parameters} if is_read else ())
        if not self.takes_body and request.method not in throttling.SAFE_METHODS and request.data:
            raise InvalidInput.of("", "unknown_field", "This call takes no body.")

    def finalize_response(self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, cast("RestResponse", response), *args, **kwargs)
        throttling.add_headers(response, self.decision)
        response["Cache-Control"] = "no-store" if self.is_confidential else self.cache_control
        # A 304 says the same as the answer that it stands for, which may have been compressed.
        response["Vary"] = "Authorization" if self.is_confidential else "Authorization, Accept-Encoding"
        if self.deprecation is not None:
            response["Deprecation"] = f"@{self.deprecation.since.timestamp():.0f}"
            response["Sunset"] = http_date(self.deprecation.sunset.timestamp())
        return response


@functools.cache
def _methods_of(view: type[ApiView]) -> list[str]:
    # What answers GET answers HEAD, as Django has it; of a view that is being asked, not of its class.
    return [name.upper() for name in view.http_method_names if hasattr(view, "get" if name == "head" else name)]


@functools.cache
def _members_of(representation: type[Serializer[Any]]) -> frozenset[str]:
    return frozenset(representation().fields)


def _cut(data: Any, fields: frozenset[str]) -> Any:
    """A representation, or each of a list's, with the chosen members only."""
    if set(data) == {"data", "meta"}:
        return {**data, "data": [_cut(row, fields) for row in data["data"]]}
    return {name: value for name, value in data.items() if name in fields}


class DeviceSignedView(ApiView):
    """Signed by the device's key; a bearer token means nothing here."""

    permission_classes = (IsPublic,)
    signature_tag = Tag.TOKEN
    signature_is_required = True
    takes_token = False
    keeps_answers = False
    serves_old_apps = True
    is_confidential = True

    def limits(self, request: ApiRequest) -> list[Limit]:
        return [throttling.limit("auth_token", f"d:{request.caller.device_id}")]
