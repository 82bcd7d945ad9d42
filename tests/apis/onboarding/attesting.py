"""A phone that attests: by Apple, by Google, and as often as it likes."""

import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from handset_client import Answer, HmacKey, Tag
from handset_client.keys import b64url, unb64url
from handset_client.outcomes import accept

from api.apis.jobs import services as jobs
from api.models import Device
from tests.apis.auth.wire import draft, send
from tests.attesters import Apple, Google
from tests.conftest import AppKeyOnPhone
from tests.phones import InProcess, Phone


class Attester:
    """What the app on a phone does beside the kit: it asks for challenges, and has Apple or Google vouch for it."""

    def __init__(
        self, app_key: AppKeyOnPhone, phone: Phone, transport: InProcess, apple: Apple, google: Google
    ) -> None:
        self.app = f"app:{app_key.row.key_id}", HmacKey(unb64url(app_key.secret))
        self.phone, self.transport, self.apple, self.google = phone, transport, apple, google
        self.key = ec.generate_private_key(ec.SECP256R1())

    @property
    def device(self) -> Device:
        return Device.objects.get(install_id=self.phone.state.install_id)

    def ask(self, body: Any) -> Answer:
        return send(self.transport, draft(self.app, "POST", "device/challenge/", body, tag=Tag.REGISTER))

    def challenge(self) -> str:
        challenge: str = accept(self.ask({"install_id": self.phone.state.install_id})).json["challenge"]
        return challenge

    def about(self, challenge: str) -> bytes:
        """As docs/device-authentication.md spells it."""
        digest = hashlib.sha256(unb64url(self.phone.state.enrol_key)).digest()
        return "|".join(["devauth-v1-attest", self.phone.state.install_id, b64url(digest), challenge]).encode()

    def app_attest(self, challenge: str | None = None, **how: Any) -> dict[str, str]:
        challenge = challenge or self.challenge()
        evidence = self.apple.attestation(self.key, self.about(challenge), **how)
        return {"kind": "app_attest", "challenge": challenge, "evidence": evidence}

    def assertion(self, *, counter: int, challenge: str | None = None) -> dict[str, str]:
        challenge = challenge or self.challenge()
        evidence = self.apple.assertion(self.key, self.about(challenge), counter=counter)
        return {"kind": "app_attest_assertion", "challenge": challenge, "evidence": evidence}

    def play_integrity(self, challenge: str | None = None, **how: Any) -> dict[str, str]:
        challenge = challenge or self.challenge()
        evidence = self.google.token(self.about(challenge), **how)
        return {"kind": "play_integrity", "challenge": challenge, "evidence": evidence}

    def attest(self, body: Any) -> Answer:
        return self.phone.request("POST", "device/attest/", body)

    def verdict_on(self, body: Any) -> tuple[str, str, str]:
        """Attests, has it judged, and asks what came of it: the attestation's status and trust, the device's trust."""
        taken = self.attest(body)
        assert (taken.status, taken.json) == (202, {"status": "pending", "trust": "unattested"}), taken.body
        judge()
        known = self.attest(body)
        assert known.status == 200
        return known.json["status"], known.json["trust"], self.device.trust


def judge() -> None:
    """Carries out what is in the outbox."""
    while jobs.run_due():
        pass
