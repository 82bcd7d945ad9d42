"""The views of accounts: `tokens`, `people` (signing up, in and out), `accounts` (passwords, addresses)."""
