"""Addresses of files: anybody may read uploads back, and imports may name files at other addresses."""

import signal
import ssl
import threading
from collections.abc import Callable, Iterator
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
    ["http://192.0.2.1/a", "file:///etc/hostname", "{sandbox}/uploads/unknown", "{sandbox}/_sandbox/requests", "a"],
)
def test_what_is_neither_https_nor_here_fails_with_an_error_file(
    sandbox: SandboxProcess, project: str, url: str
) -> None:
    data_of(sandbox.ask(BY_URL, p=project, n="a", url=url.replace("{sandbox}", sandbox.url)))
    assert reason(sandbox, project, "a").startswith("fileUrl cannot be fetched: ")


def test_an_import_needs_a_file_or_an_address(sandbox: SandboxProcess, project: str) -> None:
    assert code_of(sandbox.ask(BY_URL, p=project, n="a", url="")) == "MALFORMED_REQUEST"


class Server(ThreadingHTTPServer):
    """One of files by https."""

    def __init__(self, chain: Path) -> None:
        super().__init__(("127.0.0.1", 0), Files)
        self.over = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """Ignore errors: clients close the connection when they have read enough."""


class Files(BaseHTTPRequestHandler):
    """What stands on it."""

    server: Server

    def do_GET(self) -> None:
        if self.path in ("/to-http", "/to-good"):
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/" if self.path == "/to-http" else "/good")
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
    server = Server(chain)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield server
    server.over.set()
    server.shutdown()
    serving.join()
    server.server_close()


def test_files_at_other_addresses_are_fetched_within_limits(
    start: Callable[..., SandboxProcess], elsewhere: Server
) -> None:
    sandbox = start("--seconds-per-import", "0", data=":memory:")
    sandbox.project("c1", CARS)
    sandbox.control("POST", "/settings", {"fetchSeconds": 0.5, "fetchBytes": 50 * len(BOXES)})
    for name in ("good", "to-good", "missing", "large", "endless", "to-http"):
        server = elsewhere.url.upper() if name == "good" else elsewhere.url
        data_of(sandbox.ask(BY_URL, p="c1", n=name, url=f"{server}/{name}"))
    for name in ("good", "to-good"):
        statuses = parsed(httpx.get(sandbox.ended("c1", name)["statusFileUrl"]).content)
        assert [each["status"] for each in statuses] == ["SUCCESS", "FAILURE"]
    assert reason(sandbox, "c1", "missing").endswith("404")
    assert "bytes" in reason(sandbox, "c1", "large")
    assert reason(sandbox, "c1", "endless").endswith("TimeoutError")
    assert "not https" in reason(sandbox, "c1", "to-http")


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
