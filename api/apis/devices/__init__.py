"""Devices of a person: where they are signed in, and where they were.

Nouns: device, session. Invariant: what a person sees of a device is what was theirs on it. Threat: seeing or ending what
somebody else does on a device that has changed hands.
"""
