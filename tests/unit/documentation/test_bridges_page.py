"""The page about bridges has every option, event and metric of them, and no other."""

import ast
import re

from prelabel.bridges.counts import Counts, Health, metrics_text
from prelabel_worker.cli.commands import COMMANDS
from prelabel_worker.cli.lazy_group import LazyCommand, Noun
from tests.support.sources import ROOT, SOURCES

PAGE = (ROOT / "docs/reference/bridges.md").read_text("utf-8")
LEVELS = {"exception": "error"}


def test_every_event_is_documented_with_its_level_and_no_other() -> None:
    logged = {
        (node.args[0].value, LEVELS.get(node.func.attr, node.func.attr))
        for path, tree in SOURCES.items()
        if path.parent.name == "bridges"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "_log" and isinstance(node.args[0], ast.Constant)
    }  # fmt: skip

    assert set(re.findall(r"^\| `(bridge\.\w+)` \| (\w+) \|", PAGE, re.MULTILINE)) == logged


def test_every_option_is_documented() -> None:
    noun = COMMANDS["bridge"]
    assert isinstance(noun, Noun)
    options = {
        option
        for name, declared in noun.commands.items()
        for parameter in LazyCommand(name, declared).load().params
        for option in parameter.opts
        if option.startswith("--")
    } - {"--help"}

    assert {option for option in options if f"`{option}" not in PAGE} == set()
    assert set(re.findall(r"`(--[\w-]+)", PAGE)) - options == set()


def test_every_metric_is_documented_and_no_other() -> None:
    written = set(re.findall(r"^# TYPE (\w+)", metrics_text("redis", Counts(), Health()), re.MULTILINE))

    assert set(re.findall(r"^\| `(prelabel_bridge_\w+)`", PAGE, re.MULTILINE)) == written
