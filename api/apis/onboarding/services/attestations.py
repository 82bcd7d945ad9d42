"""Attestations: taking up what a device brings as evidence, and what comes of it once it was judged."""

import hashlib
import hmac
import time
import uuid
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from api.exceptions import InvalidInput, NotThere
from api.models import Attestation, AttestationStatus, Device
from api.platform import attestation, audit, callers, outbox
from api.platform.attestation import ChallengeInvalid, Evidence, EvidenceRefused, Verdict
from api.platform.callers import Caller
from api.platform.transactions import transactional

VERDICT_DAYS = 30  # how long staff see what came of an attestation
PENDING_DAYS = 1  # evidence that could not be judged in all its retries is not kept for longer


def new_challenge(*, install_id: uuid.UUID) -> str:
    """A challenge for an installation, registered or not yet. Raises NotThere where attestation is off."""
    if not attestation.kinds():
        raise NotThere
    return attestation.new_challenge(install_id)


def attest_device(caller: Caller, *, kind: str, challenge: str, evidence: str) -> Attestation:
    """Takes up evidence about the caller's device, to be judged in the background; a repeat finds what came of it.

    Raises NotThere where attestation is off, InvalidInput for a kind that is not set up, ChallengeInvalid.
    """
    if not attestation.kinds():
        raise NotThere
    if kind not in attestation.kinds():
        raise InvalidInput.of("kind", "unavailable", "This server does not judge this kind.")
    assert caller.device_id is not None
    device = Device.objects.get(id=caller.device_id)
    return _taken_up(device, kind=kind, challenge=challenge, evidence=evidence)


def attest_at_registration(device: Device, *, kind: str, challenge: str, evidence: str) -> None:
    """Takes up evidence that came with a registration, which it never stands in the way of: what cannot be judged is
    left alone.
    """
    if kind not in attestation.kinds():
        return
    try:
        _taken_up(device, kind=kind, challenge=challenge, evidence=evidence)
    except ChallengeInvalid:
        return


@transactional
def _taken_up(device: Device, *, kind: str, challenge: str, evidence: str) -> Attestation:
    """The attestation under this challenge: a new one, or the one that a repeat of the call means."""
    made_at = attestation.challenge_time(challenge, device.install_id)
    digest = hashlib.sha256(f"{kind}|{evidence}".encode()).digest()
    found = Attestation.objects.filter(challenge=challenge).first()
    if found is None:
        if not 0 <= time.time() - made_at <= settings.ATTESTATION_CHALLENGE_SECONDS:
            raise ChallengeInvalid
        found = _insert(
            Attestation(device=device, kind=kind, challenge=challenge, evidence=evidence, evidence_digest=digest)
        )
    if not hmac.compare_digest(bytes(found.evidence_digest), digest):
        raise ChallengeInvalid
    return found


def _insert(new: Attestation) -> Attestation:
    """The attestation and its job; the one of another attempt when that was quicker."""
    try:
        with transaction.atomic():
            new.save(force_insert=True)
    except IntegrityError:
        return Attestation.objects.get(challenge=new.challenge)
    outbox.enqueue("onboarding.judge_attestation", {"attestation_id": str(new.id)})
    return new


def judge_attestation(*, attestation_id: uuid.UUID) -> None:
    """Judges evidence that was taken up, once. Evidence that does not hold is refused, and the device keeps the trust
    it has; only a store that is down makes it worth trying again.
    """
    pending = (
        Attestation.objects.select_related("device").filter(id=attestation_id, status=AttestationStatus.PENDING).first()
    )
    if pending is None:
        return
    device = pending.device
    key = _attested_key(device)
    about = attestation.client_data(device.install_id, bytes(device.enrol_digest), pending.challenge)
    evidence = Evidence(pending.evidence, about, bytes(key.attested_key) if key and key.attested_key else None)
    try:
        verdict = attestation.judge(pending.kind, evidence)
    except EvidenceRefused as refused:
        _refuse(pending, str(refused))
    else:
        _accept(pending, verdict, key)


def _attested_key(device: Device) -> Attestation | None:
    """The attestation by which the device's present App Attest key was introduced."""
    return device.attestations.filter(attested_key__isnull=False).order_by("-judged_at", "-id").first()


def _judged(pending: Attestation, status: AttestationStatus, **facts: object) -> bool:
    """Notes what came of an attestation, unless that was done before; returns whether it was done now."""
    rows = Attestation.objects.filter(id=pending.id, status=AttestationStatus.PENDING)
    now = timezone.now()
    return bool(rows.update(status=status, evidence="", judged_at=now, updated_at=now, **facts))


def _refuse(pending: Attestation, why: str) -> None:
    _judged(pending, AttestationStatus.REFUSED, refusal=why)


@transactional
def _accept(pending: Attestation, verdict: Verdict, key: Attestation | None) -> None:
    """The device is trusted as far as its newest evidence proves. A counter that does not go up is a copy's."""
    device = Device.objects.select_for_update().get(id=pending.device_id)
    if verdict.counter is not None:
        assert key is not None
        lower = Attestation.objects.filter(id=key.id, assertions__lt=verdict.counter)
        if not lower.update(assertions=verdict.counter):
            _refuse(pending, "CounterReused")
            return
    is_new = _judged(pending, AttestationStatus.ACCEPTED, trust=verdict.trust, attested_key=verdict.attested_key)
    if not is_new or device.trust == verdict.trust:
        return
    before, device.trust = device.trust, verdict.trust
    device.save(update_fields=["trust", "updated_at"])
    audit.record(
        callers.job(device_id=device.id),
        "device.trust_changed",
        target_kind="device",
        target_id=device.id,
        changes={"trust": [before, verdict.trust]},
    )


def forget_old_attestations(*, most: int = 1000) -> int:
    """Deletes up to `most` attestations that nobody asks about any more; returns how many. Keys in use stay."""
    now = timezone.now()
    is_old = Q(created_at__lt=now - timedelta(days=VERDICT_DAYS))
    is_stuck = Q(status=AttestationStatus.PENDING, created_at__lt=now - timedelta(days=PENDING_DAYS))
    ids = list(Attestation.objects.filter(is_old | is_stuck, attested_key=None).values_list("id", flat=True)[:most])
    return Attestation.objects.filter(id__in=ids).delete()[0]
