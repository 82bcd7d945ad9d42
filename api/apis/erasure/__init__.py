"""Erasing accounts and organizations that were given up: rows, files, and what is personal of the audit trail.

Nouns: erasure, receipt. Invariant: an erasure that was begun ends with nothing left but ids, however often it is
interrupted, and tells what went in numbers. Threat: a copy that nobody remembers; erasing what is somebody else's.
"""
