"""Contacts: whom an organization knows.

Nouns: contact, slug, version, tombstone. Invariant: every change moves the contact's version and its organization's
count of changes, in one transaction. Threat: reading or changing another organization's contacts.
"""
