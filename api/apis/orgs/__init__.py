"""Organizations: tenants, their members and what each role may do.

Nouns: organization, membership, role. Invariant: a personal organization has exactly its person; a group always has an
active owner. Threat: one tenant seeing, guessing or changing another's data.
"""
