"""OpenAPI: what drf-spectacular cannot see in a view.

Views describe their operations with `answers` and `lists`; `operations` adds what follows from the view itself,
`refusals` every error with an example, `hooks` what all operations refer to.
"""

from api.schema.describing import answers, lists, streams

__all__ = ["answers", "lists", "streams"]
