"""Settings of the test suite: those of the embedded default, with cheap hashes and generous limits.

DATABASE_URL and REDIS_STATE_URL choose the stores, as everywhere; without them a database in memory is used.
"""

import os
import tempfile

os.environ.setdefault("VAR_DIR", tempfile.mkdtemp(prefix="handset-test-"))
os.environ.setdefault("DATABASE_URL", "sqlite://:memory:")
os.environ.setdefault("ARGON2_MEMORY_KIB", "8")
os.environ.setdefault("ARGON2_TIME_COST", "1")
os.environ.setdefault("LOG_LEVEL", "INFO")

from core.settings import *

# Limits have tests of their own, which lower them; nothing else should meet one.
RATES = {scope: rate._replace(limit=1_000_000) for scope, rate in RATES.items()}

# What a store that is slow does has tests of its own; a machine that has other things to do is no such store.
REDIS_TIMEOUT_SECONDS = 3
_options = DATABASES["default"]["OPTIONS"]
if "options" in _options:  # PostgreSQL drops the database of a suite in this time, too
    _options["options"] = _options["options"].replace("statement_timeout=10000", "statement_timeout=60000")

MIDDLEWARE = ["tests.documented.Documented", *MIDDLEWARE]

# Each phone of a test has a stack of its own: looked for when they are asked for, the static files cost it nothing.
WHITENOISE_AUTOREFRESH = True
