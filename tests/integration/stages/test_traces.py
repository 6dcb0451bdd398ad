"""The spans of the stages: one a task, those about one chunk in one trace, and no text of a row in any."""

from collections.abc import Callable, Iterator

import orjson
import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from prelabel.publishing.buffer import Row
from prelabel.tracing import MAX_TRACES
from prelabel_worker.stages.poll import poll
from tests.support.rig import MakeRig, Rig, car
from tests.support.spans import Spans, links_of, recorded_spans, trace_of


@pytest.fixture
def spans() -> Iterator[Spans]:
    with recorded_spans() as recorded:
        yield recorded


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    return make_rig()


def row(rig: Rig, key: str, trace_id: int = 0, traceparent: str = "") -> Row:
    """Return a row that was published in a span of this trace, or names a trace itself."""
    raw = orjson.loads(car(rig.project.id, key).raw) | ({"traceparent": traceparent} if traceparent else {})
    context = trace_id.to_bytes(16, "big") + b"\1" * 8 if trace_id else b""
    return Row(f"k:{key}", orjson.dumps(raw), 0, context)


def test_a_chunk_s_stages_are_one_trace_that_is_linked_to_its_messages(rig: Rig, spans: Spans) -> None:
    rig.project.publish(row(rig, "a", 7), row(rig, "b", 8), row(rig, "c", traceparent=f"00-{9:032x}-{5:016x}-01"))

    assert rig.settle().imported == 3

    (submit,), (settle,) = spans.named("submit"), spans.named("settle")
    chunk = str((submit.attributes or {})["prelabel.chunk"])
    assert trace_of(submit) == trace_of(settle) == chunk * 2
    assert (submit.kind, settle.kind) == (SpanKind.CONSUMER, SpanKind.CLIENT)
    assert {*links_of(submit)} == {f"{n:032x}" for n in (7, 8, 9)}
    assert {*map(tuple, map(links_of, spans.named("poll")))} == {(chunk * 2,)}
    assert {name: (submit.attributes or {})[f"prelabel.{name}"] for name in ("rows", "annotations", "project")} == {
        "rows": 3,
        "annotations": 3,
        "project": rig.project.id,
    }
    assert (settle.attributes or {})["prelabel.imported"] == 3
    assert (settle.attributes or {})["prelabel.import_name"] == (submit.attributes or {})["prelabel.import_name"]
    (submitted,) = rig.events("import.submitted")
    assert submitted["rows"] == 3


def test_imports_that_are_settled_together_have_traces_of_their_own(
    make_rig: MakeRig, spans: Spans, wait_for: Callable[..., None]
) -> None:
    rig = make_rig(chunk_rows=1)
    rig.publish(*(f"k{n}" for n in range(3)))
    rig.run(lambda: len(spans.named("submit")) == 3, "the imports to run")
    wait_for(lambda: len(rig.pre_labels()) == 3, "the imports to end at Labelbox")
    rig.pass_time()

    with capture_logs(processors=[merge_contextvars]) as logs:
        poll(rig.context, [(rig.project.id, chunk_id) for chunk_id in rig.chunks()])

    settled = [event for event in logs if event["event"] == "import.settled"]
    assert [event["trace_id"] for event in settled] == [2 * event["chunk"] for event in settled]
    assert sorted(map(trace_of, spans.named("settle"))) == sorted(event["trace_id"] for event in settled)
    assert len(settled) == 3


def test_links_are_bounded(rig: Rig, spans: Spans) -> None:
    rig.project.publish(*(row(rig, f"k{n}", n + 1) for n in range(2 * MAX_TRACES)))

    rig.settle()

    assert max(len(links_of(span)) for span in spans.named("submit")) == MAX_TRACES


def test_the_halves_of_a_chunk_are_in_the_trace_of_the_whole(rig: Rig, spans: Spans) -> None:
    rig.warm()
    before = len(spans.named("submit"))
    rig.fault("failed-import", times=1)
    rig.publish("a", "b")

    rig.settle()

    traces = {trace_of(span) for span in spans.named("submit")[before:]}
    assert len(spans.named("submit")) >= before + 3
    assert len(traces) == 1


def test_a_failed_request_marks_its_span_by_the_kind_of_error_alone(rig: Rig, spans: Spans) -> None:
    rig.warm()
    rig.fault("503", times=1)
    rig.publish("a")

    rig.settle()

    failed = [span for span in spans.named("submit") if span.status.status_code is StatusCode.ERROR]
    assert failed
    assert all(span.status.description is None and not span.events for span in failed)
    assert {(span.attributes or {})["error.type"] for span in failed} == {error for error, _ in rig.decisions()}


def test_no_span_has_a_text_of_a_row(rig: Rig, spans: Spans) -> None:
    rig.project.publish(row(rig, "a-secret-key"))
    rig.settle()

    texts = " ".join(span.to_json() for name in ("submit", "poll", "settle") for span in spans.named(name))
    assert trace.format_trace_id(1) not in texts
    assert "a-secret-key" not in texts
    assert "a-key" not in texts


@pytest.mark.parametrize("origin", ["not-an-id", "0" * 16, "F" * 16, ""])
def test_a_chunk_with_an_id_that_no_worker_made_is_imported_all_the_same(rig: Rig, spans: Spans, origin: str) -> None:
    rig.warm()
    rig.fault("stuck-running", seconds=60)
    rig.publish("a")
    rig.run(rig.runs, "the import to run")
    rig.change(origin=origin)
    rig.fix()

    assert rig.settle().imported == 2
    assert rig.events("stage.broken") == []
    assert spans.named("settle")
