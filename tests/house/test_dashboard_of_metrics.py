"""What Grafana and Prometheus are told to look at exists: every metric, label and code in the dashboard, the alerts and the
documentation is one that the code counts; and every alert has a test in which it fires, and one in which it is silent.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from api import health
from api.platform import metrics

ROOT = Path(__file__).resolve().parent.parent.parent
CHART = ROOT / "deploy/helm/handset"
DASHBOARD = CHART / "dashboards/handset.json"
RULES = yaml.safe_load((CHART / "alerts/handset.yaml").read_text())["groups"]
TESTS = yaml.safe_load((CHART / "alerts/handset_test.yaml").read_text())["tests"]
ALERTS = {rule["alert"]: rule for group in RULES for rule in group["rules"]}

# What the library adds to the name of a family.
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
# Labels that Prometheus adds when it scrapes, and that a histogram has.
ADDED = {"le", "pod", "instance", "job"}


def labels_by_series() -> dict[str, set[str]]:
    """Every series that a scrape may find, with its labels."""
    found: dict[str, set[str]] = {}
    counted = [getattr(metrics, name) for name in dir(metrics) if name.isupper()]
    for family in counted:
        if hasattr(family, "_labelnames"):
            for description in family.describe():
                for suffix in SUFFIXES[description.type]:
                    found[description.name + suffix] = set(family._labelnames)
    for name in ("handset_outbox_due", "handset_outbox_oldest_due_seconds", "handset_outbox_failed"):
        found[name] = set()
    for family in health._Version().collect():
        found[family.name] = {label for sample in family.samples for label in sample.labels}
    return found


SERIES = labels_by_series()


def expressions() -> Iterator[tuple[str, str]]:
    """(where it stands, PromQL) of everything that asks."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", []):
            yield f"dashboard: {panel['title']}", target["expr"]
    for name, rule in ALERTS.items():
        yield f"alert: {name}", rule["expr"]


EXPRESSIONS = list(expressions())


def test_the_list_of_series_is_what_the_process_registers() -> None:
    registered = {family.name for family in REGISTRY.collect() if family.name.startswith("handset_")}
    listed = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in SERIES}
    assert registered <= listed
    assert len(EXPRESSIONS) > 30


@pytest.mark.parametrize(
    ("place", "expression"), EXPRESSIONS, ids=[f"{place} {index}" for index, (place, _) in enumerate(EXPRESSIONS)]
)
def test_it_asks_for_what_is_counted(place: str, expression: str) -> None:
    names = set(re.findall(r"handset_[a-z_]+", expression))
    assert names, place
    assert names <= SERIES.keys(), names - SERIES.keys()
    allowed = ADDED.union(*(SERIES[name] for name in names))
    grouped = {label.strip() for labels in re.findall(r"\bby \(([^)]*)\)", expression) for label in labels.split(",")}
    matched = set(re.findall(r"(\w+)=~?\"", expression))
    assert grouped | matched <= allowed, (grouped | matched) - allowed


def test_codes_and_events_that_are_asked_for_are_some_that_occur() -> None:
    everything = " ".join(expression for _, expression in EXPRESSIONS)
    codes = set(re.findall(r'code="(\w+)"', everything))
    documented = re.findall(r"\w+", (ROOT / "docs/errors.md").read_text())
    assert codes
    assert {code for code in codes if code not in documented} == set()
    sources = "".join(path.read_text() for path in (ROOT / "api").rglob("*.py"))
    values = re.findall(r'(?:event|outcome)=~?"([a-z_.|]+)"', everything)
    told = {value for several in values for value in several.split("|")}
    assert told
    assert {value for value in told if f'"{value}"' not in sources} == set()


def test_the_documentation_names_all_that_is_counted_and_nothing_else() -> None:
    table = (ROOT / "docs/operations.md").read_text().split("## Metrics, errors, traces")[1].split("\n## ")[0]
    written = table.replace("`_oldest", "`handset_outbox_oldest").replace("`_failed", "`handset_outbox_failed")
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in SERIES}
    assert set(re.findall(r"handset_[a-z_]+[a-z]", written)) == families
    for runbook in (ROOT / "docs/runbooks").glob("*.md"):
        assert set(re.findall(r"handset_[a-z_]+[a-z]", runbook.read_text())) <= families


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_was_seen_to_fire_and_to_be_silent(name: str) -> None:
    expected: list[Any] = [
        case.get("exp_alerts", []) for test in TESTS for case in test["alert_rule_test"] if case["alertname"] == name
    ]
    assert any(expected), "no test in which it fires"
    assert not all(expected), "no test in which it is silent"
