"""A collector of traces that keeps them: OTLP over HTTP with protobuf, as an exporter sends it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True, slots=True)
class ReceivedSpan:
    """A span as the collector received it."""

    #: Its name.
    name: str
    #: 32 hexadecimal digits.
    trace_id: str
    #: Its attributes.
    attributes: dict[str, Any]
    #: The ids of the traces that it is linked to.
    links: list[str]
    #: Its kind, by the name in OTLP.
    kind: str
    #: Whether it failed.
    failed: bool
    #: The attributes of the process that made it.
    resource: dict[str, Any]


@dataclass
class Collector:
    """The spans that were received, and where to send them."""

    #: The address for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    url: str
    #: The spans in the order in which they came.
    spans: list[ReceivedSpan] = field(default_factory=list)

    def named(self, name: str) -> list[ReceivedSpan]:
        return [span for span in self.spans if span.name == name]


@contextmanager
def collector() -> Iterator[Collector]:
    """Run a collector on a port of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    received = Collector(f"http://127.0.0.1:{server.server_port}")
    server.received = received  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        assert self.headers["Content-Type"] == "application/x-protobuf"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.spans += _spans(ExportTraceServiceRequest.FromString(body))  # type: ignore[attr-defined]
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


def _spans(request: Any) -> Iterator[ReceivedSpan]:
    for of_resource in request.resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        for scope in of_resource.scope_spans:
            for span in scope.spans:
                yield ReceivedSpan(
                    span.name,
                    span.trace_id.hex(),
                    _attributes(span.attributes),
                    [link.trace_id.hex() for link in span.links],
                    span.SpanKind.Name(span.kind),
                    span.status.code == span.status.STATUS_CODE_ERROR,
                    resource,
                )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
