"""The spans of the stages: one a task, and all that are about one chunk in one trace.

The trace's id is the chunk's id twice, so that whoever knows one finds the other, and nothing has to be stored. The
parts of a chunk that was cut in two are in the trace of the chunk that the bisection began with.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

import structlog

from prelabel import tracing
from prelabel.tracing import Kind, Operation, Span
from prelabel_worker.chunks.chunk import Chunk
from prelabel_worker.chunks.row_reader import ChunkBlocks
from prelabel_worker.chunks.rows import ChunkRow, RowBlock, Unreadable

TRACE_ID: ContextVar[int] = ContextVar("TRACE_ID", default=0)
"""The id of the trace that the next span without a parent begins; 0 for a random one."""

_CHUNK_ID = re.compile(r"(?!0{16})[0-9a-f]{16}")
_OF_STAGE: dict[str, tuple[Kind, Operation]] = {"submit": ("CONSUMER", "process"), "settle": ("CLIENT", "settle")}


def trace_id(chunk: Chunk) -> str:
    """Return the id of the trace that has the spans about a chunk: 32 hexadecimal digits.

    It is empty for an id that no worker made: whatever is in Redis, a span must not stop a stage.
    """
    return chunk.origin * 2 if _CHUNK_ID.fullmatch(chunk.origin) else ""


@contextmanager
def of_chunk(stage: Literal["submit", "settle"], chunk: Chunk) -> Iterator[Span]:
    """Open the span of a stage that works on one chunk."""
    token = TRACE_ID.set(int(trace_id(chunk) or "0", 16))
    kind, operation = _OF_STAGE[stage]
    try:
        with tracing.span(stage, kind, operation=operation, project_id=chunk.project_id) as span, _in_log(span):
            span.set(chunk=chunk.id, attempt=chunk.attempt)
            if chunk.name:
                span.set(account=chunk.account, import_name=chunk.name)
            yield span
    finally:
        TRACE_ID.reset(token)


def linked(rows: ChunkBlocks, span: Span) -> Iterable[RowBlock | ChunkRow | Unreadable]:
    """Return the rows of a chunk, and link the span to their traces while they are read."""
    return _Linked(rows, span) if span.recording else rows


class _Linked:
    """Rows that link a span to their traces when they are iterated over, which may be more than once."""

    def __init__(self, rows: ChunkBlocks, span: Span) -> None:
        self._rows, self._span = rows, span

    def __iter__(self) -> Iterator[RowBlock | ChunkRow | Unreadable]:
        self._span.link(self._rows.traces())
        for part in self._rows:
            if not isinstance(part, Unreadable):
                self._span.link(tracing.traces_in(part.messages if isinstance(part, RowBlock) else [part.raw]))
            yield part


@contextmanager
def of_request(stage: str, chunks: list[Chunk]) -> Iterator[Span]:
    """Open the span of a request about many chunks, linked to the traces of these."""
    projects = {chunk.project_id for chunk in chunks}
    project_id = projects.pop() if len(projects) == 1 else ""
    with tracing.span(stage, "CLIENT", project_id=project_id) as span, _in_log(span):
        span.set(imports=len(chunks), account=chunks[0].account)
        # A link needs a span's id too. The spans of a chunk are found by the trace alone.
        span.link(bytes.fromhex(trace_id(chunk) + chunk.origin) for chunk in chunks if trace_id(chunk))
        yield span


@contextmanager
def _in_log(span: Span) -> Iterator[None]:
    """Name the span in every line that is logged inside the block."""
    context = span.context.hex()
    if not context:
        yield
        return
    with structlog.contextvars.bound_contextvars(trace_id=context[:32], span_id=context[32:]):
        yield
