"""Images of an organization.

Nouns: image, variant, upload, share. Invariant: a row names objects that are there, and no object stays without a row. Threat: files that
are more than pictures, and reading another organization's.
"""
