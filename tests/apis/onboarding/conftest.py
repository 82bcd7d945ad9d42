"""What the tests of registration share."""

from tests.apis.auth.stores import _redis_url, in_database, no_redis, own_redis
from tests.apis.auth.wire import _commits_take_effect, clock, new_phone

__all__ = ["_commits_take_effect", "_redis_url", "clock", "in_database", "new_phone", "no_redis", "own_redis"]
