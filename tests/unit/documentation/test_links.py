"""Every link between pages and every path of a page that a file names leads somewhere."""

import re
from pathlib import Path

import pytest

from tests.support.documentation import ROOT, anchors_of, sources

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/**/*.md")])
LINK = re.compile(r"\]\((?P<path>[^)#\s:]*)(?:#(?P<anchor>[^)\s]+))?\)")
PATH = re.compile(r"(?<![\w/.*-])(?P<path>docs/[\w./-]*\w)(?:#(?P<anchor>[\w-]+))?")
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
FOREIGN = {"labelbox-format.md", "test_deploy_check.py"}  # name pages of Labelbox's, and paths that are made up


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def broken(path: Path, anchor: str | None) -> str:
    if not path.exists():
        return "no such file"
    if anchor and path.suffix == ".md" and anchor not in anchors_of(path):
        return f"no such anchor: {anchor}"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    lost = {
        link[0]: what
        for link in LINK.finditer(FENCE.sub("", page.read_text("utf-8")))
        if (what := broken(page.parent / link["path"] if link["path"] else page, link["anchor"]))
    }

    assert lost == {}


def test_every_path_below_docs_that_a_file_names_is_there() -> None:
    lost = [
        f"{name_of(path)}: {named[0]}: {what}"
        for path, text in sources()
        if path.name not in FOREIGN
        for named in PATH.finditer(text)
        if (what := broken(ROOT / named["path"], named["anchor"]))
    ]

    assert lost == []
