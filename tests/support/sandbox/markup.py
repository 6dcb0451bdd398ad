"""A page as a tree of elements, for tests to search, and the rules of accessibility that every page must keep."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "link", "img", "input", "br", "hr"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    above: "Element | None" = None
    inside: list["Element | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(part if isinstance(part, str) else f" {part.text} " for part in self.inside).split())

    def all(self, tag: str = "", **attributes: str) -> list["Element"]:
        """Return the elements below, at any depth, by tag, attributes, and classes in `of`."""
        return [element for element in self._below() if _fits(element, tag, attributes)]

    def one(self, tag: str = "", **attributes: str) -> "Element":
        """Return the only element that `all` finds."""
        (element,) = self.all(tag, **attributes)
        return element

    def _below(self) -> Iterator["Element"]:
        for part in self.inside:
            if isinstance(part, Element):
                yield part
                yield from part._below()


def _fits(element: Element, tag: str, attributes: dict[str, str]) -> bool:
    wanted = dict(attributes)
    classes = wanted.pop("of", "").split()
    return (
        (not tag or element.tag == tag)
        and set(classes) <= set(element.attributes.get("class", "").split())
        and all(element.attributes.get(name) == value for name, value in wanted.items())
    )


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.current = self.root = Element("", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self.current)
        self.current.inside.append(element)
        if tag not in VOID:
            self.current = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.current.tag == tag, f"</{tag}> closes <{self.current.tag}>"
        assert self.current.above is not None
        self.current = self.current.above

    def handle_data(self, data: str) -> None:
        self.current.inside.append(data)


def parsed_page(content: str) -> Element:
    parser = _Parser()
    parser.feed(content)
    parser.close()
    assert parser.current is parser.root, f"<{parser.current.tag}> is not closed"
    return parser.root


def complaints(page: Element) -> list[str]:
    """Return the defects that would keep somebody from using the page with a keyboard or a screen reader."""
    ids = Counter(element.attributes["id"] for element in page.all() if "id" in element.attributes)
    labelled = {label.attributes.get("for") for label in page.all("label")}
    rules: list[tuple[str, list[Any]]] = [
        ("no language", [] if page.one("html").attributes.get("lang") else ["html"]),
        ("not one main heading", [] if len(page.all("h1")) == 1 else ["h1"]),
        ("landmarks", [tag for tag in ("header", "nav", "main") if not page.all(tag)]),
        ("id twice", [name for name, times in ids.items() if times > 1]),
        ("refers to nothing", [name for element in page.all() for name in _references(element) if name not in ids]),
        ("input without label", [i.attributes for i in page.all("input") if i.attributes.get("id") not in labelled]),
        ("image without alt", [image.attributes for image in page.all("img") if "alt" not in image.attributes]),
        (
            "link or button without name",
            [e.attributes for tag in ("a", "button") for e in page.all(tag) if not _name(e)],
        ),
        ("drawing without name", [s.attributes for s in page.all("svg") if not _is_named_or_hidden(s)]),
        ("header without scope", [header.text for header in page.all("th") if "scope" not in header.attributes]),
        ("table without headers", ["table" for table in page.all("table") if not table.all("th", scope="col")]),
        ("nav without name", [nav.text for nav in page.all("nav") if not nav.attributes.get("aria-label")]),
        ("button without type", [button.text for button in page.all("button") if "type" not in button.attributes]),
    ]
    return [f"{rule}: {defect}" for rule, defects in rules for defect in defects]


def _references(element: Element) -> list[str]:
    names = [element.attributes[name] for name in ("for", "aria-labelledby") if name in element.attributes]
    href = element.attributes.get("href", "")
    return [*names, *([href[1:]] if element.tag == "a" and href.startswith("#") else [])]


def _name(element: Element) -> str:
    return element.attributes.get("aria-label") or element.text


def _is_named_or_hidden(svg: Element) -> bool:
    return svg.attributes.get("aria-hidden") == "true" or bool(svg.attributes.get("aria-label"))
