"""Pages of long lists, and lists that a column sorts."""

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request


@dataclass(frozen=True, slots=True)
class Paging:
    """The page of a list that is shown; `link` returns the address of another one."""

    #: The number of the page, from 1.
    number: int
    #: How many items a page has.
    size: int
    #: How many items there are.
    total: int
    #: The address of the list.
    path: str
    #: What else the address says.
    query: tuple[tuple[str, str], ...] = ()

    @property
    def last(self) -> int:
        """The number of the last page; 1 if the list is empty."""
        return max(1, -(-self.total // self.size))

    @property
    def skip(self) -> int:
        """How many items come before the page."""
        return (self.number - 1) * self.size

    @property
    def until(self) -> int:
        """How many items there are up to its end."""
        return min(self.number * self.size, self.total)

    def link(self, number: int) -> str:
        """Return the address of a page."""
        return f"{self.path}?{urlencode([*self.query, ('page', str(number))])}"


def paging(request: Request, size: int, total: int, **query: str) -> Paging:
    """Return the page that a request asks for, or the nearest one that exists."""
    text = request.query_params.get("page", "")
    asked = max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else 1
    kept = tuple((key, value) for key, value in query.items() if value)
    return Paging(min(asked, max(1, -(-total // size))), size, total, request.url.path, kept)


@dataclass(frozen=True, slots=True)
class Sorting:
    """By which column a list is sorted; `link` returns the address of the list by another one."""

    #: The column.
    column: str
    #: Whether the largest come first.
    descending: bool
    #: The address of the list.
    path: str
    #: What else the address says.
    query: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """The column as the address says it: with a `-` before it if the largest come first."""
        return f"-{self.column}" if self.descending else self.column

    def link(self, column: str, *, largest_first: bool = True) -> str:
        """Return the address of the list by this column, in the other direction if it is sorted by it already."""
        descending = not self.descending if column == self.column else largest_first
        return f"{self.path}?{urlencode([*self.query, ('sort', f'-{column}' if descending else column)])}"

    def direction(self, column: str) -> str:
        """Return the `aria-sort` of a column's heading."""
        if column != self.column:
            return "none"
        return "descending" if self.descending else "ascending"


def sorting(request: Request, columns: tuple[str, ...], default: str, **query: str) -> Sorting:
    """Return how a request wants a list to be sorted; `default` may begin with a `-`."""
    text = request.query_params.get("sort", "")
    wanted = text if text.removeprefix("-") in columns else default
    kept = tuple((key, value) for key, value in query.items() if value)
    return Sorting(wanted.removeprefix("-"), wanted.startswith("-"), request.url.path, kept)
