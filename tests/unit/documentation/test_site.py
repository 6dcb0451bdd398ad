"""The site: every page is in the navigation, reads as plain Markdown, and needs nothing from elsewhere."""

import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.documentation import ROOT

RESULTS = ROOT / "benchmarks/results"
LISTS = (ROOT / "docs/index.md", RESULTS / "README.md")
OTHERS = [ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", ROOT / "tests" / "README.md"]
PAGES = [*ROOT.glob("docs/**/*.md"), *RESULTS.glob("*.md"), *OTHERS]


@pytest.fixture
def docs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))


@pytest.fixture
def conf(docs: None) -> ModuleType:
    sys.modules.pop("conf", None)
    return import_module("conf")


@pytest.fixture
def check_site(docs: None) -> ModuleType:
    return import_module("check_site")


def test_every_page_is_in_the_navigation_once(conf: ModuleType) -> None:
    listed = [
        ROOT / f"{page[1:]}.md"
        for path in LISTS
        for page in conf.navigation_of(str(path.relative_to(ROOT)), path.read_text("utf-8")).splitlines()
        if page.startswith("/")
    ]

    assert len(listed) == len(set(listed))
    assert {*listed, LISTS[0]} == set(PAGES)


def test_a_section_of_the_index_is_a_part_of_the_sidebar(conf: ModuleType) -> None:
    page = "# Title\n\n## Lessons\n\n- [One](tutorial/one.md): first.\n- [Two](../TWO.md)\n\n## Nothing\n\nText.\n"

    assert conf.navigation_of("docs/index", page) == (
        "```{toctree}\n:hidden:\n:caption: Lessons\n\n/docs/tutorial/one\n/TWO\n```"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_is_plain_markdown_with_one_title(page: Path) -> None:
    text = page.read_text("utf-8")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)

    assert re.findall(r"^```\{.*|^:::.*", text, re.MULTILINE) == []
    assert text.startswith("# ")
    assert len(re.findall(r"^# ", prose, re.MULTILINE)) == 1


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.html", '<script src="https://cdn.example.org/a.js"></script>', "loads https://cdn.example.org/a.js"),
        ("a.html", '<link rel="stylesheet" href="//fonts.example.org/a.css">', "loads //fonts.example.org/a.css"),
        ("a.css", "@import url(https://fonts.example.org/a.css);", "loads https://fonts.example.org/a.css"),
        ("a.html", '<img src="none.png">', "none.png: no such file"),
        ("a.html", '<a href="a.html#none">', "a.html#none: no such anchor"),
    ],
)
def test_a_site_that_is_not_whole_is_found(
    check_site: ModuleType, tmp_path: Path, name: str, text: str, found: str
) -> None:
    (tmp_path / name).write_text(text)

    assert check_site.problems(tmp_path) == [f"{name}: {found}"]


def test_a_site_may_link_to_others(check_site: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<p id="here"><a href="https://example.org/">there</a> <a href="#here">here</a>')

    assert check_site.problems(tmp_path) == []
