"""http.client, against a server on the loopback."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from handset_client import HttpTransport, NetworkFailure


class Handler(BaseHTTPRequestHandler):
    """Answers what it was sent, and on which connection."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        text = f"{self.command} {self.path} {self.headers['Host']} {self.client_address[1]} "
        content = text.encode() + body
        self.send_response(302 if self.path == "/redirect" else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(content)))
        if self.path == "/close":
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = self.path in {"/close", "/leave"}

    do_GET = do_POST = answer  # noqa: N815 -- the base class looks for these names

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def origin() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    transport = HttpTransport(connect_seconds=2, read_seconds=2)
    yield transport
    transport.close()


def fetch(transport: HttpTransport, url: str, body: bytes = b"") -> list[str]:
    method = "POST" if body else "GET"
    return transport.send(method, url, {}, body).body.decode().split(" ")


def test_request_is_sent_as_it_was_signed(transport: HttpTransport, origin: str) -> None:
    method, target, host, _, body = fetch(transport, f"{origin}/a/?q=caf%C3%A9&x=+", b"{}")
    assert (method, target, body) == ("POST", "/a/?q=caf%C3%A9&x=+", "{}")
    assert f"http://{host}" == origin


def test_connection_is_used_again(transport: HttpTransport, origin: str) -> None:
    assert fetch(transport, f"{origin}/1")[3] == fetch(transport, f"{origin}/2")[3]


@pytest.mark.parametrize("path", ["/close", "/leave"])
def test_connection_that_the_server_has_closed_is_replaced(transport: HttpTransport, origin: str, path: str) -> None:
    first = fetch(transport, origin + path)[3]
    for connections in transport._idle.values():  # waits for the farewell
        for connection in connections:
            connection.sock.recv(1, socket.MSG_PEEK)
    assert fetch(transport, f"{origin}/next")[3] != first


def test_redirect_is_not_followed(transport: HttpTransport, origin: str) -> None:
    assert transport.send("GET", f"{origin}/redirect", {}, b"").status == 302


def test_threads_have_connections_of_their_own(transport: HttpTransport, origin: str) -> None:
    ports: list[str] = []
    barrier = threading.Barrier(4, timeout=10)

    def call() -> None:
        barrier.wait()
        ports.append(fetch(transport, f"{origin}/")[3])

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ports) == 4


def test_nobody_there_is_a_network_failure(transport: HttpTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NetworkFailure):
        transport.send("GET", f"http://127.0.0.1:{port}/", {}, b"")


def test_silence_is_a_network_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(NetworkFailure, match="timed out"):
            HttpTransport(read_seconds=0.01).send("GET", url, {}, b"")


@pytest.mark.parametrize("farewell", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"?"])
def test_half_an_answer_is_a_network_failure(transport: HttpTransport, farewell: bytes) -> None:
    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(1024)
            connection.sendall(farewell)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(NetworkFailure):
            transport.send("GET", f"http://127.0.0.1:{server.getsockname()[1]}/", {}, b"")
        thread.join()
