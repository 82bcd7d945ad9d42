"""Background work: the outbox and the schedule.

Nouns: message, task, lease, slot. Invariant: what was written with its cause is carried out at least once, and ends
done or visibly failed. Threat: work that is lost between a commit and a crash.
"""
