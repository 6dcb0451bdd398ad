"""Every link between pages and every path of a page that a file names leads somewhere."""

import re
from pathlib import Path

import pytest

from tests.support.documentation import ROOT, anchors_of, sources

PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/**/*.md"), ROOT / "tests/README.md"]
)
LINK = re.compile(r"\]\((?P<path>[^)#\s:]*)(?:#(?P<anchor>[^)\s]+))?\)")
PATH = re.compile(r"(?<![\w/.*-])(?P<path>docs/[\w./-]*\w)(?:#(?P<anchor>[\w-]+))?")
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
FOREIGN = {"labelbox-format.md", "redirect.html", "test_deploy_check.py"}
"""Files that name pages of Labelbox's, a page of the built site, and paths that are made up."""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def broken(path: Path, anchor: str | None) -> str:
    """Return what is wrong; Sphinx names pages without their ending."""
    path = path if path.exists() else path.with_name(f"{path.name}.md")
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


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_of_this_repository_that_a_page_names_is_there(page: Path) -> None:
    """In backticks, from the root, or below the worker or the tests as pages about them have it."""
    if page.name in FOREIGN or page.name == "labelbox-api.md":  # files of Labelbox's SDK
        return
    named = re.findall(
        r"`([\w.-]+/[\w./*-]*\.(?:py|lua|sh|yaml|yml|toml|env|ndjson))(?:::\w+)?`", page.read_text("utf-8")
    )
    places = (
        ROOT,
        ROOT / "tests",
        *(ROOT / source for source in ("worker/prelabel_worker", "worker", "producers/prelabel", "producers")),
    )

    of_ours = [name for name in named if not name.startswith(".prelabel/")]  # `prelabel up` makes those
    assert [name for name in of_ours if not any(any(place.glob(name)) for place in places)] == []
