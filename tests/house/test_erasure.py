"""docs/erasure.md says of every table what an erasure does to it, as the schema has it."""

import re
from pathlib import Path

from django.apps import apps
from django.db import models

from api.apis.erasure.services.rows import references_to
from api.models import Organization, User

ROOT = Path(__file__).resolve().parents[2]
_GROUPS = ("Go with a person", "Go with an organization", "Lose the name", "Are not found by the schema")


def documented() -> dict[str, set[str]]:
    text = (ROOT / "docs/erasure.md").read_text().partition("## Tables")[2].partition("\n## ")[0]
    lines = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|", text, re.MULTILINE))
    return {group: set(re.findall(r"`([a-z_]+)`", lines[group])) for group in _GROUPS}


def referring(model: type[models.Model], on_delete: object) -> set[str]:
    return {found.table for found in references_to(model) if found.on_delete is on_delete}


def test_every_table_is_named_where_it_belongs() -> None:
    person, organization = referring(User, models.CASCADE), referring(Organization, models.CASCADE)
    unnamed = referring(User, models.SET_NULL) | referring(Organization, models.SET_NULL)
    everything = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    assert documented() == {
        "Go with a person": person | {"user"},
        "Go with an organization": organization | {"organization"},
        "Lose the name": unnamed - person - organization - {"user"},
        "Are not found by the schema": everything - person - organization - unnamed - {"user", "organization"},
    }
