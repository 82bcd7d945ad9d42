"""Images over HTTP: `images` themselves, `objects` that they are put on, `uploads` straight to the store, `sharing` by links."""
