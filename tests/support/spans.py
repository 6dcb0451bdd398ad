"""The spans that code in this process makes, kept in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from prelabel_worker.tracing.provider import provider


@cache
def _exporter() -> InMemorySpanExporter:
    """Return the exporter of the process's one tracer provider, which is a worker's."""
    exporter = InMemorySpanExporter()
    trace.set_tracer_provider(provider(SimpleSpanProcessor(exporter)))
    return exporter


class Spans:
    """The spans that ended since the test began."""

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in _exporter().get_finished_spans() if span.name == name]


@contextmanager
def recorded_spans() -> Iterator[Spans]:
    _exporter().clear()
    yield Spans()
    _exporter().clear()


def trace_of(span: ReadableSpan) -> str:
    """Return the id of a span's trace."""
    return trace.format_trace_id(span.get_span_context().trace_id)


def links_of(span: ReadableSpan) -> list[str]:
    """Return the ids of the traces that a span is linked to."""
    return [trace.format_trace_id(link.context.trace_id) for link in span.links]
