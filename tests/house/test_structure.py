"""The house's order, as far as the import linter does not see it."""

import ast
import importlib
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models

from api import urls
from api.models.base import IdentityField

ROOT = Path(__file__).parent.parent.parent
DOMAINS = sorted(path for path in (ROOT / "api/apis").iterdir() if (path / "__init__.py").exists())
ALLOWED = {
    "__init__", "urls", "views", "serializers", "permissions", "consumers", "tasks", "services", "selectors",
}  # fmt: skip
FILE_LINES_MAX = 350
VIEW_METHOD_LINES_MAX = 15

by_name = pytest.mark.parametrize("domain", DOMAINS, ids=lambda path: path.name)


@by_name
def test_a_domain_holds_only_the_allowed_files(domain: Path) -> None:
    names = {path.stem for path in domain.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert names <= ALLOWED


@by_name
def test_a_domain_says_its_nouns_its_invariant_and_its_threat(domain: Path) -> None:
    text = importlib.import_module(f"api.apis.{domain.name}").__doc__ or ""
    assert all(word in text for word in ("Noun", "Invariant:", "Threat:"))


@by_name
def test_a_domain_with_addresses_stands_in_the_table_of_contents(domain: Path) -> None:
    listed = {name for _, name in urls.DOMAINS}
    assert (domain / "urls.py").exists() == (domain.name in listed)


@by_name
def test_view_methods_are_short(domain: Path) -> None:
    for path in [*domain.glob("views.py"), *domain.glob("views/*.py")]:
        for function in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)):
            lines = (function.end_lineno or 0) - function.body[0].lineno + 1
            assert lines <= VIEW_METHOD_LINES_MAX, function.name


def test_files_stay_readable() -> None:
    for folder in ("api", "core"):
        for path in (ROOT / folder).rglob("*.py"):
            if "migrations" not in path.parts:
                assert len(path.read_text().splitlines()) <= FILE_LINES_MAX, path


def test_every_model_is_re_exported() -> None:
    package = importlib.import_module("api.models")
    for model in apps.get_app_config("api").get_models():
        if not model._meta.auto_created:
            assert getattr(package, model.__name__) is model


def test_migrations_import_nothing_living_but_the_frozen_base() -> None:
    for path in (ROOT / "api/migrations").glob("0*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert all(not name.startswith(("api.", "core.")) or name == "api.models.base" for name in names)


def test_no_index_is_wider_than_innodb_takes() -> None:
    for model in apps.get_app_config("api").get_models():
        columns = [[field] for field in model._meta.fields if field.unique or field.db_index]
        columns += [[model._meta.get_field(name.lstrip("-")) for name in index.fields] for index in model._meta.indexes]
        columns += [
            [model._meta.get_field(name) for name in names]
            for names in model._meta.total_unique_constraints
            and [constraint.fields for constraint in model._meta.total_unique_constraints]
        ]
        for fields in columns:
            assert sum(_bytes(field) for field in fields) <= 3072, (model, [field.name for field in fields])


def _bytes(field: models.Field) -> int:
    assert not isinstance(field, models.TextField)
    if isinstance(field, IdentityField):
        return 255
    if isinstance(field, models.CharField):
        return (field.max_length or 0) * 4
    return field.max_length or 16


def test_no_constraint_is_one_that_mysql_leaves_out() -> None:
    for model in apps.get_app_config("api").get_models():
        for constraint in model._meta.constraints:
            assert getattr(constraint, "condition", None) is None or isinstance(constraint, models.CheckConstraint)
