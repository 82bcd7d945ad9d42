"""A TCP proxy that can fall silent, and cut a connection between the database's COMMIT and the news of it."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

# A COM_QUERY of the MySQL protocol whose text is COMMIT, with the length and the number of its packet before it.
_COMMIT = b"\x07\x00\x00\x00\x03COMMIT"
_CHUNK_BYTES = 65_536


class Proxy:
    """Forwards connections from `port` to `target`, both of this machine."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._is_flowing = threading.Event()
        self._is_flowing.set()
        self._lock = threading.Lock()
        self._links: set[_Link] = set()
        self._spared, self._cuts_left = 0, 0
        self._on_cut: Callable[[], object] = lambda: None
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_commits(self, number: int, on_cut: Callable[[], object] = lambda: None, *, spared: int = 0) -> None:
        """The answers to the next `number` COMMITs behind those `spared` are lost: the database has carried them out, and
        nobody hears of it.

        `on_cut` is called each time, before the connection ends.
        """
        with self._lock:
            self._spared, self._cuts_left, self._on_cut = spared, number, on_cut

    @property
    def has_cut(self) -> bool:
        """Whether all of them have come."""
        return self._cuts_left == 0

    def silence(self) -> None:
        """From now on nothing passes, and a connection that is made leads nowhere."""
        self._is_flowing.clear()

    def reset(self) -> None:
        """Cuts off what there is, and lets through what comes."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.end()
        self._is_flowing.set()

    def close(self) -> None:
        self._listener.close()
        self.reset()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._is_flowing.wait()
        try:
            link = _Link(client, socket.create_connection(("127.0.0.1", self._target)))
        except OSError:
            client.close()
            return
        with self._lock:
            self._links.add(link)
        answering = threading.Thread(target=self._answer, args=(link,), daemon=True)
        answering.start()
        with suppress(OSError):
            while data := link.client.recv(_CHUNK_BYTES):
                self._is_flowing.wait()
                link.is_committing = data == _COMMIT
                link.server.sendall(data)
        link.end()
        answering.join()
        with self._lock:
            self._links.discard(link)

    def _answer(self, link: "_Link") -> None:
        with suppress(OSError):
            while data := link.server.recv(_CHUNK_BYTES):
                self._is_flowing.wait()
                if link.is_committing and self._cuts():
                    break
                link.client.sendall(data)
        link.end()

    def _cuts(self) -> bool:
        with self._lock:
            if not self._cuts_left:
                return False
            if self._spared:
                self._spared -= 1
                return False
            self._cuts_left -= 1
            on_cut = self._on_cut
        on_cut()
        return True


class _Link:
    """A connection of the application and the one to the database behind it."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.is_committing = False

    def end(self) -> None:
        """Wakes whoever waits for either, in this process and at both ends."""
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
