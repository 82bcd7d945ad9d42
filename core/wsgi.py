"""The WSGI application, for gunicorn."""

import io
import os
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import IO, Any

from gunicorn.http import errors

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.utils.http import parse_header_parameters

django_application = get_wsgi_application()

# Models exist only now.
from api.exceptions import ApiError, TemporarilyUnavailable  # noqa: E402
from api.platform import bodies, telemetry  # noqa: E402
from api.problems import BadRequest, RequestTimedOut  # noqa: E402
from api.requests import ARRIVED, body_max_bytes  # noqa: E402
from core.middleware import REFUSAL  # noqa: E402
from core.server import AHEAD_BYTES  # noqa: E402
from core.start import refuse_unsafe_start  # noqa: E402

Environ = dict[str, Any]

# Between two pieces of a body, and of an answer that nobody takes.
_PAUSE_SECONDS = 10
# A body that comes slower than this all in all comes too slowly: what the first photo of a bad network still manages.
_LEAST_BYTES_PER_SECOND = 32 * 1024
# Nobody says before how large a chunked body is, so it gets no more than a JSON body may have, and a byte to notice.
_CHUNKED_MAX_BYTES = bodies.MEMORY_MAX_BYTES + 1


class _Readers:
    """Bodies that were not there with their heads are read before Django begins, and hold at most half of the threads."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 2))

    def read(self, source: Any, connection: socket.socket | None, *, most: int) -> IO[bytes]:
        """What has come, in a file if it is large: whoever sends slowly, or much, takes no memory. Raises RequestTimedOut,
        TemporarilyUnavailable.
        """
        if not self._places.acquire(blocking=False):
            _hang_up(connection)
            raise TemporarilyUnavailable(retry_after_seconds=1)
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            _hang_up(connection)

        timer = threading.Timer(settings.REQUEST_ARRIVAL_SECONDS + most / _LEAST_BYTES_PER_SECOND, end)
        timer.daemon = True
        timer.start()
        body: IO[bytes] = io.BytesIO()
        try:
            body = bodies.collected(source.read, most=most)
        except TimeoutError:
            end()
        except errors.ParseException:
            if not is_late.is_set():
                raise
        except ConnectionError:  # the caller has gone, and gunicorn knows what to do about it
            raise
        except OSError as error:  # there is no room for what is sent
            _hang_up(connection)
            raise TemporarilyUnavailable from error
        finally:
            timer.cancel()
            self._places.release()
        if is_late.is_set():
            body.close()
            raise RequestTimedOut
        return body


def _hang_up(connection: socket.socket | None) -> None:
    """Nothing more is read: whoever reads, gunicorn too before it keeps the connection, finds its end."""
    if connection is not None:
        with suppress(OSError):  # the caller may have gone
            connection.shutdown(socket.SHUT_RD)


def with_readable_type(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Leaves a Content-Type that Django fails at, before there is a request to answer, to `ArrivalMiddleware` to refuse."""

    def run(environ: Environ, start_response: Any) -> Iterable[bytes]:
        try:
            parse_header_parameters(environ.get("CONTENT_TYPE", ""))
        except ValueError:
            environ["CONTENT_TYPE"] = ""
            environ[REFUSAL] = BadRequest("The Content-Type cannot be read.")
        return app(environ, start_response)

    return run


def with_body(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Reads large and chunked bodies, and gives the latter the Content-Length without which Django would read nothing.

    What is larger than anything that is taken is left to be refused by what it says. What goes wrong is left to
    `ArrivalMiddleware` to say.
    """
    readers = _Readers()

    def run(environ: Environ, start_response: Any) -> Iterable[bytes]:
        connection: socket.socket | None = environ.get("gunicorn.socket")
        if connection is not None:
            connection.settimeout(_PAUSE_SECONDS)
        is_chunked = "HTTP_TRANSFER_ENCODING" in environ and environ.get("wsgi.input_terminated")
        most = _CHUNKED_MAX_BYTES if is_chunked else int(environ.get("CONTENT_LENGTH") or 0)
        if is_chunked or AHEAD_BYTES < most <= body_max_bytes():
            try:
                body = readers.read(environ["wsgi.input"], connection, most=most)
            except ApiError as refusal:
                environ[REFUSAL], body = refusal, io.BytesIO()
            with body:  # whatever answers has read what it needs of it
                environ["wsgi.input"], environ[ARRIVED] = body, bodies.Body(body)
                body.seek(0)
                if is_chunked:
                    environ["CONTENT_LENGTH"] = str(len(environ[ARRIVED]))
                return app(environ, start_response)
        return app(environ, start_response)

    return run


refuse_unsafe_start()
telemetry.start()
application = with_readable_type(with_body(django_application))
