"""The tracer provider of a worker. Only `export` loads this module, and the SDK with it, where traces are on."""

import logging
import time

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from prelabel.version import __version__
from prelabel_worker.tracing.spans import TRACE_ID

_LOG_AGAIN_SECONDS = 30.0
_EXPORTER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
_log = structlog.get_logger(__name__)


class _Ids(RandomIdGenerator):
    """Random ids, but for the traces of chunks."""

    def generate_trace_id(self) -> int:
        return TRACE_ID.get() or super().generate_trace_id()


class _Seldom(logging.Filter):
    """Replaces what the exporter logs by an event each half minute: it has several lines for each batch it loses."""

    def __init__(self) -> None:
        super().__init__()
        self._logged = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        """Return False, since nothing is logged as it is."""
        if time.monotonic() - self._logged >= _LOG_AGAIN_SECONDS:
            self._logged = time.monotonic()
            _log.warning("traces.not_sent", detail=record.getMessage())
        return False


def provider(processor: SpanProcessor) -> TracerProvider:
    """Return a provider that hands the spans to this processor."""
    named = Resource.create({"service.name": "prelabel-worker", "service.version": __version__})
    resource = named.merge(OTELResourceDetector().detect())
    # `export.stop` sends what is left. The SDK would wait for a collector, at the end of the interpreter, as long as it
    # takes.
    made = TracerProvider(resource=resource, id_generator=_Ids(), shutdown_on_exit=False)
    made.add_span_processor(processor)
    return made


def sending() -> TracerProvider:
    """Return a provider that sends the spans as OpenTelemetry's variables say."""
    logging.getLogger(_EXPORTER).addFilter(_Seldom())
    return provider(BatchSpanProcessor(OTLPSpanExporter()))
