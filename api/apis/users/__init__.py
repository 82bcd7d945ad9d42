"""People and their profiles.

Nouns: user, profile. Invariant: an address and a username belong to one person, and everyone has exactly one personal
organization. Threat: setting by a profile call what only the server may decide.
"""
