"""Images over HTTP: `images` themselves, `objects` that they are put on."""
