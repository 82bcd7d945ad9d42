"""The views of accounts: `tokens`, `people` (signing up, in and out), `social` (signing in by a provider), `accounts`
(passwords, addresses).
"""
