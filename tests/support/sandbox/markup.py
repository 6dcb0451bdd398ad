"""A page as a tree that tests ask questions of, and the rules that every page keeps."""

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
        return " ".join("".join(each if isinstance(each, str) else f" {each.text} " for each in self.inside).split())

    def all(self, tag: str = "", **attributes: str) -> list["Element"]:
        """What is below, by tag, classes (`of`) and attributes."""
        return [each for each in self._below() if _fits(each, tag, attributes)]

    def one(self, tag: str = "", **attributes: str) -> "Element":
        (found,) = self.all(tag, **attributes)
        return found

    def _below(self) -> Iterator["Element"]:
        for each in self.inside:
            if isinstance(each, Element):
                yield each
                yield from each._below()


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
        self.here = self.root = Element("", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, {name: value or "" for name, value in attrs}, self.here)
        self.here.inside.append(made)
        if tag not in VOID:
            self.here = made

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.here.tag == tag, f"</{tag}> closes <{self.here.tag}>"
        assert self.here.above is not None
        self.here = self.here.above

    def handle_data(self, data: str) -> None:
        self.here.inside.append(data)


def parsed_page(content: str) -> Element:
    parser = _Parser()
    parser.feed(content)
    parser.close()
    assert parser.here is parser.root, f"<{parser.here.tag}> is not closed"
    return parser.root


def complaints(page: Element) -> list[str]:
    """What would keep somebody from using the page with keys or a screen reader."""
    ids = Counter(each.attributes["id"] for each in page.all() if "id" in each.attributes)
    labelled = {each.attributes.get("for") for each in page.all("label")}
    rules: list[tuple[str, list[Any]]] = [
        ("no language", [] if page.one("html").attributes.get("lang") else ["html"]),
        ("not one main heading", [] if len(page.all("h1")) == 1 else ["h1"]),
        ("landmarks", [tag for tag in ("header", "nav", "main") if not page.all(tag)]),
        ("id twice", [name for name, times in ids.items() if times > 1]),
        ("refers to nothing", [name for each in page.all() for name in _references(each) if name not in ids]),
        ("input without label", [i.attributes for i in page.all("input") if i.attributes.get("id") not in labelled]),
        ("image without alt", [each.attributes for each in page.all("img") if "alt" not in each.attributes]),
        ("nothing to say", [e.attributes for tag in ("a", "button") for e in page.all(tag) if not _name(e)]),
        ("drawing without name", [s.attributes for s in page.all("svg") if not _spoken_of(s)]),
        ("header without scope", [each.text for each in page.all("th") if "scope" not in each.attributes]),
        ("table without headers", ["table" for each in page.all("table") if not each.all("th", scope="col")]),
        ("nav without name", [each.text for each in page.all("nav") if not each.attributes.get("aria-label")]),
        ("button without type", [each.text for each in page.all("button") if "type" not in each.attributes]),
    ]
    return [f"{rule}: {found}" for rule, all_ in rules for found in all_]


def _references(element: Element) -> list[str]:
    names = [element.attributes[each] for each in ("for", "aria-labelledby") if each in element.attributes]
    href = element.attributes.get("href", "")
    return [*names, *([href[1:]] if element.tag == "a" and href.startswith("#") else [])]


def _name(element: Element) -> str:
    return element.attributes.get("aria-label") or element.text


def _spoken_of(svg: Element) -> bool:
    return svg.attributes.get("aria-hidden") == "true" or bool(svg.attributes.get("aria-label"))
