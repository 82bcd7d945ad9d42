"""Staff at work: what they keep to work with, what they do to many things at once, the numbers they look at.

Nouns: saved filter, figure. Invariant: what staff do to many, they may do to each. Threat: taking data away unnoticed.
"""
