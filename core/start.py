"""What a server process does before its first request."""

import sys

from django.conf import settings
from django.core import checks

from api.platform import nonces, state


def refuse_unsafe_start() -> None:
    """Ends the process, saying why, when the configuration is not one to serve strangers with."""
    problems = [problem for problem in checks.run_checks(tags=["handset"]) if problem.is_serious()]
    if problems and not settings.EMBEDDED:
        for problem in problems:
            print(f"refusing to start: {problem.msg} ({problem.id})", file=sys.stderr)
        sys.exit(78)  # EX_CONFIG
    try:
        nonces.prepare()
    except state.StateUnavailable:
        pass  # readiness says so, and the first signed request starts the store's memory
