"""Send a worker's spans to a collector, by OTLP over HTTP, from every process that runs tasks.

A worker traces where `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector. The SDK reads this variable and all others of
OpenTelemetry. It is loaded only then: it and what it needs take memory in each process.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from prelabel import tracing
from prelabel.version import __version__
from prelabel_worker.tracing.spans import TRACE_ID

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

_NEEDED = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http.trace_exporter")


def state() -> Literal["off", "on", "missing"]:
    """Return whether this program sends spans; `missing` where it should, but the extra `otel` is not installed."""
    if not tracing.collector_is_named():
        return "off"
    return "on" if all(map(_is_installed, _NEEDED)) else "missing"


def start() -> None:
    """Set up the tracer provider of this process if it should send spans and has no provider yet."""
    if state() != "on":
        return
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(provider(BatchSpanProcessor(OTLPSpanExporter())))


def stop() -> None:
    """Send the spans that wait in this process, for at most 5 s; the process ends after that."""
    tracing.flush()


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a package around it
        return False


def provider(processor: "SpanProcessor") -> "TracerProvider":
    """Return the tracer provider of a worker, which hands its spans to this processor."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Ids(RandomIdGenerator):
        """Random ids, but for the traces of chunks."""

        def generate_trace_id(self) -> int:
            return TRACE_ID.get() or super().generate_trace_id()

    named = Resource.create({"service.name": "prelabel-worker", "service.version": __version__})
    resource = named.merge(OTELResourceDetector().detect())
    # `stop` sends what is left. The SDK, at the end of the interpreter, would wait for a collector as long as it takes.
    made = TracerProvider(resource=resource, id_generator=Ids(), shutdown_on_exit=False)
    made.add_span_processor(processor)
    return made
