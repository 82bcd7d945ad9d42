"""People and their profiles.

Nouns: user, profile, preferences, avatar. Invariant: an address and a username belong to one person, everyone has exactly
one personal organization, and a row names no picture that is not there. Threat: setting by a profile call what only the
server may decide; a picture that is something else, or tells where it was taken.
"""
