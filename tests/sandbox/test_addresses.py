"""Addresses of files: anybody may read uploads back, and imports may name files at other addresses."""

import signal
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path

import httpx
import pytest

from tests.support.sandbox.cars import CARS, car
from tests.support.sandbox.process import SandboxProcess, code_of, data_of, ndjson, parsed
from tests.support.sandbox.uploads import uploaded

BY_URL = """mutation ByUrl($p: ID!, $n: String!, $url: String!) {
  createModelAssistedLabelingPredictionImport(data: {projectId: $p, name: $n, fileUrl: $url}) { state inputFileUrl }
}"""
BOXES = ndjson([car(1), car(2, name="tram")])


def reason(sandbox: SandboxProcess, project: str, name: str) -> str:
    """Why an import failed as a whole."""
    failed = sandbox.ended(project, name)
    assert (failed["state"], failed["statusFileUrl"]) == ("FAILED", None)
    return str(parsed(httpx.get(failed["errorFileUrl"]).content)[0]["error"])


def test_an_upload_is_read_back_by_whoever_has_its_address(sandbox: SandboxProcess) -> None:
    url = uploaded(sandbox, b"<svg/>", "quay.svg")
    assert httpx.get(url).content == b"<svg/>"
    head = httpx.head(url)
    assert (head.status_code, head.headers["content-type"], head.headers["content-length"]) == (
        200,
        "image/svg+xml",
        "6",
    )
    assert head.headers["content-security-policy"] == "sandbox"
    assert httpx.head(url + "x").status_code == 404
    assert (
        httpx.head(uploaded(sandbox, b"[]", "application/json")).headers["content-type"] == "application/octet-stream"
    )


def test_an_upload_survives_a_killed_sandbox(start: Callable[..., SandboxProcess]) -> None:
    first = start()
    path = uploaded(first, b"abc").removeprefix(first.url)
    first.stop(signal.SIGKILL)
    assert httpx.get(start().url + path).content == b"abc"


def test_an_upload_is_imported_from_its_address(sandbox: SandboxProcess, project: str) -> None:
    url = uploaded(sandbox, BOXES)
    created = data_of(sandbox.ask(BY_URL, p=project, n="a", url=url))["createModelAssistedLabelingPredictionImport"]
    assert created == {"state": "RUNNING", "inputFileUrl": url}
    statuses = parsed(httpx.get(sandbox.ended(project, "a")["statusFileUrl"]).content)
    assert [each["status"] for each in statuses] == ["SUCCESS", "FAILURE"]
    assert sandbox.pre_labels(project) == [car(1)]
    assert code_of(sandbox.ask(BY_URL, p=project, n="a", url=url)) == "RESOURCE_CONFLICT"


def test_the_scheme_of_an_address_may_be_in_capitals(sandbox: SandboxProcess, project: str) -> None:
    url = uploaded(sandbox, BOXES).replace("http://", "HTTP://")
    data_of(sandbox.ask(BY_URL, p=project, n="a", url=url))
    assert sandbox.ended(project, "a")["state"] == "FINISHED"


@pytest.mark.parametrize(
    "url",
    [
        *("http://192.0.2.1/a", "http://10.0.0.1/a", "http://192.168.0.1/a", "http://169.254.169.254/a"),
        *("http://0.0.0.0:{port}/a", "http://127.1:{port}/a", "http://localhost.example:{port}/a"),
        *("http://127.0.0.1@192.0.2.1/a", "http://[::1/a", "http:///a", "http://127.0.0.1:1/a"),
        *("ftp://127.0.0.1/a", "file:///etc/hostname", "{sandbox}/uploads/unknown", "{sandbox}/_sandbox/requests"),
        "a",
    ],
)
def test_what_is_neither_https_nor_on_this_machine_fails_with_an_error_file(
    sandbox: SandboxProcess, project: str, url: str
) -> None:
    url = url.replace("{sandbox}", sandbox.url).replace("{port}", sandbox.url.rpartition(":")[2])
    data_of(sandbox.ask(BY_URL, p=project, n="a", url=url))
    assert reason(sandbox, project, "a").startswith("fileUrl cannot be fetched: ")


def test_an_import_needs_a_file_or_an_address(sandbox: SandboxProcess, project: str) -> None:
    assert code_of(sandbox.ask(BY_URL, p=project, n="a", url="")) == "MALFORMED_REQUEST"


class Server(ThreadingHTTPServer):
    """One of files: by https, or without a certificate by plain http."""

    def __init__(self, chain: Path | None) -> None:
        super().__init__(("127.0.0.1", 0), Files)
        self.over = threading.Event()
        if chain is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(chain)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = f"{'https' if chain else 'http'}://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """Ignore errors: clients close the connection when they have read enough."""


class Files(BaseHTTPRequestHandler):
    """What stands on it."""

    server: Server

    def do_GET(self) -> None:
        if self.path.startswith("/to?"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to?"))
            self.end_headers()
        elif self.path == "/missing":
            self.send_error(404)
        else:
            self.send_response(200)
            self.end_headers()
            self._body()

    def _body(self) -> None:
        if self.path == "/endless":
            while not self.server.over.wait(0.05):
                self.wfile.write(b" ")
        if self.path == "/later":
            self.server.over.wait(20)
        self.wfile.write(BOXES * (100 if self.path == "/large" else 1))

    def log_message(self, *_: object) -> None:
        pass


def certificate(folder: Path) -> Path:
    """One for this machine, which vouches for itself, with its key."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "files")])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    made = built.add_extension(address, critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "files.pem").write_bytes(made.public_bytes(pem) + private)
    return folder / "files.pem"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server; sandboxes that are started afterwards trust it."""
    chain = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    monkeypatch.setenv("NO_PROXY", "*")
    with serving(Server(chain)) as server:
        yield server


@pytest.fixture
def local_files() -> Iterator[Server]:
    with serving(Server(None)) as server:
        yield server


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_files_at_other_addresses_are_fetched_within_limits(
    start: Callable[..., SandboxProcess], elsewhere: Server
) -> None:
    sandbox = start("--seconds-per-import", "0", data=":memory:")
    sandbox.project("c1", CARS)
    sandbox.control("POST", "/settings", {"fetchSeconds": 0.5, "fetchBytes": 50 * len(BOXES)})
    capitals = elsewhere.url.replace("https", "HTTPS")
    urls = {name: f"{elsewhere.url}/{name}" for name in ("good", "missing", "large", "endless")}
    urls |= {"capitals": f"{capitals}/good", "to-good": f"{elsewhere.url}/to?/good"}
    urls |= {"to-http": f"{elsewhere.url}/to?{sandbox.url}/_sandbox/health"}
    for name, url in urls.items():
        data_of(sandbox.ask(BY_URL, p="c1", n=name, url=url))
    for name in ("good", "to-good", "capitals"):
        statuses = parsed(httpx.get(sandbox.ended("c1", name)["statusFileUrl"]).content)
        assert [each["status"] for each in statuses] == ["SUCCESS", "FAILURE"]
    assert reason(sandbox, "c1", "missing").endswith("404")
    assert "bytes" in reason(sandbox, "c1", "large")
    assert reason(sandbox, "c1", "endless").endswith("TimeoutError")
    assert "neither https" in reason(sandbox, "c1", "to-http")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST"])
def test_a_file_of_this_machine_is_fetched_by_plain_http(
    sandbox: SandboxProcess, project: str, local_files: Server, host: str
) -> None:
    url = f"{local_files.url.replace('127.0.0.1', host)}/good"
    data_of(sandbox.ask(BY_URL, p=project, n="a", url=url))
    statuses = parsed(httpx.get(sandbox.ended(project, "a")["statusFileUrl"]).content)
    assert [each["status"] for each in statuses] == ["SUCCESS", "FAILURE"]


def test_plain_http_of_this_machine_has_the_same_limits_and_leaves_it_only_by_https(
    start: Callable[..., SandboxProcess],
    local_files: Server,
    elsewhere: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("http_proxy", "http://127.0.0.1:1")
        patch.setenv("no_proxy", elsewhere.url.removeprefix("https://"))
        patch.delenv("NO_PROXY")
        sandbox = start("--seconds-per-import", "0", data=":memory:")
    sandbox.project("c1", CARS)
    sandbox.control("POST", "/settings", {"fetchSeconds": 0.5, "fetchBytes": 50 * len(BOXES)})
    urls = {name: f"{local_files.url}/{name}" for name in ("good", "missing", "large", "endless")}
    urls |= {"to-https": f"{local_files.url}/to?{elsewhere.url}/good", "to-good": f"{local_files.url}/to?/good"}
    urls |= {"to-private": f"{local_files.url}/to?http://10.0.0.1/", "to-file": f"{local_files.url}/to?file:///etc/a"}
    urls |= {"round": f"{elsewhere.url}/to?{elsewhere.url}/to?{local_files.url}/good"}
    for name, url in urls.items():
        data_of(sandbox.ask(BY_URL, p="c1", n=name, url=url))
    for name in ("good", "to-good", "to-https"):
        assert sandbox.ended("c1", name)["state"] == "FINISHED", name
    assert reason(sandbox, "c1", "missing").endswith("404")
    assert "bytes" in reason(sandbox, "c1", "large")
    assert reason(sandbox, "c1", "endless").endswith("TimeoutError")
    for name in ("to-private", "round"):
        assert "neither https" in reason(sandbox, "c1", name)
    assert reason(sandbox, "c1", "to-file").endswith("302")


def test_a_sandbox_that_other_machines_reach_reads_no_local_address(
    start: Callable[..., SandboxProcess], local_files: Server
) -> None:
    sandbox = start("--seconds-per-import", "0", "--host", "0.0.0.0", data=":memory:")
    sandbox.url = sandbox.url.replace("0.0.0.0", "127.0.0.1")
    sandbox.project("c1", CARS)
    for name, url in {"served": f"{local_files.url}/good", "own": f"{sandbox.url}/_sandbox/requests"}.items():
        data_of(sandbox.ask(BY_URL, p="c1", n=name, url=url))
        failed = sandbox.ended("c1", name)
        address = failed["errorFileUrl"].replace("0.0.0.0", "127.0.0.1")
        assert "a sandbox that others can reach" in httpx.get(address).text


def test_an_address_is_fetched_again_by_a_sandbox_that_comes_back(
    start: Callable[..., SandboxProcess], elsewhere: Server, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    first = start("--seconds-per-import", "0", data=folder)
    first.project("c1", CARS)
    data_of(first.ask(BY_URL, p="c1", n="a", url=f"{elsewhere.url}/later"))
    first.stop(signal.SIGKILL)
    elsewhere.over.set()
    second = start("--seconds-per-import", "0", data=folder)
    assert second.ended("c1", "a")["state"] == "FINISHED"
    assert second.pre_labels("c1") == [car(1)]
