"""Pages of long lists."""

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request


@dataclass(frozen=True, slots=True)
class Paging:
    """The current page of a list; `link` returns the address of another one."""

    number: int
    size: int
    total: int
    path: str
    query: tuple[tuple[str, str], ...] = ()

    @property
    def last(self) -> int:
        """Return the number of the last page; 1 if the list is empty."""
        return max(1, -(-self.total // self.size))

    @property
    def skip(self) -> int:
        """Return the number of items before this page."""
        return (self.number - 1) * self.size

    @property
    def until(self) -> int:
        """Return the number of items up to the end of this page."""
        return min(self.number * self.size, self.total)

    def link(self, number: int) -> str:
        """Return the address of a page."""
        return f"{self.path}?{urlencode([*self.query, ('page', str(number))])}"


def paging(request: Request, size: int, total: int, **query: str) -> Paging:
    """Return the page that a request asks for, or the nearest one that exists."""
    number, last = page_number(request), max(1, -(-total // size))
    kept = tuple((key, value) for key, value in query.items() if value)
    return Paging(min(number, last), size, total, request.url.path, kept)


def page_number(request: Request) -> int:
    """Return the number of the page that a request asks for; 1 if the number is missing or invalid."""
    text = request.query_params.get("page", "")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else 1
