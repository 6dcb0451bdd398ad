"""Whether the built site needs nothing from elsewhere, and its own links lead somewhere: `check_site.py FOLDER`.

Links that a reader may follow to other sites are no assets: they are left out.
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
    """What a page loads, where it links to, and which anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.assets: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag refers to."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        target = given.get(_ASSETS.get(tag, ""))
        if target and not (tag == "link" and given.get("rel") in _LINKS_THAT_LOAD_NOTHING):
            self.assets.append(target)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])


def problems(site: Path) -> list[str]:
    """Return what is wrong with the site, a line each."""
    pages = {path: _Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    found = [
        f"{path.relative_to(site)}: loads {target}"
        for path, page in pages.items()
        for target in page.assets
        if urlsplit(target).netloc
    ]
    found += [
        f"{path.relative_to(site)}: loads {target}"
        for path in sorted(site.rglob("*.css"))
        for target in _IN_CSS.findall(path.read_text("utf-8"))
    ]
    for path, page in pages.items():
        for target in [*page.assets, *page.links]:
            if why := _broken(path, target, pages):
                found.append(f"{path.relative_to(site)}: {target}: {why}")
    return found


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
    """Check the folder that is named."""
    site = Path(sys.argv[1]).resolve()
    found = problems(site)
    sys.stderr.write("".join(f"{line}\n" for line in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
