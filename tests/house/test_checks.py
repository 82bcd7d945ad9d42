"""What `manage.py check` says of models that one of the databases would not keep."""

from typing import Any

import pytest
from django.apps.registry import Apps
from django.core import checks
from django.db import models
from django.test.utils import isolate_apps


def with_a_constraint(registry: Apps, label: str, **options: Any) -> None:
    """A model of the app, alone in this registry."""
    rule = models.UniqueConstraint(fields=["name"], name="one_name", **options)
    meta = type("Meta", (), {"app_label": label, "apps": registry, "constraints": [rule]})
    fields = {
        "__module__": __name__,
        "Meta": meta,
        "name": models.CharField(max_length=9),
        "is_left": models.BooleanField(),
    }
    type("Model", (models.Model,), fields)


@pytest.mark.parametrize(
    ("label", "options", "ids"),
    [
        ("api", {"condition": models.Q(is_left=False)}, ["api.E002"]),
        ("api", {}, []),
        ("contenttypes", {"condition": models.Q(is_left=False)}, []),
    ],
)
def test_only_ours_may_not_be_unique_on_a_condition(label: str, options: dict[str, Any], ids: list[str]) -> None:
    with isolate_apps("api", "django.contrib.contenttypes") as registry:
        with_a_constraint(registry, label, **options)
        found = checks.run_checks(app_configs=registry.get_app_configs(), tags=["handset"])
    assert [problem.id for problem in found if problem.id == "api.E002"] == ids


def test_it_is_an_error_and_names_the_model() -> None:
    with isolate_apps("api") as registry:
        with_a_constraint(registry, "api", condition=models.Q(is_left=False))
        found = checks.run_checks(app_configs=registry.get_app_configs(), tags=["handset"])
    (problem,) = [problem for problem in found if problem.id == "api.E002"]
    assert problem.level == checks.ERROR
    assert "api.Model" in str(problem)
    assert "one_name" in str(problem)
