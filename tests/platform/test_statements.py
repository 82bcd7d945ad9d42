"""Statements that are compiled once give what their querysets give, whatever they are asked for."""

import threading
import uuid
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models import ExpressionWrapper, IntegerField
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api.models import Counter, User
from api.platform import statements
from api.platform.statements import insert, statement

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_is_compiled() -> None:
    statements._kept.select.cache_clear()
    statements._kept.insertion.cache_clear()


@pytest.fixture
def person() -> User:
    made = User(username="Zoë 🍣", email="zoe@example.com", birth_date=date(1990, 2, 28))
    made.notification_preferences = {"email": {"tips": False}, "large": 2**70, "text": "né"}
    made.save()
    return made


@pytest.fixture
def counters() -> list[Counter]:
    now = timezone.now()
    rows = [Counter(key=f"k{n}", value=n, expires_at=now + timedelta(microseconds=n)) for n in range(5)]
    insert(rows)
    return rows


def _people(
    ids: Any, username: Any = None, *, columns: tuple[str, ...] = ("id", "username"), is_reversed: bool = False
) -> Any:
    rows = User.objects.filter(id__in=ids).values(*columns).order_by("-id" if is_reversed else "id")
    return rows if username is None else rows.filter(username_identity=username)


people: Any = statement(_people)
EVERY_COLUMN = tuple(field.attname for field in User._meta.concrete_fields)


def test_rows_are_those_of_the_queryset_to_the_type(person: User) -> None:
    (expected,) = _people([person.id], columns=EVERY_COLUMN)
    for _ in range(2):
        (row,) = people([person.id], columns=EVERY_COLUMN).rows()
        assert row == expected
        assert [type(value) for value in row.values()] == [type(value) for value in expected.values()]
    assert row["notification_preferences"]["large"] == 2**70
    assert list(people([person.id], columns=EVERY_COLUMN).queryset()) == [expected]


def test_a_statement_is_built_once_for_each_shape(person: User) -> None:
    built: list[tuple[int, bool, bool]] = []

    @statement
    def counted(ids: Any, username: Any, *, is_reversed: bool) -> Any:
        built.append((len(ids), username is None, is_reversed))
        return _people(ids, username, is_reversed=is_reversed)

    strangers = [uuid.uuid4() for _ in range(3)]
    for _ in range(3):
        assert counted([person.id], None, is_reversed=False).first() == {"id": person.id, "username": person.username}
        assert counted(strangers[:1], None, is_reversed=False).first() is None
        assert len(counted([person.id, *strangers], None, is_reversed=False).rows()) == 1
        assert len(counted([person.id], "zoë 🍣", is_reversed=False).rows()) == 1
        assert counted([person.id], "zoe", is_reversed=True).rows() == []
    assert built == [(1, True, False), (4, True, False), (1, False, False), (1, False, True)]


def test_values_are_written_as_their_columns_want_them(counters: list[Counter]) -> None:
    @statement
    def between(first: Any, last: Any, behind: Any) -> Any:
        rows = Counter.objects.filter(key__gte=first, key__lt=last, expires_at__gt=behind)
        return rows.order_by("key").values("key", "expires_at")

    moment = counters[1].expires_at
    for behind in (moment, moment.isoformat()):
        found = between("k0", "k4", behind).rows()
        assert found == [{"key": row.key, "expires_at": row.expires_at} for row in counters[2:4]]


def test_a_value_is_never_read_as_sql(person: User) -> None:
    for text in ("' OR 1=1 --", "%s", "100%", "\\", '"', "\x00" if connection.vendor == "sqlite" else "%%"):
        assert people([person.id], text).rows() == []


def test_a_list_of_none_finds_nothing_and_asks_nothing(person: User) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert people([]).rows() == []
    assert len(asked) == 0


def test_every_thread_compiles_for_its_own_connection(person: User) -> None:
    people([person.id]).rows()
    found: list[Any] = []

    def compile_here() -> None:
        found.append(statements._kept.select(_people, ((True,),), (), "default").connection)
        connections.close_all()

    thread = threading.Thread(target=compile_here)
    thread.start()
    thread.join()
    assert statements._kept.select(_people, ((True,),), (), "default").connection is connections["default"]
    assert found[0] is not connections["default"]


def test_inserted_rows_are_those_that_a_save_would_store(person: User) -> None:
    before = timezone.now()
    twins = [
        User(username=name, username_identity=name, is_guest=True, about="né", birth_date=date(2000, 1, 1))
        for name in ("twin-a", "twin-b", "twin-c")
    ]
    with CaptureQueriesContext(connection) as asked:
        insert(twins)
    assert len(asked) == 1
    for twin in twins:
        stored = User.objects.get(id=twin.id)
        assert stored.created_at == twin.created_at >= before
        for field in User._meta.concrete_fields:
            if field.generated:
                continue  # by the database, from the others
            assert getattr(stored, field.attname) == getattr(twin, field.attname), field.name
        assert not twin._state.adding


def test_a_value_can_only_be_compared() -> None:
    @statement
    def told(number: Any) -> Any:
        return User.objects.annotate(number=ExpressionWrapper(number, IntegerField())).values("number")

    with pytest.raises(TypeError, match="compare"):
        told(1).rows()
