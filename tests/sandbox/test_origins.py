"""A foreign web page can neither change nor read a sandbox on its reader's machine."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import sync_playwright
from starlette.datastructures import Headers

from prelabel_sandbox.origins import Names, refusal
from tests.support.sandbox.cars import CARS
from tests.support.sandbox.chromium import CHROMIUM
from tests.support.sandbox.process import SandboxProcess

FOREIGN = "http://evil.example"
OTHER = '{"id": "%s", "ontology": {"tools": [], "classifications": []}}'
HERE = Names((), listens_on="127.0.0.1")


def send(sandbox: SandboxProcess, method: str, path: str, **options: object) -> httpx.Response:
    return sandbox.http.request(method, f"{sandbox.url}{path}", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/", "/_sandbox/projects", "/_sandbox/requests", "/static/pages.css", "/graphql"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8970", "localhost.evil.example", "192.0.2.1", "a_b"])
def test_nothing_is_read_under_a_foreign_name(sandbox: SandboxProcess, path: str, host: str) -> None:
    answer = send(sandbox, "GET", path, headers={"Host": host})
    assert answer.status_code == 421
    assert "--allowed-host" in answer.json()["error"]


@pytest.mark.parametrize("host", ["", "a b", "a/b", "user@localhost", "[::1", "localhost:x", "::1", "ä".encode()])
def test_a_host_that_is_none_is_refused(sandbox: SandboxProcess, host: str | bytes) -> None:
    assert send(sandbox, "GET", "/", headers={b"Host": host} if isinstance(host, bytes) else {"Host": host}).is_error


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "localhost.", "127.0.0.1:9", "127.1.2.3", "[::1]:8970"])
def test_the_sandbox_answers_to_all_names_of_this_machine(sandbox: SandboxProcess, host: str) -> None:
    assert send(sandbox, "GET", "/_sandbox/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", [FOREIGN, "null", "https://evil.example", "http://127.0.0.1:1", "http://localhost"])
def test_a_foreign_page_replaces_no_ontology(sandbox: SandboxProcess, project: str, origin: str) -> None:
    before = send(sandbox, "GET", f"/projects/{project}").text
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        headers = {"Origin": origin, "Content-Type": kind}
        answer = send(sandbox, "POST", "/_sandbox/projects", content=OTHER % project, headers=headers)
        assert answer.status_code == 403
    after = send(sandbox, "GET", f"/projects/{project}").text
    assert "car" in before
    assert "car" in after


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"])
def test_a_body_that_a_form_could_have_sent_is_refused(sandbox: SandboxProcess, project: str, kind: str) -> None:
    answer = send(sandbox, "POST", "/_sandbox/projects", content=OTHER % project, headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert "application/json" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/graphql", "/_gql"])
def test_a_query_is_json_or_an_upload(sandbox: SandboxProcess, path: str) -> None:
    body = '{"query": "{ __typename }"}'
    assert send(sandbox, "POST", path, content=body, headers={"Content-Type": "text/plain"}).status_code == 415
    kind = {"Content-Type": "application/json; charset=utf-8"}
    assert send(sandbox, "POST", path, content=body, headers=kind).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
@pytest.mark.parametrize("path", ["/", "/_sandbox/requests", "/static/pages.css"])
def test_what_a_foreign_page_embeds_or_fetches_is_refused(sandbox: SandboxProcess, path: str, site: str) -> None:
    for mode, destination in (("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe"), ("no-cors", "script")):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": destination}
        assert send(sandbox, "GET", path, headers=headers).status_code == 403


def test_a_person_may_follow_a_link_to_a_page_and_reload_it(sandbox: SandboxProcess) -> None:
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert send(sandbox, "GET", "/", headers=followed).status_code == 200
    assert send(sandbox, "GET", "/", headers={**followed, "Sec-Fetch-Site": "same-origin"}).status_code == 200
    assert send(sandbox, "POST", "/_sandbox/faults", json={}, headers=followed).status_code == 403


def test_the_sandbox_s_own_pages_may_ask_it(sandbox: SandboxProcess) -> None:
    own = {"Origin": sandbox.url, "Sec-Fetch-Site": "same-origin"}
    assert send(sandbox, "POST", "/_sandbox/settings", json={}, headers=own).status_code == 200
    assert send(sandbox, "POST", "/_sandbox/settings", json={}, headers=own | {"Origin": FOREIGN}).status_code == 403


def test_others_reach_it_under_the_names_that_are_given(start: Callable[..., SandboxProcess]) -> None:
    options = ("--host", "0.0.0.0", "--public-url", "http://sandbox:8970", "--allowed-host", "Bench.example")
    sandbox = start(*options, data=":memory:")
    sandbox.url = sandbox.url.replace("0.0.0.0", "127.0.0.1")
    statuses = {
        host: send(sandbox, "GET", "/_sandbox/health", headers={"Host": host}).status_code
        for host in ("sandbox:8970", "bench.example", "192.0.2.1:8970", "evil.example")
    }
    assert statuses == {"sandbox:8970": 200, "bench.example": 200, "192.0.2.1:8970": 200, "evil.example": 421}


def test_no_answer_may_be_embedded_elsewhere_or_read_as_another_type(sandbox: SandboxProcess) -> None:
    for path in ("/", "/_sandbox/health", "/static/pages.css", "/nothing-here"):
        headers = send(sandbox, "GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


@given(
    st.sampled_from(["GET", "POST", "DELETE"]),
    st.lists(
        st.tuples(st.sampled_from([b"host", b"origin", b"sec-fetch-site", b"content-type"]), st.binary(max_size=40))
    ),
)
def test_any_headers_are_answered_or_refused(method: str, headers: list[tuple[bytes, bytes]]) -> None:
    refused = refusal(method, "/_sandbox/projects", Headers(raw=headers), HERE)
    hosts = [value for name, value in headers if name == b"host"]
    if refused is None:
        assert len(hosts) == 1
        assert HERE.have(hosts[0].decode("latin-1").rpartition(":")[0]) or HERE.have(hosts[0].decode("latin-1"))
    else:
        assert refused.status in (400, 403, 415, 421)


ATTACK = """<!doctype html><title>waiting</title>
<img src="{url}/static/pages.css"><iframe name="frame"></iframe>
<form target="frame" method="post" enctype="text/plain" action="{url}/_sandbox/projects">
<input name='{{"id": "{project}", "ontology": {{"tools": []}}, "x": "' value='"}}'></form>
<script>
document.forms[0].submit();
const body = JSON.stringify({{id: "{project}", ontology: {{tools: []}}}});
const tries = [
  fetch("{url}/_sandbox/projects", {{method: "POST", body}}),
  fetch("{url}/_sandbox/projects", {{method: "POST", body, mode: "no-cors"}}),
  fetch("{url}/_sandbox/projects", {{method: "POST", body: new Blob([body]), mode: "no-cors"}}),
  fetch("{url}/_sandbox/projects", {{method: "POST", body, headers: {{"Content-Type": "application/json"}}}}),
  fetch("{url}/_sandbox/requests").then(answer => answer.text()),
];
Promise.allSettled(tries).then(done => {{
  document.title = done.map(each => each.status === "fulfilled" && typeof each.value === "string").join();
}});
</script>"""


@pytest.fixture
def foreign_page(sandbox: SandboxProcess, project: str) -> Iterator[str]:
    """A page on another port, which to a browser is another origin."""
    content = ATTACK.format(url=sandbox.url, project=project).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="there is no Chromium on this machine")
def test_in_a_real_browser_a_foreign_page_changes_and_reads_nothing(
    sandbox: SandboxProcess, project: str, foreign_page: str
) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        with page.expect_response(lambda answer: answer.request.is_navigation_request() and sandbox.url in answer.url):
            page.goto(foreign_page)
        page.wait_for_function("document.title != 'waiting'")
        assert page.title() == "false,false,false,false,false"
        browser.close()
    assert sandbox.project(f"{project}x", CARS)["ontology"]["tools"]
    assert "car" in send(sandbox, "GET", f"/projects/{project}").text
