"""Taking everything along: archives of an organization, for its admins, and of a person, for themselves.

Nouns: export, archive, snapshot, manifest. Invariant: an archive is one moment, whole, and gone when its time is over.
Threat: one link is everything; objects that nobody knows of.
"""
