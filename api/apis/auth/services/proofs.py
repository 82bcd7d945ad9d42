"""Mailed proofs: codes and links. Each is good once, for a while, and only the newest of its purpose.

Nothing secret is stored or queued: the task that mails a proof derives the secret from its row, and so does whoever
checks what is brought back.
"""

import hmac
import os
import re
import uuid
from datetime import timedelta
from http import HTTPStatus

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from api.exceptions import ApiError
from api.models import MailedProof, ProofPurpose, User
from api.models.base import identity_of
from api.platform import outbox
from api.platform.keys import b64url, purpose_key, unb64url

CODE_TRIES = 5
_CODE = re.compile(r"[0-9]{8}")
_SECONDS = {
    ProofPurpose.MAGIC_CODE: 60 * settings.MAGIC_LINK_EXPIRY_MINUTES,
    ProofPurpose.PASSWORD_RESET: 2 * 3600,
    ProofPurpose.EMAIL_CONFIRM: 24 * 3600,
    ProofPurpose.EMAIL_CHANGE: 24 * 3600,
    ProofPurpose.NEW_DEVICE: 7 * 24 * 3600,
}
_KEPT_SECONDS = 24 * 3600  # beyond its time: what was mailed to an address in a day is counted


class InvalidOrExpired(ApiError):
    """A mailed code or link that is wrong, was used, is too old, or belongs to another device."""

    status = HTTPStatus.BAD_REQUEST
    code = "invalid_or_expired"
    title = "This code or link is not good, or not any more"
    detail = "Ask for a new one."


def issue(
    purpose: ProofPurpose,
    *,
    about: str,
    email: str,
    asker: str = "",
    user: User | None = None,
    device_id: uuid.UUID | None = None,
    session_id: uuid.UUID | None = None,
) -> MailedProof | None:
    """A new proof, mailed after the transaction; the one before `about` the same (whatever that names) is void.

    Of two at once one is issued, and beyond the day's number for the address and who is counted as its `asker` none is:
    then the answer is None.
    """
    live_key = f"{purpose}|{about}"
    now = timezone.now()
    # A person is told of a new device however many there are.
    if purpose != ProofPurpose.NEW_DEVICE and _issued_in_a_day(purpose, email, asker) >= settings.MAILS_PER_DAY:
        return None
    void(purpose, about=about)
    proof = MailedProof(
        purpose=purpose,
        salt=os.urandom(16),
        live_key=live_key,
        email=email,
        email_identity=identity_of(email),
        asker=asker,
        user=user,
        user_auth_version=user.auth_version if user else 0,
        device_id=device_id,
        session_id=session_id,
        created_at=now,
        expires_at=now + timedelta(seconds=_SECONDS[purpose]),
    )
    try:
        with transaction.atomic():
            proof.save(force_insert=True)
    except IntegrityError:
        return None
    outbox.enqueue("auth.mail_proof", {"proof_id": str(proof.id)}, dedup_key=f"proof:{proof.id}")
    return proof


def issue_confirmation(person: User) -> None:
    """Mails a link that confirms a person's address. Part of the caller's transaction."""
    assert person.email is not None
    issue(ProofPurpose.EMAIL_CONFIRM, about=str(person.id), email=person.email, user=person)


def void(purpose: ProofPurpose, *, about: str) -> None:
    """Makes the good proof of a purpose, if there is one, good for nothing."""
    MailedProof.objects.filter(live_key=f"{purpose}|{about}").update(live_key=None)


def _issued_in_a_day(purpose: ProofPurpose, email: str, asker: str) -> int:
    """How many proofs of a purpose were issued for an address and an asker in the last 24 hours."""
    since = timezone.now() - timedelta(days=1)
    issued = MailedProof.objects.filter(purpose=purpose, email_identity=identity_of(email), created_at__gte=since)
    return issued.filter(asker=asker).count()


def _secret(proof: MailedProof) -> bytes:
    return hmac.digest(purpose_key("mailed-proof"), proof.id.bytes + bytes(proof.salt), "sha256")


def code_of(proof: MailedProof) -> str:
    """Eight digits, to be typed."""
    return f"{int.from_bytes(_secret(proof)[:8]) % 10**8:08d}"


def token_of(proof: MailedProof) -> str:
    """What a link carries: 43 characters of base64url."""
    return b64url(proof.id.bytes + _secret(proof)[16:])


def is_good(proof: MailedProof) -> bool:
    """Whether it may still be brought back."""
    return is_wanted(proof) and timezone.now() < proof.expires_at


def is_wanted(proof: MailedProof) -> bool:
    """Whether nothing but its time makes it void: nobody has used it, asked for a newer one, or changed what it is about."""
    return proof.live_key is not None and proof.used_at is None


def proof_of_token(purpose: ProofPurpose, token: str) -> MailedProof:
    """The good proof that a link's token belongs to. Raises InvalidOrExpired."""
    try:
        raw = unb64url(token)
    except ValueError:
        raise InvalidOrExpired from None
    if len(raw) != 32:
        raise InvalidOrExpired
    proof = (
        MailedProof.objects.select_related("user", "session")
        .filter(id=uuid.UUID(bytes=raw[:16]), purpose=purpose)
        .first()
    )
    if proof is None or not hmac.compare_digest(token_of(proof), token) or not is_good(proof):
        raise InvalidOrExpired
    return proof


def require_good(purpose: ProofPurpose, token: str) -> None:
    """Whether a link is worth a page that asks what to do with it. Raises InvalidOrExpired."""
    proof_of_token(purpose, token)


def proof_on_device(purpose: ProofPurpose, device_id: uuid.UUID, given: str) -> MailedProof:
    """The good proof of a device that `given`, a code or a link's token, belongs to.

    A code is counted before it is looked at, outside of any transaction: a hundred guesses at once are five tries.
    Raises InvalidOrExpired.
    """
    if _CODE.fullmatch(given) is None:
        proof = proof_of_token(purpose, given)
        if proof.device_id != device_id:
            raise InvalidOrExpired
        return proof
    good = MailedProof.objects.filter(
        purpose=purpose, device_id=device_id, live_key__isnull=False, used_at=None, expires_at__gt=timezone.now()
    )
    tried = []
    for proof_id in good.values_list("id", flat=True):
        if good.filter(id=proof_id, attempts__lt=CODE_TRIES).update(attempts=F("attempts") + 1):
            tried.append(proof_id)
    for proof in MailedProof.objects.select_related("user").filter(id__in=tried):
        if hmac.compare_digest(code_of(proof), given):
            return proof
    raise InvalidOrExpired


def locked_person(proof: MailedProof) -> User:
    """The person whom a proof is about, locked. Raises InvalidOrExpired."""
    person = User.objects.select_for_update().filter(id=proof.user_id).first() if proof.user_id else None
    if person is None:
        raise InvalidOrExpired
    return person


def use(proof: MailedProof) -> None:
    """Makes a proof used, in the transaction of what it proves; of several at once, one wins. Raises InvalidOrExpired."""
    now = timezone.now()
    good = MailedProof.objects.filter(id=proof.id, live_key__isnull=False, used_at=None, expires_at__gt=now)
    if not good.update(used_at=now, live_key=None):
        raise InvalidOrExpired


def forget_old_proofs(*, most: int = 1000) -> int:
    """Deletes up to `most` proofs that are good for nothing and counted no more; returns how many."""
    before = timezone.now() - timedelta(seconds=_KEPT_SECONDS)
    ids = list(MailedProof.objects.filter(expires_at__lt=before).values_list("id", flat=True)[:most])
    return MailedProof.objects.filter(id__in=ids).delete()[0]
