"""Background work of accounts and sessions."""

import uuid
from datetime import datetime

from api.apis.auth import services
from api.platform import outbox, revocation


@outbox.task("auth.publish_revocations")
def publish_revocations(session_ids: list[str]) -> None:
    """Writes the marks of ended sessions, in case the process that ended them died before it did."""
    revocation.publish(session_ids)


@outbox.task("auth.mail_proof")
def mail_proof(proof_id: str) -> None:
    """Mails a code or a link, unless it is void by now."""
    services.mail_proof(uuid.UUID(proof_id))


@outbox.task("auth.mail_change_notice")
def mail_change_notice(proof_id: str, to: str) -> None:
    """Tells the address that an account had that another one is to replace it."""
    services.mail_change_notice(uuid.UUID(proof_id), to=to)


@outbox.task("auth.mail_password_notice")
def mail_password_notice(user_id: str, at: str, to: str) -> None:
    """Tells a person that their password was changed."""
    services.mail_password_notice(uuid.UUID(user_id), at=datetime.fromisoformat(at), to=to)


@outbox.task("auth.mail_deletion_notice")
def mail_deletion_notice(user_id: str, until: str, to: str) -> None:
    """Tells a person until when their account can be had back."""
    services.mail_deletion_notice(uuid.UUID(user_id), until=datetime.fromisoformat(until), to=to)


@outbox.task("auth.sweep")
def sweep() -> None:
    """Ends sessions that were superseded or left alone long ago, and forgets what is good for nothing any more: sessions
    that ended long ago, staff's too, counts of failures, mailed proofs, guests whom nobody can be any more.

    What fails keeps nothing else from being swept, and is raised at the end.
    """
    failures: list[Exception] = []
    for step in (
        services.end_superseded,
        services.end_expired,
        services.forget_ended_sessions,
        services.forget_browser_sessions,
        services.end_overdue_viewings,
        services.forget_staff_sessions,
        services.forget_old_failures,
        services.forget_old_proofs,
        services.forget_merged_guests,
        services.forget_abandoned_guests,
    ):
        try:
            while step():
                pass
        except Exception as failure:  # noqa: BLE001 -- raised below, with the others
            failures.append(failure)
    if failures:
        raise ExceptionGroup("the sweep is not complete", failures)
