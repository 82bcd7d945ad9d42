"""Images on the wire: `images` and what they are put on, how they are `sent` to the store, and `shared`."""
