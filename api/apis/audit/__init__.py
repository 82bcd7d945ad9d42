"""The audit trail, read.

Nouns: entry, actor, target. Invariant: rows are only ever added, by `api.platform.audit`, in the transaction of what
they tell. Threat: showing the trail of one tenant to another.
"""
