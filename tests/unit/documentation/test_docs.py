"""The docs agree with the code: examples run, tables are made from code, and names exist."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from prelabel.readers import FORMATS
from prelabel.validation.gate import prepare
from prelabel_worker.cli.commands import COMMANDS
from prelabel_worker.cli.lazy_group import Noun
from prelabel_worker.runtime.celery_logs import EVENTS

ROOT = Path(__file__).parents[3]
LEVELS = {"exception": "error", "log_from_signal": "info"}
EXAMPLES = re.findall(r"```json\n(.*?)```", (ROOT / "docs/reference/messages.md").read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_examples_of_messages_are_messages(example: str) -> None:
    assert prepare(json.loads(example)).project_id == "cm1"


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 11


def test_generated_docs_are_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs/make_tables.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_two_examples_write_the_same_file() -> None:
    """A reader who follows two pages in one folder would lose the first file."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    blocks = [
        block for page in pages for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    ]
    written = re.compile(r"(?:--output|--report|(?<![<2-])>)\s*([\w./-]+\.\w+)")
    lines = [line for block in blocks for line in block.splitlines() if "prelabel" in line]
    files = Counter(file for line in lines for file in written.findall(line))
    assert files["image-report.ndjson"] == 1
    assert {file: count for file, count in files.items() if count > 1} == {}


def test_every_format_is_documented_with_its_options() -> None:
    pages = [ROOT / "docs/how-to/publish-from-files.md", *(ROOT / "docs/reference").glob("formats-*.md")]
    tables = re.findall(
        r"^\| format \|.*\n\|[-|]+\n((?:\|.*\n)+)", "".join(page.read_text("utf-8") for page in pages), re.M
    )
    rows = {
        name: set(re.findall(r"`--([a-z-]+)`", rest))
        for name, rest in re.findall(r"^\| `([a-z-]+)` \|(.*)", "".join(tables), re.M)
    }

    assert rows.pop("messages") == set()
    assert rows == {name: {word.replace("_", "-") for word in each.takes} for name, each in FORMATS.items()}


def log_events() -> set[tuple[str, str]]:
    """Yield (event, level) of every line that the worker can log."""
    found = {(event.name, event.level) for event in EVENTS.values()}
    for path in (ROOT / "worker").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                owner, event = node.func.value, node.args[0]
                if isinstance(owner, ast.Name) and owner.id in ("_log", "logs") and isinstance(event, ast.Constant):
                    found.add((str(event.value), LEVELS.get(node.func.attr, node.func.attr)))
    return found


def test_every_log_event_is_documented_with_its_level_and_no_other() -> None:
    page = (ROOT / "docs/reference/log-events.md").read_text("utf-8")

    assert set(re.findall(r"^\| `([a-z_.]+)` \| (\w+) \|", page, re.MULTILINE)) == log_events()


def test_every_command_is_documented() -> None:
    page = (ROOT / "docs/reference/commands.md").read_text("utf-8")
    for noun, declared in COMMANDS.items():
        assert f"`prelabel {noun}" in page
        section = "\n".join(line for line in page.splitlines() if f"prelabel {noun}" in line)
        for name in declared.commands if isinstance(declared, Noun) else ():
            assert re.search(rf"\b{name}\b", section), f"prelabel {noun} {name}"


def test_every_module_of_the_map_exists() -> None:
    page = (ROOT / "docs/explanation/architecture.md").read_text("utf-8")
    for root, table in re.findall(r"\| `(\w+/\w+)/` \| owns \|\n\|---\|---\|\n((?:\|.*\n)+)", page):
        for cell in (line.split("|")[1] for line in table.splitlines()):
            for name in re.findall(r"`([\w./*]+)`", cell):
                assert list((ROOT / root).glob(name.rstrip("/"))), f"{root}/{name}"


def test_the_changelog_knows_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")

    assert f"## [{version}]" in changelog or "## [Unreleased]" in changelog


def test_each_release_of_the_changelog_has_a_section_once_and_in_the_order_of_keep_a_changelog() -> None:
    order = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    for release in (ROOT / "CHANGELOG.md").read_text("utf-8").split("\n## ")[1:]:
        sections = re.findall(r"^### (\w+)$", release, re.M)
        assert sections == [name for name in order if name in sections]


def test_constraints_are_exact_and_name_no_index() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").split()

    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", line)] == []


def test_every_test_that_a_page_names_exists() -> None:
    page = (ROOT / "docs/explanation/security.md").read_text("utf-8")
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", page)

    assert len(named) > 20
    for path, name in named:
        assert re.search(rf"^def {name}\(", (ROOT / "tests" / path).read_text("utf-8"), re.M), f"{path}::{name}"
