"""Reads the sandbox's pages."""

from tests.support.sandbox.markup import Element, parsed_page
from tests.support.sandbox.process import SandboxProcess


def page_of(sandbox: SandboxProcess, path: str, status: int = 200) -> Element:
    response = sandbox.http.get(f"{sandbox.url}{path}")
    assert response.status_code == status, response.text
    return parsed_page(response.text)


def rows_of(sandbox: SandboxProcess, project: str, query: str = "") -> dict[str, Element]:
    """Return the links to the data rows that a project's page lists, by their text."""
    headers = page_of(sandbox, f"/projects/{project}{query}").all("th", scope="row")
    return {header.text: header.one("a") for header in headers}


def row_page(sandbox: SandboxProcess, project: str, key: str, query: str = "") -> Element:
    return page_of(sandbox, rows_of(sandbox, project)[key].attributes["href"] + query)


def entries(page: Element) -> list[str]:
    return [entry.text for entry in page.all("li", of="entry")]


def only_row(sandbox: SandboxProcess, project: str) -> Element:
    (link,) = list(rows_of(sandbox, project).values())[:1]
    return page_of(sandbox, link.attributes["href"])


def counts_of(sandbox: SandboxProcess, project: str) -> dict[str, int]:
    """Return the numbers of pre-labels on a project's page, by data row."""
    table_rows = page_of(sandbox, f"/projects/{project}").one("tbody").all("tr")
    return {row.one("th").text: int(row.all("td")[1].text.replace(",", "")) for row in table_rows}
