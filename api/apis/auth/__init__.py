"""Sessions: tokens for devices, people signing up, in and out.

Nouns: session, access token, refresh token, attempt. Invariant: a device has one live session, and a lost answer can be
asked for again without a second effect. Threat: a stolen token that stays useful, and guessing passwords.
"""
