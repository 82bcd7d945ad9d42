"""What the tests of erasures share."""

from tests.apis.auth.wire import _commits_take_effect

__all__ = ["_commits_take_effect"]
