"""Addresses where nothing is: browsers get a page, other clients JSON."""

import pytest

from tests.support.sandbox.pages import page_of
from tests.support.sandbox.process import SandboxProcess

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ADDRESSES = (
    *("/nowhere", "/project/c1", "/static/nothing.css"),
    *("/files/x/input.ndjson", "/uploads/x", "/_sandbox/nothing"),
)


@pytest.mark.parametrize("path", ADDRESSES)
def test_a_browser_gets_a_page(sandbox: SandboxProcess, path: str) -> None:
    answer = sandbox.http.get(f"{sandbox.url}{path}", headers={"Accept": BROWSER})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "<h1>Nothing here</h1>" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("accept", ["application/json", "*/*", ""])
@pytest.mark.parametrize("path", ADDRESSES)
def test_another_client_gets_json(sandbox: SandboxProcess, path: str, accept: str) -> None:
    answer = sandbox.http.get(f"{sandbox.url}{path}", headers={"Accept": accept})
    assert (answer.status_code, answer.json()) == (404, {"error": "there is nothing at this address"})


def test_a_wrong_method_is_named_with_those_that_are_answered(sandbox: SandboxProcess) -> None:
    answer = sandbox.http.get(f"{sandbox.url}/graphql", headers={"Accept": BROWSER})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json() == {"error": "GET is not answered here"}


def test_a_page_about_something_unknown_is_a_page_too(sandbox: SandboxProcess) -> None:
    assert page_of(sandbox, "/projects/unknown", 404).one("h1").text == "Nothing here"
