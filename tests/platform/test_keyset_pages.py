"""Keyset pages against the plain truth: the whole list, sorted in Python and cut into slices."""

import random
from typing import Any

import pytest
from django.utils import timezone

from api.models import Counter
from api.platform.keyset import Cursor, Order, Page, page_of

pytestmark = pytest.mark.django_db

ORDERS = [
    [Order("key", False)],
    [Order("key", True)],
    [Order("value", False), Order("key", False)],
    [Order("value", True), Order("key", False)],
    [Order("expires_at", False), Order("value", True), Order("key", True)],
]


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Rows with many ties; their keys sort by bytes."""
    rng = random.Random(7)
    now = timezone.now().replace(microsecond=0)
    keys = rng.sample([f"{letter}{number}" for letter in "abZ~é🍣" for number in range(9)], 23)
    made = [
        Counter(key=key, value=rng.randrange(4), expires_at=now.replace(microsecond=rng.randrange(3))) for key in keys
    ]
    Counter.objects.bulk_create(made)
    return list(Counter.objects.values("key", "value", "expires_at"))


def in_order(rows: list[dict[str, Any]], order: list[Order]) -> list[str]:
    for column, is_descending in reversed(order):
        rows = sorted(
            rows, key=lambda row: row[column].encode() if column == "key" else row[column], reverse=is_descending
        )
    return [row["key"] for row in rows]


def page(order: list[Order], cursor: Cursor | None, limit: int, **more: Any) -> Page:
    found = Counter.objects.values("key", "value", "expires_at")
    return page_of(found, order=order, cursor=cursor, limit=limit, **more)


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_pages_are_the_slices_of_the_whole(rows: list[dict[str, Any]], order: list[Order]) -> None:
    whole = in_order(rows, order)
    for limit in (1, 2, 5, 22, 23, 24, 100):
        pages: list[list[str]] = []
        current = page(order, None, limit)
        assert current.prev is None
        while True:
            pages.append([row["key"] for row in current.rows])
            if current.next is None:
                break
            current = page(order, current.next, limit)
            assert current.prev is not None
        assert pages == [whole[start : start + limit] for start in range(0, len(whole), limit)]
        # And back to the beginning.
        walked = [row["key"] for row in current.rows]
        while current.prev is not None:
            current = page(order, current.prev, limit)
            walked = [row["key"] for row in current.rows] + walked
        assert walked == whole


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_a_page_begins_beside_any_row(rows: list[dict[str, Any]], order: list[Order]) -> None:
    whole = in_order(rows, order)
    by_key = {row["key"]: row for row in rows}
    for position, key in enumerate(whole):
        values = tuple(by_key[key][column] for column, _ in order)
        after = page(order, Cursor(False, values), 3)
        assert [row["key"] for row in after.rows] == whole[position + 1 : position + 4]
        before = page(order, Cursor(True, values), 3)
        assert [row["key"] for row in before.rows] == whole[max(0, position - 3) : position]


def test_a_total_counts_all_and_is_counted_only_when_asked_for(rows: list[dict[str, Any]]) -> None:
    order = ORDERS[0]
    assert page(order, None, 5).total is None
    first = page(order, None, 5, wants_total=True)
    assert first.total == page(order, first.next, 5, wants_total=True).total == len(rows)


def test_an_empty_list_is_one_empty_page() -> None:
    assert page(ORDERS[0], None, 5, wants_total=True) == Page([], None, None, 0)
    assert page(ORDERS[0], Cursor(False, ("a",)), 5) == Page([], None, None, None)
