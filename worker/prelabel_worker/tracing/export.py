"""Send a worker's spans to a collector, by OTLP over HTTP, from every process that runs tasks.

A worker traces where `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector. The SDK reads this variable and all others of
OpenTelemetry. It is loaded only then: it and what it needs take memory in each process.
"""

from importlib.util import find_spec
from typing import Literal

from prelabel import tracing

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

    from prelabel_worker.tracing.provider import sending

    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(sending())


def stop() -> None:
    """Send the spans that wait in this process, for at most 5 s; the process ends after that."""
    tracing.flush()


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a package around it
        return False
