"""Pages for staff: the same services as the API, another skin."""
