"""Contacts on the wire: `contacts`, and `many` of them in one body."""
