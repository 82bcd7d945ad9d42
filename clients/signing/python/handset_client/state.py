"""What an installation remembers between two starts of the app."""

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from handset_client.keys import HmacKey, P256Key, unb64url
from handset_client.outcomes import Answer
from handset_client.signature import Key
from handset_client.transport import NetworkFailure


@dataclass(frozen=True, slots=True)
class State:
    """One installation: what it made itself, then what the server gave it. None: not yet.

    Never changed, only replaced, so that threads see either the one or the other.
    """

    install_id: str  # UUIDv4
    enrol_key: str = field(repr=False)  # base64url, 32 bytes
    private_key: str | None = field(repr=False)  # PEM; None where the device has no such hardware
    next_private_key: str | None = field(default=None, repr=False)  # PEM, while a rotation runs
    rotation_attempt: str | None = field(default=None, repr=False)  # of a rotation with no answer yet
    device_id: str | None = None
    key_id: str | None = None  # the complete `keyid`
    secret: str | None = field(default=None, repr=False)  # base64url; None with a private key
    session_id: str | None = None
    access: str | None = field(default=None, repr=False)
    refresh: str | None = field(default=None, repr=False)
    refresh_attempt: str | None = field(default=None, repr=False)  # of a refresh with no answer yet

    @classmethod
    def begin(cls, *, hardware_key: bool) -> Self:
        """A new installation that no server has heard of."""
        return cls(
            install_id=str(uuid.uuid4()),
            enrol_key=secrets.token_urlsafe(32),
            private_key=P256Key.generate().to_pem() if hardware_key else None,
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Raises ValueError when `data` is not what `to_json` made."""
        try:
            return cls(**data)
        except TypeError as error:
            raise ValueError("what is stored is not the state of an installation") from error

    def to_json(self) -> dict[str, Any]:
        """All of it, secrets too."""
        return asdict(self)

    @property
    def signer(self) -> tuple[str, Key]:
        """The `keyid` and its key. Raises LookupError before registration."""
        if self.key_id and self.private_key:
            return self.key_id, P256Key.from_pem(self.private_key)
        if self.key_id and self.secret:
            return self.key_id, HmacKey(unb64url(self.secret))
        raise LookupError("this installation is not registered")

    def registered(self, answer: Answer) -> Self:
        """With the device of a registration's answer. Raises NetworkFailure, as do the next two."""
        given = _members(answer, "device_id", "key_id")
        return replace(self, **given, **self._secret_of(answer))

    def rotating(self) -> Self:
        """With what every attempt of the next rotation repeats."""
        return replace(
            self,
            rotation_attempt=secrets.token_urlsafe(16),
            next_private_key=None if self.private_key is None else P256Key.generate().to_pem(),
        )

    def rotated(self, answer: Answer) -> Self:
        """With the key that a rotation has answered, or confirmed."""
        new = replace(self, **_members(answer, "key_id"), **self._secret_of(answer))
        private_key = self.next_private_key or self.private_key
        return replace(new, private_key=private_key, next_private_key=None, rotation_attempt=None)

    def with_session(self, answer: Answer) -> Self:
        """With the tokens of an answer.

        An attempt to refresh lasts as long as its token: it may still be under way, and to try
        the same token in another attempt would look like theft.
        """
        given = _members(answer, "access", "refresh", "session_id")
        attempt = self.refresh_attempt if given["refresh"] == self.refresh else None
        return replace(self, **given, refresh_attempt=attempt)

    def without_session(self) -> Self:
        """With nothing left of the session."""
        return replace(self, session_id=None, access=None, refresh=None, refresh_attempt=None)

    def _secret_of(self, answer: Answer) -> dict[str, str]:
        return _members(answer, "secret") if self.private_key is None else {}


def _members(answer: Answer, *names: str) -> dict[str, str]:
    """The texts `names` of an answer. Raises NetworkFailure: without them it is not ours."""
    document = answer.json if isinstance(answer.json, dict) else {}
    if not all(isinstance(document.get(name), str) for name in names):
        raise NetworkFailure(f"the answer lacks {', '.join(names)}")
    return {name: document[name] for name in names}
