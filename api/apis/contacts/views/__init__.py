"""Contacts over HTTP: `contacts`, one at a time, and `many` at once."""
