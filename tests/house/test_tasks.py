"""Background work is found by name: every scheduled name exists, and says which domain it belongs to."""

from pathlib import Path

from django.conf import settings

from api.platform import outbox

DOMAINS = {path.name for path in (Path(__file__).parent.parent.parent / "api/apis").iterdir()}


def test_every_scheduled_task_exists() -> None:
    assert set(settings.SCHEDULE) <= set(outbox.task_names())


def test_a_task_is_named_for_its_domain() -> None:
    for name in outbox.task_names():
        assert name.partition(".")[0] in DOMAINS
