"""Another process of the same deployment: it does one thing after the other, as it is told, and says when it had.

    python -m tests.services.hands

reads one JSON object a line (`verb` and its arguments) and answers each with one: what came of it, and when it began
and was done, by the monotonic clock of this machine, which all processes share.
"""

import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.services.servers import ROOT, STOP_SECONDS

HEAR_SECONDS = 90


class Done(NamedTuple):
    """What a verb gave, and from when till when the process was at it (seconds of the monotonic clock)."""

    result: Any
    began_at: float
    at: float


class Hand:
    """The parent's side. Use it in a `with` statement; tell it one thing at a time."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.services.hands"],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if kind is not None:
            self._process.kill()
        self._process.stdin.close()  # its end: there is nothing more to do
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def tell(self, verb: str, **arguments: Any) -> None:
        """Lets it begin; `hear` waits for the end."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"verb": verb, **arguments}) + "\n")
        self._process.stdin.flush()

    def hear(self) -> Done:
        """Raises RuntimeError with what went wrong over there."""
        assert self._process.stdout is not None
        patience = threading.Timer(HEAR_SECONDS, self._process.kill)
        patience.start()
        line = self._process.stdout.readline()
        patience.cancel()
        if not line:
            raise RuntimeError(f"the process has ended with status {self._process.wait(STOP_SECONDS)}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return Done(**answer)

    def do(self, verb: str, **arguments: Any) -> Done:
        self.tell(verb, **arguments)
        return self.hear()


# -- the other side


def ready() -> None:
    """Nothing: the process is up, and has a connection to the database."""
    from django.db import connection

    connection.ensure_connection()


def revoke_device(device_id: str) -> None:
    from api.apis.onboarding import services
    from api.platform import callers

    services.revoke_device(callers.command("a test"), device_id=uuid.UUID(device_id))


def deactivate_person(user_id: str) -> None:
    from api.apis.auth import services
    from api.platform import callers

    services.deactivate_person(callers.command("a test"), user_id=uuid.UUID(user_id))


def leave(user_id: str, organization_id: str) -> None:
    """Ends a membership, as whatever removes members has to."""
    from django.db import transaction

    from api.models import Membership
    from api.platform import memberships

    with transaction.atomic():
        memberships.changing([uuid.UUID(user_id)])
        Membership.objects.filter(user_id=user_id, organization_id=organization_id).delete()


def join(user_id: str, organization_id: str) -> None:
    from django.db import transaction

    from api.models import Membership, Role
    from api.platform import memberships

    with transaction.atomic():
        memberships.changing([uuid.UUID(user_id)])
        Membership.objects.create(user_id=user_id, organization_id=organization_id, role=Role.MEMBER)


def run_outbox(until_done: list[str]) -> int:
    """Executes the outbox as `manage.py run_outbox` does, until all these messages are done; how many it took up."""
    from api.apis.jobs import services
    from api.models import OutboxMessage

    taken = 0
    deadline = time.monotonic() + HEAR_SECONDS / 2
    while OutboxMessage.objects.filter(id__in=until_done, done_at=None).exists():
        if time.monotonic() > deadline:
            raise TimeoutError("the outbox was not done in time")
        taken += services.run_due()
    return taken


VERBS = {verb.__name__: verb for verb in (ready, revoke_device, deactivate_person, leave, join, run_outbox)}


def _register_tasks() -> None:
    """A task whose every execution can be counted afterwards."""
    from api.platform import audit, callers, outbox

    @outbox.task("services.count")
    def count(number: int) -> None:
        audit.record(callers.job(), "services.counted", target_kind="number", target_id=number)


def main() -> None:
    import django

    django.setup()
    _register_tasks()
    for line in sys.stdin:
        order = json.loads(line)
        began_at = time.monotonic()
        try:
            result = VERBS[order.pop("verb")](**order)
            answer = {"result": result, "began_at": began_at, "at": time.monotonic()}
        except Exception as error:  # noqa: BLE001 -- the parent raises it
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
