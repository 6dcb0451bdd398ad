"""Citations of the pages in docs/reference: each leads to an anchor that exists, and none names a lost document.

A citation is a path, `#` and the anchor. More anchors of the same page may follow it: `#2-1 and #2-2`, `#2-3 to #2-5`.
"""

import re
from pathlib import Path

import pytest

from tests.support.documentation import ROOT, anchors_of, sources

PAGES = ROOT / "docs" / "reference"
CODE = {".py", ".lua", ".graphql"}

CITATION = re.compile(
    r"(?<![\w.-])(?:docs/|\.\./)*reference/(?P<page>[\w-]+\.md)(?P<anchors>(?:(?:\)?, | and | to )?\[?#[\w-]+)*)"
)
LINK = re.compile(r"\]\((?P<page>[\w-]+\.md)?(?P<anchors>#[\w-]+)\)")

# In parts, so that this file is no dangling citation itself.
GONE = re.compile(rf"\b(?:{'wire'}\s+reference|{'ndjson'}-formats)\b")
BARE = re.compile(rf"\b(?:{'section'}s?\s+\d+\.\d+|{'open'}\s+question\s+\d)", re.IGNORECASE)
OTHER_DOCUMENT = re.compile(r"(?:specification|RFC \d+),?\s+$")


def broken(page: Path, anchors: str) -> list[str]:
    """Return what a citation names and the page does not have; `no such page` if it is missing itself."""
    if not page.exists():
        return [f"{page.name}: no such page"]
    return [f"{page.name}#{anchor}" for anchor in re.findall(r"#([\w-]+)", anchors) if anchor not in anchors_of(page)]


def unwrapped(text: str) -> str:
    """Return the text without the line breaks of comments and docstrings: phrases are found across them."""
    return re.sub(r"\n[ \t]*(?:#(?= )|--)?[ \t]*", " ", text)


def test_every_citation_of_a_reference_page_resolves() -> None:
    lost = [
        f"{path.relative_to(ROOT)}: {what}"
        for path, text in sources()
        for citation in CITATION.finditer(unwrapped(text))
        for what in broken(PAGES / citation["page"], citation["anchors"])
    ]

    assert lost == []


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_links_within_the_reference_pages_resolve(page: Path) -> None:
    lost = [
        what
        for link in LINK.finditer(page.read_text("utf-8"))
        for what in broken(PAGES / (link["page"] or page.name), link["anchors"])
    ]

    assert lost == []


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_every_numbered_heading_has_the_anchor_of_its_number(page: Path) -> None:
    for number in re.findall(r"^#+ (\d+(?:\.\d+)?) ", page.read_text("utf-8"), re.MULTILINE):
        anchor = number.replace(".", "-")
        assert {anchor, f"question-{anchor}"} & anchors_of(page), number


def test_no_citation_names_a_document_that_is_gone() -> None:
    left = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path, text in sources()
        if path.relative_to(ROOT).parts[0] in {"producers", "worker", "sandbox", "docs", "benchmarks", "tests"}
        for found in GONE.finditer(unwrapped(text))
    ]

    assert left == []


def test_no_source_cites_a_section_without_its_page() -> None:
    left = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path, text in sources()
        if path.suffix in CODE
        for found in BARE.finditer(unwrapped(text))
        if not OTHER_DOCUMENT.search(unwrapped(text)[: found.start()])
    ]

    assert left == []
