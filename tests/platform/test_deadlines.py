"""A statement that would take for ever is ended by the database, and the connection is as it was."""

import pytest
from django.db import connection, transaction

from api.models import Counter
from api.platform.deadlines import DeadlinePassed, deadline

pytestmark = pytest.mark.django_db

# Each row of a thousand beside each of a thousand, five times over.
_FOR_EVER = "SELECT COUNT(*) FROM " + ", ".join(f"counter AS c{number}" for number in range(6))


@pytest.fixture(autouse=True)
def _rows(db: None) -> None:
    Counter.objects.bulk_create(
        Counter(key=str(number), value=1, expires_at="2026-11-21T00:00:00Z") for number in range(1000)
    )


def ask(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        number: int = cursor.fetchone()[0]
    return number


def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(DeadlinePassed), deadline(0.2):
        ask(_FOR_EVER)
    assert ask("SELECT COUNT(*) FROM counter") == 1000


def test_what_is_quick_is_not_touched() -> None:
    with deadline(10):
        assert ask("SELECT COUNT(*) FROM counter") == 1000
        assert Counter.objects.filter(key__in=["1", "2"]).count() == 2


def test_the_limit_ends_with_its_block() -> None:
    with deadline(0.001), transaction.atomic():
        pass
    assert ask("SELECT COUNT(*) FROM counter AS a, counter AS b") == 1_000_000


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(Exception, match="no_such_table"), transaction.atomic(), deadline(10):
        ask("SELECT COUNT(*) FROM no_such_table")
