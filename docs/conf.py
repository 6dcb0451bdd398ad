"""Settings of Sphinx, with which `make docs` builds the site.

The source folder is the repository, so that a link between any two of its Markdown files means the same here and on
GitHub. The navigation is `docs/index.md`: the sidebar has a part for each section that lists pages.
"""

import re
from pathlib import PurePosixPath
from typing import Any

from docutils import nodes
from pygments.lexers.data import JsonLexer
from sphinx.transforms import SphinxTransform

project = "prelabel"
html_title = "prelabel"
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = [
    "docs/*.md",
    "docs/**/*.md",
    "benchmarks/results/*.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "tests/README.md",
]
exclude_patterns = [".*", "build", "dist"]
nitpicky = True
myst_heading_anchors = 4

html_theme = "furo"
html_theme_options = {"footer_icons": []}
html_copy_source = False
html_show_copyright = False
html_static_path = ["site/static"]
html_css_files = ["site.css"]
templates_path = ["site/templates"]
html_additional_pages = {"index": "redirect.html"}  # the site's own address, since the pages are below docs/
pygments_style, pygments_dark_style = "friendly", "native"

_LISTS_OF_PAGES = {root_doc, "benchmarks/results/README"}
_LINK = re.compile(r"^(?:- |\| )\[[^\]]+\]\(([\w./-]+)\.md\)", re.MULTILINE)


def navigation_of(page: str, text: str) -> str:
    """Return the pages that each section of a page lists, as the tree from which Sphinx makes the sidebar."""
    trees = []
    for section in re.split(r"^## ", text, flags=re.MULTILINE):
        caption, _, rest = section.partition("\n")
        if targets := _LINK.findall(rest):
            pages = [f"/{_resolved(page, target)}" for target in targets]
            caption = "" if caption.startswith("#") else f":caption: {caption}\n"
            trees.append("\n".join(["```{toctree}", f":hidden:\n{caption}", *pages, "```"]))
    return "\n\n".join(trees)


def _resolved(page: str, target: str) -> PurePosixPath:
    parts: list[str] = []
    for part in (PurePosixPath(page).parent / target).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return PurePosixPath(*parts)


class HtmlAnchors(SphinxTransform):
    """Lets links lead to `<a id="2-10"></a>`, which GitHub needs and MyST does not know as a target."""

    default_priority = 870  # before MyST resolves the links within a page

    def apply(self, **_: Any) -> None:
        """Add these anchors to those of the page's headings."""
        anchors: dict[str, Any] = self.document.myst_slugs  # type: ignore[attr-defined]
        for raw in self.document.findall(nodes.raw):
            for anchor in re.findall(r'<a id="([^"]+)">', raw.astext()):
                anchors.setdefault(anchor, (raw.line, anchor, ""))


def _add_navigation(_: Any, page: str, content: list[str]) -> None:
    if page in _LISTS_OF_PAGES:
        content[0] += "\n\n" + navigation_of(page, content[0])


def setup(app: Any) -> None:
    """Register the transform, the lexer and the navigation."""
    app.add_transform(HtmlAnchors)
    app.add_lexer("ndjson", JsonLexer)
    app.connect("source-read", _add_navigation)
