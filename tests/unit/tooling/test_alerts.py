"""Alerts and the dashboard: they use metrics that exist, they fire when they should, and each alert has its section."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from deploy import dashboard, prometheus_rules
from prelabel_worker.cli.commands import COMMANDS
from prelabel_worker.cli.lazy_group import Noun
from prelabel_worker.queries.file_metrics import FileName
from prelabel_worker.queries.metrics import Name
from tests.support.sources import ROOT

FOLDER = ROOT / "deploy" / "prometheus"
RULES = yaml.safe_load((FOLDER / "rules.yaml").read_text("utf-8"))
TESTS = [
    test
    for file in sorted(FOLDER.glob("rules_test*.yaml"))
    for test in yaml.safe_load(file.read_text("utf-8"))["tests"]
]
ALL = [rule for group in RULES["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in ALL if "alert" in rule}
RECORDED = {rule["record"] for rule in ALL if "record" in rule}
PAGE = (ROOT / "docs/how-to/answer-alerts.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (Prelabel\w+)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))
PANELS = {
    f"panel {panel['id']}, query {number}": target["expr"]
    for panel in json.loads(dashboard.FILE.read_text("utf-8"))["panels"]
    for number, target in enumerate(panel.get("targets", ()))
}
SCALING = {
    f"scaling {number}": trigger["metadata"]["query"]
    for number, trigger in enumerate(
        yaml.safe_load((ROOT / "deploy/kubernetes/examples/scaled-object.yaml").read_text("utf-8"))["spec"]["triggers"]
    )
}
EXPRESSIONS = {rule.get("alert") or rule["record"]: rule["expr"] for rule in ALL} | PANELS | SCALING
#: Labels that Prometheus itself adds.
ADDED = {"instance", "job"}


def samples() -> dict[str, set[str]]:
    """Return the labels of every sample that a scrape or a file collector can have, by its name."""
    suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
    of_scrape = {
        metric.value[0] + suffix: {*metric.value[1], *(("le",) if suffix == "_bucket" else ())}
        for metric in Name
        for suffix in suffixes[metric.kind]
    }
    return of_scrape | {metric.value[0]: set(metric.value[1]) for metric in FileName} | {"up": set()}


SAMPLES = samples()


def parts(expr: Any) -> Iterator[Any]:
    """Yield an expression and all expressions in it."""
    yield expr
    for name in ("lhs", "rhs", "expr", "vector_selector", "args"):
        inside = getattr(expr, name, None)
        for part in inside if isinstance(inside, list) else [inside] if inside is not None else []:
            yield from parts(part)


def parsed(text: str) -> Any:
    """Parse PromQL, with values for the variables of a dashboard."""
    return promql_parser.parse(text.replace("$__rate_interval", "5m"))


def labels_in(expr: Any) -> set[str]:
    """Return every label that an expression selects, groups or matches by."""
    found = set()
    for part in parts(expr):
        for matcher in getattr(getattr(part, "matchers", None), "matchers", ()):
            found.add(matcher.name)
        modifier = getattr(part, "modifier", None)
        found |= set(getattr(modifier, "labels", None) or ())
        found |= set(getattr(getattr(modifier, "matching", None), "labels", None) or ())
    return found


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_metric_and_label_of_an_expression_is_in_the_catalogue(name: str) -> None:
    expr = parsed(EXPRESSIONS[name])
    selectors = [part for part in parts(expr) if isinstance(part, promql_parser.VectorSelector)]

    assert selectors
    allowed = set(ADDED)
    for selector in selectors:
        assert selector.name in SAMPLES or selector.name in RECORDED, selector.name
        of_metric = SAMPLES.get(selector.name, set())
        assert {matcher.name for matcher in selector.matchers.matchers} <= of_metric | ADDED, selector.name
        allowed |= of_metric
    assert labels_in(expr) <= allowed


@pytest.mark.parametrize("name", ALERTS)
def test_every_label_of_a_text_is_one_that_the_alert_has(name: str) -> None:
    alert = ALERTS[name]
    used = {part.name for part in parts(parsed(alert["expr"])) if isinstance(part, promql_parser.VectorSelector)}
    made = set(re.findall(r'label_replace\(.*?, "(\w+)"', alert["expr"]))
    has = set().union(*(SAMPLES.get(metric, set()) for metric in used)) | made | ADDED

    assert set(re.findall(r"\$labels\.(\w+)", alert["annotations"]["summary"])) <= has


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_says_how_urgent_it_is_and_leads_to_its_section(name: str) -> None:
    alert = ALERTS[name]

    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["annotations"]["runbook_url"] == f"docs/how-to/answer-alerts.md#{name.lower()}"
    assert name in SECTIONS


def test_every_section_is_that_of_an_alert() -> None:
    assert list(SECTIONS) == sorted(SECTIONS, key=list(ALERTS).index)
    assert set(SECTIONS) == set(ALERTS)


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_says_what_it_means_how_to_see_it_and_what_to_do(name: str) -> None:
    assert re.findall(r"^\*\*(\w+)\.\*\*", SECTIONS[name], re.M) == ["Meaning", "See", "Do"]


def test_every_command_of_the_sections_exists() -> None:
    for words in re.findall(r"`prelabel ([a-z][a-z -]*)", PAGE):
        noun, *rest = words.split()
        command = COMMANDS.get(noun)
        assert command is not None, words
        if isinstance(command, Noun):
            assert rest, words
            assert rest[0] in command.commands, words


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    fires = {case["alertname"] for test in TESTS for case in test["alert_rule_test"] if case["exp_alerts"]}

    assert fires == set(ALERTS)


def test_the_dashboard_is_what_the_code_says() -> None:
    assert dashboard.FILE.read_text("utf-8") == dashboard.make(), "run make format"


def test_every_panel_says_what_it_shows_and_fits_beside_the_others() -> None:
    document = json.loads(dashboard.FILE.read_text("utf-8"))
    cells = set()
    for panel in document["panels"]:
        assert panel["type"] == "row" or panel["description"], panel["title"]
        place = panel["gridPos"]
        taken = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        assert not taken & cells, panel["title"]
        assert max(x for x, _ in taken) < 24
        cells |= taken
    assert len({panel["id"] for panel in document["panels"]}) == len(document["panels"])


def test_every_metric_of_the_catalogue_is_on_the_dashboard_or_left_out_on_purpose() -> None:
    shown = {part.name for text in PANELS.values() for part in parts(parsed(text)) if hasattr(part, "matchers")}
    families = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in shown}
    left_out = {
        "prelabel_rows",  # its parts are shown by themselves
        "prelabel_overridden_rows",
        "prelabel_added_again_rows",
        "prelabel_undone_rows",
        "prelabel_retried_rows",
        "prelabel_audit_timestamp_seconds",
        "prelabel_spool_oldest_timestamp_seconds",
        "prelabel_spool_expired_rows",
        "prelabel_spool_damaged_files",
    }
    assert {metric.value[0] for metric in (*Name, *FileName)} - families == left_out


def test_promtool_accepts_the_rules_and_their_tests() -> None:
    findings = prometheus_rules.promtool(ROOT)
    if findings is None:
        pytest.skip("promtool, of Debian's package prometheus, is not on this machine")

    assert findings == []


def test_promtool_finds_a_rule_that_does_not_do_what_its_test_says(tmp_path: Path) -> None:
    folder = tmp_path / prometheus_rules.FOLDER
    shutil.copytree(FOLDER, folder)
    rules = folder / "rules.yaml"
    rules.write_text(rules.read_text("utf-8").replace("prelabel_stuck_chunks > 0", "prelabel_stuck_chunks > 5"))
    findings = prometheus_rules.promtool(tmp_path)
    if findings is None:
        pytest.skip("promtool, of Debian's package prometheus, is not on this machine")

    assert [finding.rule for finding in findings] == ["promtool test"]
