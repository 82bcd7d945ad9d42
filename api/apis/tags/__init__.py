"""Tags: the words that an organization puts on its contacts and other objects.

Nouns: tag, link. Invariant: a name is there once in an organization, whatever its capitals; what is put on an object is put
there whole or not at all. Threat: reaching another organization's objects through the address of a kind.
"""
