"""Finds the files of this repository that may cite a page of the documentation, and the anchors of a page."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FOLDERS = ("producers", "worker", "sandbox", "docs", "benchmarks", "tests", "examples", "deploy", ".ci")
_ENDINGS = {".py", ".lua", ".graphql", ".json", ".md", ".toml", ".yml", ".yaml", ".html", ".js", ".css", ""}
_SKIPPED = re.compile(r"\.venv|__pycache__")


def sources() -> Iterator[tuple[Path, str]]:
    """Yield the path and text of all files that may cite a page."""
    paths = [path for folder in _FOLDERS for path in (ROOT / folder).rglob("*")]
    for path in sorted({*paths, *ROOT.glob("*.*"), ROOT / "Makefile", ROOT / "Dockerfile"}):
        if path.suffix in _ENDINGS and path.is_file() and not any(map(_SKIPPED.match, path.relative_to(ROOT).parts)):
            yield path, path.read_text("utf-8")


@cache
def anchors_of(page: Path) -> frozenset[str]:
    """Return the explicit anchors of a page, and the anchors of its headings."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
    return frozenset(slugs | set(re.findall(r'<a id="([^"]+)"></a>', text)))
