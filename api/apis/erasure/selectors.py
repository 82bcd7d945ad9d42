"""Reading erasures, for staff and the shell: whoever asked for one may have nothing left to ask with."""

import uuid
from typing import Any

from django.db.models import Q

from api.models import Job
from api.platform import jobs


def erasures_about(key: uuid.UUID) -> list[dict[str, Any]]:
    """The erasure with an id, or those of the person or organization with it, newest first. Not narrowed to a caller."""
    found = Job.objects.filter(Q(id=key) | Q(subject_id=key), subject_id__isnull=False)
    return [jobs.told(job) for job in found.order_by("-created_at")]
