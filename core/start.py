"""What a server process does before its first request."""

import sys
from contextlib import suppress

from django.conf import settings
from django.core import checks

from api.platform import nonces, state

# Of a worker, gunicorn's master takes this for the end; with any other status it would start the next one, for ever.
_REFUSED = 3


def refuse_unsafe_start() -> None:
    """Ends the process, saying why, when the configuration is not one to serve strangers with."""
    problems = [problem for problem in checks.run_checks(tags=["handset"]) if problem.is_serious()]
    if problems and not settings.EMBEDDED:
        for problem in problems:
            sys.stderr.write(f"refusing to start: {problem.msg} ({problem.id})\n")
        sys.exit(_REFUSED)
    # A store that does not answer is readiness's to report; the first signed request then starts its memory.
    with suppress(state.StateUnavailable):
        nonces.prepare()
