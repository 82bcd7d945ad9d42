"""API keys: services that work for an organization without a device.

Nouns: key, scope, holder. Invariant: a key can do no more than its scopes say and its holder's role allows. Threat: a
leaked key, or one that outlives whoever made it.
"""
