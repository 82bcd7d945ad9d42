"""The views of organizations: `organizations` themselves, and their `members`."""
