"""The views of organizations: `organizations` themselves, their `members`, and `invitations`."""
