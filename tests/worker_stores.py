"""A pytest plugin (`-p tests.worker_stores`): each xdist worker gets Redis databases of its own, since tests empty them.

Works when it is imported, before the settings are: the first worker keeps what the variables say, the next ones take
the numbers below.
"""

import os

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))

for _name in ("REDIS_STATE_URL", "REDIS_CACHE_URL"):
    _server, _, _number = os.environ[_name].rpartition("/")
    os.environ[_name] = f"{_server}/{int(_number) - 2 * _worker}"
