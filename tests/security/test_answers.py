"""Answers of a server: read up to a limit, from safe addresses only, and without sending the key to other hosts."""

import gzip
import json
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import pytest
import zstandard

from prelabel_worker.labelbox import transport as module
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.errors import FileRefused, Garbled, OutcomeUnknown, Unavailable, UnexpectedShape
from prelabel_worker.labelbox.types import ImportName
from tests.support.answering import Answer, Server, http

MIB = 1024 * 1024


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], tuple[Server, Labelbox]]]:
    running: list[Server | Labelbox] = []

    def start(answer: Answer) -> tuple[Server, Labelbox]:
        server = Server(answer)
        client = Labelbox(f"{server.url}/graphql", "k3y-0815", 2)
        running.extend((client, server))
        return server, client

    yield start
    for each in running:
        each.close()


Serve = Callable[[Answer], tuple[Server, Labelbox]]


def zipped(size: int, encoding: str) -> bytes:
    """`size` bytes of white space, compressed as far as that goes."""
    if encoding == "gzip":
        packer = zlib.compressobj(9, wbits=31)
        return b"".join(packer.compress(b" " * MIB) for _ in range(size // MIB)) + packer.flush()
    packer = zstandard.ZstdCompressor().compressobj(size=size)
    return b"".join(packer.compress(b" " * MIB) for _ in range(size // MIB)) + packer.flush()


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_bomb_for_an_answer_costs_memory_within_the_bound(serve: Serve, encoding: str) -> None:
    bomb = zipped(512 * MIB, encoding)
    _, labelbox = serve(lambda path: http(bomb, f"Content-Encoding: {encoding}"))

    tracemalloc.start()
    with pytest.raises(Unavailable):
        labelbox.find_imports([ImportName("p", "x")])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 4 * module.MAX_ANSWER_BYTES


def test_an_answer_that_never_ends_is_given_up_in_time(serve: Serve) -> None:
    done = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not done.wait(0.05):
                try:
                    connection.sendall(b"1\r\n \r\n")
                except OSError:
                    return

    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=drip, args=(listening,))
    thread.start()
    labelbox = Labelbox(f"http://127.0.0.1:{listening.getsockname()[1]}/graphql", "k", 1)
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown, match="ReadTimeout"):
        labelbox.create_import("p", "x", [b"{}\n"], lambda: True)
    assert time.monotonic() - began < 3
    done.set()
    labelbox.close()
    thread.join(10)
    listening.close()


def test_an_upload_whose_answer_is_too_large_may_have_been_accepted(serve: Serve) -> None:
    _, labelbox = serve(lambda path: http(b" " * (module.MAX_ANSWER_BYTES + 1)))

    with pytest.raises(OutcomeUnknown):
        labelbox.create_import("p", "x", [b"{}\n"], lambda: True)


TREES = {
    "no json": '"{not json"',
    "a list as text": '"[1]"',
    "a list": "[1]",
    "text of depth 100,000": '"' + "[" * 100_000 + '"',
    "a number": "7",
    "tools of numbers": '{"tools": [5]}',
    "tools as an object": '{"tools": {"a": 1}}',
    "a name as a list": '{"tools": [{"name": ["a"]}]}',
    "an id as an object": '{"classifications": [{"featureSchemaId": {"a": 1}}]}',
    "options as text": '{"classifications": [{"options": "ab"}]}',
    "constraints of numbers": '{"tools": [{"definition": {"constraints": [5]}}]}',
    "depth 400": '{"tools": [{"unknown": ' + "[" * 400 + "]" * 400 + "}]}",
}


@pytest.mark.parametrize("normalized", TREES.values(), ids=TREES.keys())
def test_an_ontology_that_is_none_is_asked_for_again(serve: Serve, normalized: str) -> None:
    project = '{"id": "p", "allowedMediaType": "IMAGE", "ontology": {"name": "o", "normalized": %s}}'
    _, labelbox = serve(lambda path: http(b'{"data": {"project": %s}}' % (project % normalized).encode()))

    with pytest.raises(UnexpectedShape):
        labelbox.ontology("p")


@pytest.mark.parametrize(
    "project",
    [
        '{"ontology": "abc"}',
        '{"ontology": [1]}',
        '{"ontology": null, "allowedMediaType": ["IMAGE"]}',
        '{"allowedMediaType": {"a": 1}}',
        "5",
        '[{"id": "p"}]',
    ],
)
def test_a_project_that_is_none_is_asked_for_again(serve: Serve, project: str) -> None:
    _, labelbox = serve(lambda path: http(b'{"data": {"project": %s}}' % project.encode()))

    with pytest.raises(UnexpectedShape, match=r"Expected .* got .* at `\$\.project"):
        labelbox.ontology("p")


@pytest.mark.parametrize("job", ['"abc"', "[]", "5", "{}", '{"id": 5}', '{"id": "1", "state": ["RUNNING"]}'])
def test_an_import_that_is_none_may_have_been_accepted(serve: Serve, job: str) -> None:
    field = "createModelAssistedLabelingPredictionImport"
    _, labelbox = serve(
        lambda path: http(b'{"data": {"%s": %s, "i0": %s}}' % (field.encode(), job.encode(), job.encode()))
    )

    with pytest.raises(UnexpectedShape) as created:
        labelbox.create_import("p", "x", [b"{}\n"], lambda: True)
    with pytest.raises(UnexpectedShape) as looked_up:
        labelbox.find_imports([ImportName("p", "x")])

    assert (created.value.maybe_accepted, looked_up.value.maybe_accepted) == (True, False)


def test_an_answer_s_content_is_in_no_error(serve: Serve) -> None:
    """The decoder's text may quote the answer, so errors name only the field and the types."""
    _, labelbox = serve(lambda path: http(b'{"data": {"project": {"allowedMediaType": ["s3cret words"]}}}'))

    with pytest.raises(UnexpectedShape) as error:
        labelbox.ontology("p")

    assert "s3cret" not in str(error.value)
    assert "allowedMediaType" in str(error.value)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_no_redirect_is_followed(serve: Serve, status: str) -> None:
    server, labelbox = serve(lambda path: http(b"", "Location: /elsewhere", status=status))

    with pytest.raises(FileRefused, match="redirects"):
        list(labelbox.lines(f"{server.url}/status"))
    with pytest.raises(Garbled):
        labelbox.find_imports([ImportName("p", "x")])
    with pytest.raises(Garbled):
        labelbox.create_import("p", "x", [b"{}\n"], lambda: True)

    assert [request.split(b" ", 2)[1] for request in server.seen] == [b"/status", b"/graphql", b"/graphql"]


def test_the_key_does_not_travel_with_a_file(serve: Serve) -> None:
    server, labelbox = serve(lambda path: http(b"{}\n"))

    assert list(labelbox.lines(f"{server.url}/status")) == [b"{}"]

    (request,) = server.seen
    assert b"k3y-0815" not in request
    assert b"authorization" not in request.lower()


def test_files_come_over_tls_or_from_the_endpoint_itself(serve: Serve) -> None:
    """The endpoint is its scheme, host and port: whatever else listens on that machine is not."""
    server, labelbox = serve(lambda path: http(b"{}\n"))
    other, _ = serve(lambda path: http(b"{}\n"))
    port = server.url.rsplit(":", 1)[1]

    for address in (
        f"{other.url}/status",
        f"http://localhost:{port}/status",
        f"http://{server.url.removeprefix('http://')}.example/status",
        f"http://127.0.0.1:{port}@{other.url.removeprefix('http://')}/status",
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data/",
        "//127.0.0.1/status",
        "http://[::1/status",
        "http://a b/",
        "",
    ):
        with pytest.raises(FileRefused):
            list(labelbox.lines(address))

    assert (server.seen, other.seen) == ([], [])


@pytest.mark.parametrize(
    "address",
    [
        "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 130 + "example/",
        "https://a..b/",
        "https://.a/",
        "https:///status",
        "https://a b/",
        "https://%00/",
        "https://xn--zzzzzz--99999999/",
        "https://\ud800.example/",
        "https://localhost/\ud800",
        "https://127.0.0.1:99999/",
        "https://127.0.0.1:-1/",
        "https://127.0.0.1:0/",
        "https://[::1%25eth0]/",
        "https://256.256.256.256/",
        "https://user@/",
        "https://localhost/" + "a" * 70_000,
    ],
    ids=lambda address: ascii(address[:32]),
)
def test_a_file_address_whose_host_cannot_be_one_is_refused(serve: Serve, address: str) -> None:
    _, labelbox = serve(lambda path: http(b""))

    with pytest.raises(FileRefused):
        list(labelbox.lines(address))


@pytest.mark.parametrize("members", [1, 3])
def test_a_zipped_file_is_read_like_a_plain_one(serve: Serve, members: int) -> None:
    lines = [json.dumps({"n": n}).encode() for n in range(30_000)]
    step = len(lines) // members
    body = b"".join(
        gzip.compress(b"".join(line + b"\n" for line in lines[at : at + step])) for at in range(0, len(lines), step)
    )
    server, labelbox = serve(lambda path: http(body, "Content-Encoding: gzip"))

    assert list(labelbox.lines(f"{server.url}/status")) == lines


@pytest.mark.parametrize("spoil", [lambda body: body[:-9], lambda body: body[:40] + b"\xff" * 40 + body[80:]])
def test_a_zipped_file_that_is_cut_or_broken_is_asked_for_again(serve: Serve, spoil: Callable[[bytes], bytes]) -> None:
    body = spoil(gzip.compress(b"".join(b'{"n": %d}\n' % n for n in range(1000))))
    server, labelbox = serve(lambda path: http(body, "Content-Encoding: gzip"))

    with pytest.raises(Unavailable):
        list(labelbox.lines(f"{server.url}/status"))


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        (b'{"a": "' + b"x" * 5 * MIB, "MAX_LINE_BYTES"),
        (b"{}\n" * 8 * MIB, "MAX_FILE_BYTES"),
        (zipped(64 * MIB, "gzip"), "MAX_LINE_BYTES"),
    ],
    ids=["line", "file", "bomb"],
)
def test_a_file_above_a_limit_is_refused_and_not_kept(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, body: bytes, limit: str
) -> None:
    monkeypatch.setattr(module, limit, MIB)
    headers = ["Content-Encoding: gzip"] if body[:2] == b"\x1f\x8b" else []
    answer = http(body, *headers)
    server, labelbox = serve(lambda path: answer)

    tracemalloc.start()
    with pytest.raises(FileRefused, match="larger"):
        for _ in labelbox.lines(f"{server.url}/status"):
            pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 * MIB


@pytest.mark.parametrize("members", [3000, 100_000])
def test_a_body_of_many_gzip_members_is_refused_however_small_it_is(serve: Serve, members: int) -> None:
    """67 KB that cost seconds: a line just below its limit, and empty members behind it."""
    body = gzip.compress(b" " * (module.MAX_LINE_BYTES - 1)) + gzip.compress(b"") * members
    server, labelbox = serve(lambda path: http(body, "Content-Encoding: gzip"))

    with pytest.raises(FileRefused, match="more than 1000 gzip members"):
        list(labelbox.lines(f"{server.url}/status"))
    with pytest.raises(Unavailable, match="CostlyBody"):
        labelbox.find_imports([ImportName("p", "x")])


def test_a_file_that_does_not_end_is_given_up_in_time(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILE_SECONDS", 0)
    server, labelbox = serve(lambda path: http(b"{}\n"))

    with pytest.raises(Unavailable, match="ReadTimeout"):
        list(labelbox.lines(f"{server.url}/status"))


def test_a_file_that_is_encoded_otherwise_is_refused(serve: Serve) -> None:
    server, labelbox = serve(lambda path: http(zipped(64 * MIB, "zstd"), "Content-Encoding: zstd"))

    with pytest.raises(FileRefused, match="did not accept"):
        list(labelbox.lines(f"{server.url}/status"))
