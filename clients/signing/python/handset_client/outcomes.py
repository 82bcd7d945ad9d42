"""What an answer means: which refusals a client cures by itself, and how.

The table is the part of a kit that must not be improvised: an app that takes a proxy's error page,
or a store that is down for a minute, for "you are signed out" throws its people out.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Self

from handset_client.transport import NetworkFailure, Response


class Remedy(StrEnum):
    """What to do about a refusal. All down to REGISTER_ANEW are the client's business, the others the app's."""

    SIGN_ANEW = "sign anew"  # once: the network stack sent one signature twice
    SIGN = "repeat it signed"  # the server's policy wants a signature on this call
    CORRECT_CLOCK = "correct the clock, sign anew"
    RETRY_LATER = "retry later"
    REFRESH = "refresh, else get a token"
    GET_TOKEN = "get a token"  # noqa: S105 -- not a secret
    REGISTER_ANEW = "register anew"  # with new install_id, enrol_key and key
    SIGN_OUT = "sign out"  # nobody is signed in on this device any more: ask who it is
    STOP = "stop"  # the device was revoked, on purpose: no second life without the app's will
    ATTEST = "attest"  # by the platform's own means; then a new token says what it proved
    UPDATE_APP = "update the app"  # `store_url` of the answer says where; nobody is signed out
    READ_AGAIN = "read it again"  # then decide anew, and send the new change under a new Idempotency-Key
    GIVE_UP = "give up"  # the answer is for whoever made the call


REMEDIES: dict[tuple[int, str], Remedy] = {
    (401, "nonce_replayed"): Remedy.SIGN_ANEW,
    (403, "signature_required"): Remedy.SIGN,
    (401, "clock_skew"): Remedy.CORRECT_CLOCK,
    (401, "replay_cache_reset"): Remedy.CORRECT_CLOCK,
    (409, "idempotency_in_progress"): Remedy.RETRY_LATER,
    (409, "slug_conflict"): Remedy.RETRY_LATER,
    (401, "token_expired"): Remedy.REFRESH,
    (401, "token_revoked"): Remedy.REFRESH,
    (401, "token_missing"): Remedy.GET_TOKEN,
    (401, "token_invalid"): Remedy.GET_TOKEN,
    (401, "session_expired"): Remedy.GET_TOKEN,
    (401, "refresh_reuse_detected"): Remedy.GET_TOKEN,
    (401, "device_unknown"): Remedy.REGISTER_ANEW,
    (401, "key_superseded"): Remedy.REGISTER_ANEW,
    (409, "device_already_active"): Remedy.REGISTER_ANEW,
    (409, "install_conflict"): Remedy.REGISTER_ANEW,
    (403, "sign_in_required"): Remedy.SIGN_OUT,
    (403, "device_revoked"): Remedy.STOP,
    (403, "attestation_required"): Remedy.ATTEST,
    (409, "challenge_invalid"): Remedy.ATTEST,
    (426, "app_upgrade_required"): Remedy.UPDATE_APP,
    (412, "version_conflict"): Remedy.READ_AGAIN,
    (428, "precondition_required"): Remedy.READ_AGAIN,
    (422, "idempotency_key_reused"): Remedy.GIVE_UP,  # two changes were given one key: the app has an error
}
# These mean the same with any code.
REMEDIES_BY_STATUS: dict[int, Remedy] = {
    408: Remedy.RETRY_LATER,
    429: Remedy.RETRY_LATER,
    503: Remedy.RETRY_LATER,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that the API itself has given. Header names are in lower case.

    `json` is the parsed body, None when there is none or when it is not JSON (see `body`).
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Any

    @classmethod
    def read(cls, response: Response) -> Self:
        """Raises NetworkFailure for what somebody on the way has answered in the API's place.

        An error is the API's own when it is a problem document (RFC 9457) that repeats the status
        and whose `type` names its `code`; a success, when it is not a web page.
        """
        headers = {name.lower(): value for name, value in response.headers.items()}
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        document = None
        if media_type == "application/json" or media_type.endswith("+json"):
            try:
                document = json.loads(response.body) if response.body else None
            except ValueError as error:
                raise NetworkFailure("the answer is not the JSON it says it is") from error
        answer = cls(response.status, headers, response.body, document)
        is_genuine = (
            media_type != "text/html"
            if answer.is_success
            else media_type == "application/problem+json" and _is_own_problem(document, answer.status)
        )
        if not is_genuine:
            raise NetworkFailure(f"somebody else has answered: {answer.status} {media_type}")
        return answer

    @property
    def is_success(self) -> bool:
        """Done, or (304) not changed since."""
        return 200 <= self.status < 300 or self.status == HTTPStatus.NOT_MODIFIED

    @property
    def code(self) -> str:
        """The stable name of a refusal; empty for a success."""
        return "" if self.is_success else self.json["code"]

    @property
    def remedy(self) -> Remedy | None:
        """What to do about a refusal; None for a success."""
        if self.is_success:
            return None
        by_status = REMEDIES_BY_STATUS.get(self.status, Remedy.GIVE_UP)
        return REMEDIES.get((self.status, self.code), by_status)

    @property
    def is_replayed(self) -> bool:
        """Whether this is the answer to an earlier attempt, which the server has kept under its Idempotency-Key."""
        return self.headers.get("idempotency-replayed") == "true"

    @property
    def retry_after_seconds(self) -> float | None:
        """How long the server asks to wait (RFC 9110 §10.2.3, in seconds), if it does."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isdecimal() else None


def _is_own_problem(document: Any, status: int) -> bool:
    """Whether a problem document has this API's form; a gateway's has another, or no code."""
    if not isinstance(document, dict):
        return False
    code, kind = document.get("code"), document.get("type")
    if not isinstance(code, str) or not isinstance(kind, str) or document.get("status") != status:
        return False
    return kind.endswith((f":{code}", f"#{code}"))


class Refused(Exception):
    """The API said no, for good; `answer` says why."""

    def __init__(self, answer: Answer) -> None:
        facts = [answer.json.get(name) for name in ("title", "detail", "errors")]
        said = ". ".join(str(fact) for fact in facts if fact)
        super().__init__(f"{answer.status} {answer.code}: {said}")
        self.answer = answer


class DeviceRevoked(Refused):
    """The installation was shut out: tell the person. Only `Client.forget_device` begins again."""


def accept(answer: Answer) -> Answer:
    """The answer, if it is a success. Raises Refused."""
    if not answer.is_success:
        raise Refused(answer)
    return answer
