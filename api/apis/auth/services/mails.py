"""What the mails of accounts say, decided when they are sent: from rows, and from secrets derived from them."""

import uuid
from datetime import datetime
from urllib.parse import urlencode, urlsplit

from django.conf import settings

from api.apis.auth.services import proofs
from api.apis.notifications.services import send_mail
from api.models import MailedProof, Platform, ProofPurpose, User
from api.platform import places
from api.platform.outbox import TooLate

# Paths of FRONTEND_URL; this server has a page at each.
_PATHS = {
    ProofPurpose.PASSWORD_RESET: "/reset-password",
    ProofPurpose.EMAIL_CONFIRM: "/confirm-email",
    ProofPurpose.EMAIL_CHANGE: "/change-email",
    ProofPurpose.NEW_DEVICE: "/not-me",
}


def mail_proof(proof_id: uuid.UUID) -> None:
    """Mails a proof while it is good. To an address that nobody, or somebody else, has, only what may be known there.

    Raises MailNotTaken, TooLate.
    """
    proof = MailedProof.objects.select_related("user", "session__device").filter(id=proof_id).first()
    if proof is None or not proofs.is_wanted(proof):
        return
    if not proofs.is_good(proof):
        raise TooLate("The time of the code or link was over before its mail was taken.")
    holder = User.objects.filter(email_identity=proof.email_identity).first()
    kind, values = _said(proof, holder)
    if kind:
        send_mail(kind, to=proof.email, values=values, reference=str(proof.id), share=proof.asker)


def _said(proof: MailedProof, holder: User | None) -> tuple[str, dict[str, str]]:
    """The kind of mail and its values; no kind where nothing is to be said."""
    if holder is not None and not holder.is_active:
        return "", {}
    hours = f"{(proof.expires_at - proof.created_at).total_seconds() / 3600:.0f}"
    match proof.purpose:
        case ProofPurpose.MAGIC_CODE:
            code = proofs.code_of(proof)
            minutes = str(settings.MAGIC_LINK_EXPIRY_MINUTES)
            return "auth.magic_code", {"code": f"{code[:4]} {code[4:]}", "link": link_of(proof), "minutes": minutes}
        case ProofPurpose.EMAIL_CHANGE if holder is not None and holder.id != proof.user_id:
            return "auth.address_known", {}
        case ProofPurpose.EMAIL_CHANGE:
            return "auth.email_change", {"link": link_of(proof), "hours": hours, "email": proof.email}
        case ProofPurpose.EMAIL_CONFIRM:
            return "auth.email_confirm", {"link": link_of(proof), "hours": hours}
        case ProofPurpose.PASSWORD_RESET if proof.user is not None:
            return "auth.password_reset", {"link": link_of(proof), "hours": hours}
        case ProofPurpose.NEW_DEVICE if proof.session is not None:
            session = proof.session
            place = places.place_of(session.address) or "place unknown"
            # Somebody else may have signed up with the address: they do not get to write to it.
            is_theirs = holder is not None and holder.is_email_confirmed
            name = str(session.device) if is_theirs else f"{Platform(session.device.platform).label} device"
            values = {"device": name, "time": _told(session.created_at), "place": place}
            return "auth.new_device", {**values, "link": link_of(proof)}
    return "", {}


def _told(moment: datetime) -> str:
    return f"{moment:%d %B %Y, %H:%M} UTC"


def link_of(proof: MailedProof) -> str:
    """The address that a mail leads to."""
    if proof.purpose == ProofPurpose.MAGIC_CODE:
        base = settings.MAGIC_LINK_VERIFY_URL
        base += "" if urlsplit(base).path.strip("/") else "/magic-verify"
    else:
        base = settings.FRONTEND_URL + _PATHS[ProofPurpose(proof.purpose)]
    return f"{base}?token={proofs.token_of(proof)}"


def change_page(token: str) -> str:
    """The address of the page that asks whether another address is to become the account's, by what a link carries."""
    return f"{settings.FRONTEND_URL}{_PATHS[ProofPurpose.EMAIL_CHANGE]}?{urlencode({'token': token})}"


def mail_change_notice(proof_id: uuid.UUID, *, to: str) -> None:
    """Tells the address that an account had that another one is to replace it, or did so before this mail was taken: a
    thief is quicker than a provider that fails. Raises MailNotTaken.
    """
    proof = MailedProof.objects.filter(id=proof_id, user__isnull=False).first()
    if proof is not None and (proofs.is_good(proof) or proof.used_at is not None):
        send_mail("auth.email_change_notice", to=to, values={"email": proof.email}, reference=f"{proof.id}-notice")


def mail_deletion_notice(user_id: uuid.UUID, *, until: datetime, to: str) -> None:
    """Tells a person that their account is going to be erased, unless they have come back. Raises MailNotTaken."""
    if User.objects.filter(id=user_id, deleted_at__isnull=False).exists():
        values, reference = {"time": _told(until)}, f"{user_id}-deletion-{until:%Y%m%dT%H%M%S%f}"
        send_mail("auth.account_deleted", to=to, values=values, reference=reference)


def mail_password_notice(user_id: uuid.UUID, *, at: datetime, to: str) -> None:
    """Tells a person that their password was changed, at the address that they had then. Raises MailNotTaken."""
    if User.objects.filter(id=user_id).exists():
        values, reference = {"time": _told(at)}, f"{user_id}-password-{at:%Y%m%dT%H%M%S%f}"
        send_mail("auth.password_changed", to=to, values=values, reference=reference)
