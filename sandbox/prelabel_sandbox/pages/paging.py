"""Pages of long lists."""

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of how many; `link` is the address of another one."""

    number: int
    size: int
    total: int
    path: str
    query: tuple[tuple[str, str], ...] = ()

    @property
    def last(self) -> int:
        """The last page; the first when there is nothing."""
        return max(1, -(-self.total // self.size))

    @property
    def skip(self) -> int:
        """How many come before this page."""
        return (self.number - 1) * self.size

    @property
    def until(self) -> int:
        """How many there are up to the end of this page."""
        return min(self.number * self.size, self.total)

    def link(self, number: int) -> str:
        """The address of a page."""
        return f"{self.path}?{urlencode([*self.query, ('page', str(number))])}"


def paging(request: Request, size: int, total: int, **query: str) -> Paging:
    """The page that a request asks for, or the nearest there is."""
    number, last = asked(request), max(1, -(-total // size))
    kept = tuple((key, value) for key, value in query.items() if value)
    return Paging(min(number, last), size, total, request.url.path, kept)


def asked(request: Request) -> int:
    """The number of the page that a request asks for; 1 for what is none."""
    given = request.query_params.get("page", "")
    return max(1, int(given)) if given.isascii() and given.isdigit() and len(given) < 10 else 1
