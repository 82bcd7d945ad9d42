"""`make run`: everything on one machine — schema, demo data, background process, server — and what to do with it."""

import json
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from api.management import demo
from api.platform import metric_files


class Command(BaseCommand):
    help = "Migrates, makes demo data, starts the server and its background process, and prints how to use them."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EMBEDDED:
            raise CommandError("this starts the embedded default only; see entrypoint.sh for a deployment")
        _require_free_port()
        call_command("migrate", verbosity=0)
        shown = demo.prepare()
        path = Path(settings.VAR_DIR) / "demo.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(shown, indent=2) + "\n", encoding="utf-8")
        sys.exit(_supervise(lambda: self._print(shown)))

    def _print(self, shown: dict[str, Any]) -> None:
        base_url = shown["base_url"]
        lines = [
            "",
            f"Handset is running      {base_url}/",
            f"API documentation       {shown['docs_url']}",
            f"CMS for staff           {shown['cms_url']}",
            "",
            *(f"Sign in as {login['role']:<12} {login['email']}  {login['password']}" for login in shown["logins"]),
            *self._second_step(shown),
            "",
            f"App key                 {shown['app_key']['id']}  {shown['app_key']['secret']}",
            "The same for programs   var/demo.json",
            "",
            "A signed call; paste it into another terminal here:",
            f"  {sys.executable} manage.py sign_request POST /api/v1/auth/get-token/ --base-url {base_url} | sh",
            "",
            "Stop with Ctrl-C.",
            "",
        ]
        self.stdout.write("\n".join(lines))

    def _second_step(self, shown: dict[str, Any]) -> list[str]:
        secret = next((login["totp_secret"] for login in shown["logins"] if login.get("totp_secret")), None)
        if not settings.STAFF_SECOND_FACTOR or secret is None:
            return []
        return [
            f"Second step of staff    {secret} in an authenticator app, or a code by `manage.py staff_factors --demo`;",
            "                        none at all: STAFF_SECOND_FACTOR=false make run",
        ]


def _require_free_port() -> None:
    """Raises CommandError when another server listens where this one would."""
    try:
        socket.create_server((settings.BIND_ADDRESS, settings.PORT), reuse_port=False).close()
    except OSError:
        raise CommandError(f"port {settings.PORT} is taken; choose another: PORT=8010 make run") from None


def _supervise(when_up: Any) -> int:
    """Runs the server and the background process until one is asked to stop; a background process that dies is
    started again. Returns the exit status.
    """
    metric_files.share()
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "core/gunicorn.conf.py", "core.wsgi:application"]
    )
    background = _start_background()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    try:
        _wait_until_up(server, stop)
        if server.poll() is None and not stop.is_set():
            when_up()
        while not stop.is_set() and server.poll() is None:
            if background.poll() is not None:
                background = _start_background()
            stop.wait(0.5)
    finally:
        for process in (server, background):
            if process.poll() is None:
                process.terminate()
        for process in (server, background):
            process.wait()
        metric_files.forget()
    return 0 if stop.is_set() else server.returncode or 1


def _start_background() -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "manage.py", "run_outbox"], start_new_session=True)


def _wait_until_up(server: "subprocess.Popen[bytes]", stop: threading.Event) -> None:
    """However long it takes: what is printed then is to be true."""
    while server.poll() is None and not stop.is_set():
        try:
            with urllib.request.urlopen(f"http://{settings.BIND_ADDRESS}:{settings.PORT}/health/live/", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            stop.wait(0.1)
