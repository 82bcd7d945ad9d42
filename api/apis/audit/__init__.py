"""The audit trail: what was done, by whom, to what.

Nouns: entry, actor, target, chain. Invariant: rows are only ever added, by `api.platform.audit`, in the transaction of
what they tell, and go by whole days. Threat: showing the trail of one tenant to another, and whoever would change it.
"""
