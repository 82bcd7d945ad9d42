"""An nginx in front of servers, as a load balancer that can be told at any time whom to ask."""

import os
import shutil
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.services.servers import Process, free_port, wait_until

PROGRAM = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

# Whoever is asked gets whole requests over connections that stay open, as from an ingress. What was sent once is not sent
# to another unless it may be repeated: nginx's own rule, so a POST that meets a closing connection is lost.
_CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/bodies;
  proxy_temp_path {folder}/answers;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream handset {{
    include {folder}/servers.conf;
    keepalive 32;
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://handset;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
}}
"""


class Nginx(Process):
    """One worker, no TLS, no cache."""

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        assert PROGRAM is not None
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._name_servers(ports)
        path = folder / "nginx.conf"
        path.write_text(_CONFIGURATION.format(folder=folder, port=self.port))
        super().__init__(os.environ, folder / "error.log", "-p", str(folder), "-c", str(path), program=PROGRAM)

    def send_to(self, ports: Sequence[int]) -> None:
        """Sends what comes from now on to these servers; what is under way is finished."""
        self._name_servers(ports)
        os.kill(self.pid, signal.SIGHUP)

    def _name_servers(self, ports: Sequence[int]) -> None:
        (self._folder / "servers.conf").write_text("".join(f"server 127.0.0.1:{port};\n" for port in ports))

    def is_listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def balancing(folder: Path, ports: Sequence[int]) -> Iterator[Nginx]:
    """Where the program is missing, the test is skipped; the build server has it."""
    if PROGRAM is None and not os.environ.get("CI"):
        pytest.skip("nginx is missing (Debian: nginx-light)")
    nginx = Nginx(folder, ports)
    try:
        wait_until(nginx.is_listening, "nginx listens")
        yield nginx
    finally:
        nginx.stop()
