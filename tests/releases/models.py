"""The table, as each release of the code knows it."""

import os

from django.db import models

RELEASE = int(os.environ.get("RELEASE", "4"))


class Badge(models.Model):
    number = models.IntegerField(unique=True)
    if RELEASE < 4:
        name = models.CharField(max_length=100, db_default="")
    if RELEASE > 1:
        title = models.CharField(max_length=100, db_default="")

    class Meta:
        app_label = "releases"
        db_table = "release_badge"


def text_of(number: int) -> str:
    return f"badge {number}"


def write(number: int) -> None:
    """A badge as this release writes it."""
    columns = {1: ["name"], 2: ["name", "title"], 3: ["name", "title"], 4: ["title"]}[RELEASE]
    Badge.objects.create(number=number, **dict.fromkeys(columns, text_of(number)))


def wrong() -> list[int]:
    """The badges that this release does not read as they were written."""
    column = "name" if RELEASE < 3 else "title"
    return [number for number, text in Badge.objects.values_list("number", column) if text != text_of(number)]


def fill(batch: int = 100) -> int:
    """Fills what release 1 wrote, a batch in a transaction, as often as it takes; how many."""
    filled = 0
    while numbers := list(Badge.objects.filter(title="").values_list("number", flat=True)[:batch]):
        filled += Badge.objects.filter(number__in=numbers, title="").update(title=models.F("name"))
    return filled
