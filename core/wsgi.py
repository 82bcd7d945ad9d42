"""The WSGI application, for gunicorn."""

import io
import os
import socket
from collections.abc import Callable, Iterable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")

from django.core.wsgi import get_wsgi_application

django_application = get_wsgi_application()

from core.start import refuse_unsafe_start  # noqa: E402 -- models exist only now

Environ = dict[str, Any]

# Between two pieces of a body. Somebody who sends none would otherwise keep a thread for as long as they like.
_BODY_PAUSE_SECONDS = 10

# A chunked body is buffered whole, so it gets no more than a JSON body may have, and a byte to notice that it is more.
_CHUNKED_MAX_BYTES = 1024 * 1024 + 1


def with_length(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Gives chunked requests a Content-Length: Django reads no body without one, and would ignore it silently."""

    def run(environ: Environ, start_response: Any) -> Iterable[bytes]:
        connection = environ.get("gunicorn.socket")
        if isinstance(connection, socket.socket):
            connection.settimeout(_BODY_PAUSE_SECONDS)
        if "HTTP_TRANSFER_ENCODING" in environ and environ.get("wsgi.input_terminated"):
            try:
                body = environ["wsgi.input"].read(_CHUNKED_MAX_BYTES)
            except OSError:
                start_response("408 Request Timeout", [("Content-Length", "0"), ("Connection", "close")])
                return []
            environ["wsgi.input"] = io.BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        return app(environ, start_response)

    return run


refuse_unsafe_start()
application = with_length(django_application)
