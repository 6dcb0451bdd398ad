"""The key goes to the host of the endpoint and to no other: every request of the client, and a worker's start."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from prelabel_worker.errors import ConfigurationError
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.errors import FileGone, RequestError
from prelabel_worker.labelbox.response_types import Anything
from prelabel_worker.labelbox.types import ImportName
from tests.support.worker_process import worker_command

KEY = "sandbox-k3y"
"""A key that may travel in clear, so that its way can be seen."""
NAMES = [ImportName("p", "n")]
REQUESTS: dict[str, Callable[[Labelbox], Any]] = {
    "create_import": lambda labelbox: labelbox.create_import("p", "n", [b"{}\n"], lambda: True),
    "find_imports": lambda labelbox: labelbox.find_imports(NAMES),
    "list_imports": lambda labelbox: labelbox.list_imports("p", 0),
    "ontology": lambda labelbox: labelbox.ontology("p"),
    "project_names": lambda labelbox: labelbox.project_names(["p"]),
    "shows_pre_labels": lambda labelbox: labelbox.shows_pre_labels("p"),
    "query": lambda labelbox: [
        labelbox.query("{ x }", {}, Anything),
        labelbox.query("{ x }", {}, Anything, batches=True),
    ],
    "upload_file": lambda labelbox: labelbox.upload_file("f", [b"x"], 1, "text/plain"),
    "delete_import": lambda labelbox: labelbox.delete_import("i"),
    "limit_headers": lambda labelbox: labelbox.limit_headers("p"),
    "line_blocks": lambda labelbox: list(labelbox.line_blocks("http://graphql.graphql-proxy.example/files/graphql")),
    "lines": lambda labelbox: list(labelbox.lines("http://graphql.graphql-proxy.example/files/graphql")),
}


class Recorder(ThreadingHTTPServer):
    """An HTTP proxy that answers every request itself, and keeps where it should have gone and with which key."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str | None]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Recorder

    def do_POST(self) -> None:
        self.server.seen.append((self.path, self.headers["Authorization"]))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b'{"data": {}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """What plain http goes through, whatever host it is for."""
    with Recorder() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", server.url)
        yield server
        server.shutdown()
        thread.join()


def ask_everything(endpoint: str) -> None:
    labelbox = Labelbox(endpoint, KEY, 5)
    for request in REQUESTS.values():
        with suppress(RequestError, FileGone):  # nothing here answers what was asked
            request(labelbox)
    labelbox.close()


def test_every_request_of_the_client_is_among_those_that_are_looked_at() -> None:
    methods = {name for name, value in vars(Labelbox).items() if callable(value) and not name.startswith("_")}

    assert methods - {"close"} == set(REQUESTS)


def test_every_request_with_the_key_goes_to_the_host_of_the_endpoint(recorder: Recorder) -> None:
    ask_everything("http://graphql.graphql-proxy.example/graphql")

    root = "http://graphql.graphql-proxy.example"
    assert {path for path, key in recorder.seen if key} == {f"{root}/graphql", f"{root}/_gql"}
    assert {path for path, key in recorder.seen if not key} == {f"{root}/files/graphql"}
    assert len(recorder.seen) == len(REQUESTS) + 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_proxy_of_the_environment_gets_no_key_that_is_for_this_machine(recorder: Recorder, host: str) -> None:
    ask_everything(f"http://{host}:1/graphql")

    assert recorder.seen == []


@pytest.mark.parametrize("endpoint", ["http://labelbox.example/graphql", "https://key@labelbox.example/graphql"])
def test_there_is_no_client_that_would_send_a_key_in_clear_or_to_a_disguised_host(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="PRELABEL_LABELBOX_ENDPOINT"):
        Labelbox(endpoint, "k3y", 5)


def test_a_worker_that_would_send_a_key_in_clear_does_not_start(tmp_path: Path, redis_url: str) -> None:
    told = {
        "PRELABEL_REDIS_URL": redis_url,
        "PRELABEL_LABELBOX_ENDPOINT": "http://labelbox.invalid/graphql",
        "PRELABEL_ACCOUNT_KEYS": '{"b": "k3y-0815"}',
        "PRELABEL_LABELBOX_API_KEY": KEY,
    }

    done = subprocess.run(
        worker_command(), cwd=tmp_path, env=told, capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, "set PRELABEL_LABELBOX_ENDPOINT to an https address" in done.stderr) == (2, True)
    assert "k3y-0815" not in done.stdout + done.stderr


@pytest.mark.parametrize("command", [worker_command(), [sys.executable, "-m", "prelabel_worker.cli", "status"]])
def test_a_file_in_the_current_folder_does_not_redirect_the_key_of_the_environment(
    tmp_path: Path, redis_url: str, command: list[str]
) -> None:
    (tmp_path / ".env").write_text("PRELABEL_LABELBOX_ENDPOINT=https://elsewhere.example/graphql\n")
    told = {"PRELABEL_REDIS_URL": redis_url, "PRELABEL_LABELBOX_API_KEY": "k3y-0815"}

    done = subprocess.run(command, cwd=tmp_path, env=told, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert "PRELABEL_LABELBOX_ENDPOINT comes from .env in the current folder" in done.stderr
    assert "PRELABEL_LABELBOX_API_KEY from the environment" in done.stderr
    assert "k3y-0815" not in done.stderr
