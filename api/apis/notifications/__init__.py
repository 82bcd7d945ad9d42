"""Notifications: what people are told, by mail.

Nouns: mail, kind, template, placeholder. Invariant: what a mail says is decided when it is sent, from rows; nothing
secret waits in a queue. Threat: a mail to the wrong address, or one that says what its reader may not know.
"""
