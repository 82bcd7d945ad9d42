"""An operation: what follows from its view, and from the fields that it takes."""

from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from api import fields, problems
from api.conditions import PreconditionRequired
from api.exceptions import ApiError, InvalidInput, SignInRequired, TemporarilyUnavailable, TooManyRequests
from api.idempotency import IdempotencyKeyInvalid
from api.parsers import MalformedBody
from api.permissions import DeviceRequired, IsPerson, IsPersonOrKey, IsPublic
from api.platform.api_keys import ApiKeyInvalid
from api.platform.app_versions import AppUpgradeRequired
from api.platform.device_keys import DeviceRevoked, DeviceUnknown, KeySuperseded
from api.platform.idempotency import IdempotencyInProgress, IdempotencyKeyReused
from api.platform.nonces import ReplayStoreUnavailable
from api.platform.oidc import NAME_MAX_CHARS
from api.platform.revocation import SessionState
from api.platform.signing import DigestMismatch, SignatureRefused, Tag
from api.platform.tokens import TokenExpired, TokenInvalid, TokenMissing, TokenRevoked
from api.platform.versions import VersionConflict
from api.requests import UnknownParameter
from api.schema.describing import NO_CONTROLS, members_parameter
from api.schema.headers import headers_of
from api.schema.refusals import codes, refusals
from api.throttling import SAFE_METHODS
from api.views import ApiView, AttestationRequired, SignatureRequired

_SLUG_MAX_CHARS = 100
_UUID_CHARS = 36
_DIGITS_MAX = 18
_USERNAME_MAX_CHARS = 50
_DONE = {
    304: "Not changed since the ETag in If-None-Match.",
    200: "Done.",
    201: "Made.",
    202: "Taken up: what comes of it is seen later.",
    204: "Done; there is nothing to say.",
}


class HandsetSchema(AutoSchema):
    """An operation: the domain is its tag, the view says what proves the caller and what can be refused."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        method = getattr(self._resource, self.method.lower())
        errors = self._errors(has_body="requestBody" in operation or getattr(method, "takes_body", False))
        operation["parameters"] = [
            *({"$ref": f"#/components/parameters/{name}"} for name in self._request_headers(errors)),
            *operation.get("parameters", []),
        ]
        operation["responses"] = {**self._successes(operation["responses"]), **refusals(errors, self._headers)}
        return operation

    def _request_headers(self, errors: Collection[type[ApiError]]) -> list[str]:
        """The names of the request's headers, beside those that prove something."""
        is_taken = {
            "X-Request-ID": True,
            "X-App-Platform": AppUpgradeRequired in errors,
            "X-App-Version": AppUpgradeRequired in errors,
            "Idempotency-Key": IdempotencyKeyReused in errors,
            "If-Match": VersionConflict in errors,
            "If-None-Match": self.method == "GET" and not self._resource.is_confidential,
        }
        return [name for name, taken in is_taken.items() if taken]

    def _successes(self, answers: dict[str, Any]) -> dict[str, Any]:
        """The answers with their headers; and, where something is read, that it has not changed."""
        if self.method == "GET" and not self._resource.is_confidential:
            answers["304"] = {"description": ""}
        for status, answer in answers.items():
            answer["description"] = answer["description"] or _DONE[int(status)]
            answer["headers"] = self._headers(int(status), has_tag="content" in answer or status == "304")
        return answers

    def _headers(self, status: int, *, has_tag: bool = False) -> dict[str, Any]:
        names = {
            "ETag": (has_tag and not self._resource.is_confidential) or status == HTTPStatus.PRECONDITION_FAILED,
            "Idempotency-Replayed": self._keeps_answers and status < HTTPStatus.BAD_REQUEST,
            "Location": self._resource.answers_location and status == HTTPStatus.ACCEPTED,
            "Content-Location": self._resource.answers_content_location
            and self.method == "GET"
            and status == HTTPStatus.OK,
            "Deprecation": self._resource.deprecation is not None,
            "Sunset": self._resource.deprecation is not None,
        }
        return headers_of(status, *(name for name, is_there in names.items() if is_there))

    @property
    def _resource(self) -> ApiView:
        assert isinstance(self.view, ApiView)
        return self.view

    @property
    def _keeps_answers(self) -> bool:
        return self._resource.keeps_answers and self.method not in SAFE_METHODS

    def is_deprecated(self) -> bool:
        return self._resource.deprecation is not None

    def get_override_parameters(self) -> list[Any]:
        """`fields` where a resource is read."""
        parameters: list[Any] = super().get_override_parameters()
        representation = self._resource.representation()
        if self.method == "GET" and representation is not None:
            parameters = [*parameters, members_parameter(representation)]
        return parameters

    def get_operation_id(self) -> str:
        operation_id: str = super().get_operation_id().strip(".").replace(".", "_")
        is_list = self.method == "GET" and getattr(self.view, "is_list", False)
        operation_id = operation_id.replace("_retrieve", "_list") if is_list else operation_id
        if "{obj_id}" in self.path:  # what hangs on an object, which has calls of its own as well
            things, _, verb = operation_id.rpartition("_")
            return f"{things}_on_{verb}"
        return operation_id

    def get_tags(self) -> list[str]:
        return [type(self.view).__module__.split(".")[2]]

    def get_auth(self) -> list[dict[str, list[str]]]:
        view = self._resource
        if IsPublic not in view.permission_classes:
            by_key = [{"apiKey": list[str]()}] if IsPersonOrKey in view.permission_classes else []
            return [{"deviceToken": []}, {"deviceToken": [], "requestSignature": []}, *by_key]
        if not view.signature_is_required:
            return [{}]
        return [{"appSignature" if view.signature_tag is Tag.REGISTER else "deviceSignature": []}]

    def _errors(self, *, has_body: bool) -> set[type[ApiError]]:
        """Every error that the operation can answer: those of its own rules, and those that any call of such a view
        can meet, in the order of `ApiView.initial`.
        """
        view = self._resource
        found: set[type[ApiError]] = set(getattr(getattr(view, self.method.lower()), "errors", ()))
        found |= {
            problems.BadRequest,
            UnknownParameter,
            TooManyRequests,
            problems.InternalError,
            TemporarilyUnavailable,
        }
        if view.verifies_signature:
            found |= {*codes(SignatureRefused), DigestMismatch, ReplayStoreUnavailable, problems.PayloadTooLarge}
            found |= {DeviceRevoked} if view.signature_tag is not Tag.REGISTER else set()
            found -= {DeviceUnknown, KeySuperseded} if view.signature_tag is Tag.REGISTER else set()
        if view.takes_token:
            found |= {TokenInvalid, TokenExpired, SignatureRequired, ApiKeyInvalid}
            found |= (
                {AttestationRequired} if self.method not in view.safe_methods and not view.serves_unattested else set()
            )
            found |= {TokenRevoked} if view.session_states != frozenset(SessionState) else set()
        if IsPublic not in view.permission_classes:
            found |= {TokenMissing}
            found |= {DeviceRequired} if IsPersonOrKey not in view.permission_classes else set()
        if any(isinstance(permission, IsPerson) for permission in view.get_permissions()):
            found |= {SignInRequired}
        if not view.serves_old_apps:
            found |= {AppUpgradeRequired}
        if self._keeps_answers:
            found |= {IdempotencyKeyInvalid, IdempotencyInProgress, IdempotencyKeyReused, problems.PayloadTooLarge}
        if VersionConflict in found:
            found |= {PreconditionRequired, InvalidInput}
        if self.method == "GET" and view.representation() is not None:
            found |= {InvalidInput}
        if has_body or (self.method not in SAFE_METHODS and not view.takes_body):
            found |= {MalformedBody, InvalidInput, problems.UnsupportedMediaType, problems.PayloadTooLarge}
            found |= {problems.RequestTimedOut}
        return found

    def _map_serializer(self, serializer: Any, direction: Any, bypass_extensions: bool = False) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_serializer(serializer, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        is_strict = issubclass(
            serializer if isinstance(serializer, type) else type(serializer), fields.StrictSerializer
        )
        return {**schema, "additionalProperties": False} if is_strict and direction == "request" else schema

    def _get_request_for_media_type(self, serializer: Any, direction: Any = "request") -> tuple[Any, bool]:
        """A body, with the bounds of one that is a list of texts."""
        schema, is_required = super()._get_request_for_media_type(serializer, direction)  # type: ignore[no-untyped-call]
        taken = serializer() if isinstance(serializer, type) else serializer
        if isinstance(taken, serializers.ListSerializer) and isinstance(taken.child, fields.TextField):
            # Attributes that djangorestframework-stubs do not know.
            bounds: Any = taken
            schema |= {"minItems": bounds.min_length, "maxItems": bounds.max_length}
            schema["items"] |= {"maxLength": taken.child.max_length, "pattern": _pattern(taken.child)}
        return schema, is_required

    def _insert_field_validators(self, field: Any, schema: dict[str, Any]) -> None:
        super()._insert_field_validators(field, schema)  # type: ignore[no-untyped-call]
        pattern = _pattern(field)
        if pattern is not None:
            schema["pattern"] = pattern

    def _resolve_path_parameters(self, variables: list[str]) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super()._resolve_path_parameters(variables)  # type: ignore[no-untyped-call]
        for parameter in parameters:
            if parameter["name"].endswith("slug"):
                parameter["description"] = "The slug, or the id."
                parameter["schema"] |= {"minLength": 1, "maxLength": _SLUG_MAX_CHARS}
            elif parameter["name"] in {"tag_id", "image_id"}:
                parameter["description"] = "The id, an integer."
                parameter["schema"] |= {"minLength": 1, "maxLength": _DIGITS_MAX}
            elif parameter["name"] in {"app_label", "model"}:
                parameter["description"] = "The two halves of a kind, such as `contacts` and `contact`."
                parameter["schema"] |= {"minLength": 1, "maxLength": _SLUG_MAX_CHARS}
            elif parameter["name"] == "obj_id":
                parameter["description"] = "The object's public identifier: the slug or the id."
                parameter["schema"] |= {"minLength": 1, "maxLength": _SLUG_MAX_CHARS}
            elif parameter["name"].endswith("_id"):
                parameter["description"] = "The id, a UUID."
                parameter["schema"] |= {"minLength": 1, "maxLength": _UUID_CHARS}
            elif parameter["name"] == "username":
                parameter["description"] = "The username, whatever its capitals."
                parameter["schema"] |= {"minLength": 1, "maxLength": _USERNAME_MAX_CHARS}
            elif parameter["name"] == "provider":
                parameter["description"] = "Its name in the settings of the server, such as `google` or `apple`."
                parameter["schema"] |= {"minLength": 1, "maxLength": NAME_MAX_CHARS}
        return parameters


_NO_CONTROLS_BUT_LINES = r"[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]"


def _pattern(field: serializers.Field[Any, Any, Any, Any]) -> str | None:
    """The form of what a field takes, as a regular expression (ECMA-262), where a length does not say enough."""
    match field:
        case fields.Base64UrlField():
            whole, rest = divmod(field.size_bytes * 8, 6)
            # The bits that the last character has too many are zero.
            last = {0: "", 2: "[AQgw]", 4: "[AEIMQUYcgkosw048]"}[rest]
            return f"^[A-Za-z0-9_-]{{{whole}}}{last}$"
        case fields.LanguageField():
            return f"^({fields.LANGUAGE})?$" if field.allow_blank else f"^{fields.LANGUAGE}$"
        case fields.TextField():
            return f"^{_NO_CONTROLS_BUT_LINES if field.is_multiline else NO_CONTROLS}*$"
    return None
