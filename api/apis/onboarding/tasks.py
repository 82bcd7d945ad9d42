"""Background work of registration."""

import uuid

from api.apis.onboarding import services
from api.platform import outbox


@outbox.task("onboarding.judge_attestation")
def judge_attestation(attestation_id: str) -> None:
    """Judges what a device brought as evidence."""
    services.judge_attestation(attestation_id=uuid.UUID(attestation_id))


@outbox.task("onboarding.sweep")
def sweep() -> None:
    """Forgets devices that never asked for a token, and attestations of long ago."""
    for forget in (services.forget_never_activated, services.forget_old_attestations):
        while forget():
            pass
