"""Accounts and sessions: tokens for devices; people signing up, in and out; passwords, addresses, mailed codes.

Nouns: session, access token, refresh token, attempt, guest, mailed proof. Invariant: a device has one live session, and a
lost answer can be asked for again without a second effect. Threat: a stolen token that stays useful, guessed passwords
and codes, and somebody who signs up with another's address.
"""
