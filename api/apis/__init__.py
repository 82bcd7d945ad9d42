"""The domains, one folder and one word each."""
