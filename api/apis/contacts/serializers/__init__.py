"""Contacts on the wire: `contacts`, `many` of them in one body, `doubles` of one person, and `files`."""
