"""Background work: the outbox and the schedule, and the jobs that people have asked for.

Nouns: message, task, lease, slot, job. Invariant: what was written with its cause is carried out at least once, and ends
done or visibly failed. Threat: work that is lost between a commit and a crash; somebody else's job.
"""
