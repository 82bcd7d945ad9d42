"""Contacts over HTTP: `contacts`, one at a time, `many` at once, `doubles` of one person, `files`."""
