"""Check that the built site loads nothing from other sites, and that its own links work: `check_site.py FOLDER`.

Links that a reader may follow to other sites are not checked.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_ASSETS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
_LINKS_THAT_LOAD_NOTHING = {"canonical", "index", "search", "next", "prev", "author", "copyright"}
_IN_CSS = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')]+)""")


class _Page(HTMLParser):
    """The assets that a page loads, its links, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.assets: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record the anchor, asset or link of a tag."""
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        target = values.get(_ASSETS.get(tag, ""))
        if target and not (tag == "link" and values.get("rel") in _LINKS_THAT_LOAD_NOTHING):
            self.assets.append(target)
        if tag == "a" and "href" in values:
            self.links.append(values["href"])


def problems(site: Path) -> list[str]:
    """Return what is wrong with the site, a line each."""
    pages = {path: _Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    lines = [
        f"{path.relative_to(site)}: loads {target}"
        for path, page in pages.items()
        for target in page.assets
        if urlsplit(target).netloc
    ]
    lines += [
        f"{path.relative_to(site)}: loads {target}"
        for path in sorted(site.rglob("*.css"))
        for target in _IN_CSS.findall(path.read_text("utf-8"))
    ]
    for path, page in pages.items():
        for target in [*page.assets, *page.links]:
            if why := _broken(path, target, pages):
                lines.append(f"{path.relative_to(site)}: {target}: {why}")
    return lines


def _broken(path: Path, target: str, pages: dict[Path, _Page]) -> str:
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return ""
    file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not file.is_file():
        return "no such file"
    page = pages.get(file)
    anchor = unquote(parts.fragment)
    return "no such anchor" if page and anchor and anchor not in page.anchors else ""


def main() -> int:
    """Check the folder in the first argument; return 1 if there are problems."""
    site = Path(sys.argv[1]).resolve()
    lines = problems(site)
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
