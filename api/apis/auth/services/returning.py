"""Coming back to an account that was given up, for as long as ERASURE_GRACE_DAYS lets it wait."""

from api.apis.notifications.services import notify
from api.models import UNFINISHED_STATES, Job, User
from api.platform import audit, jobs
from api.platform.callers import Caller


def take_back_deletion(caller: Caller, person: User) -> None:
    """Calls the erasure off of a person who is locked, and has just signed in. What was ended stays so: sessions, links,
    API keys. Part of the caller's transaction.
    """
    person.deleted_at = None
    person.save(update_fields=["deleted_at", "updated_at"])
    for job in Job.objects.filter(subject_id=person.id, state__in=UNFINISHED_STATES):
        jobs.revoke(job.id)
    notify(person.id, "auth.deletion_cancelled", data={})
    audit.record(caller, "user.deletion_cancelled", target_kind="user", target_id=person.id, on_behalf_of=person.id)
