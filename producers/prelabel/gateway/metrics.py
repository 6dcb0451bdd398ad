"""The figures of a gateway, in the text format of Prometheus, for which a fleet needs no library."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(slots=True)
class Metrics:
    """Counts since the start. For one event loop."""

    #: Answers by path and status.
    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    #: Rows by result and reason; the reason is empty unless they were refused.
    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: Bytes of bodies as they were sent.
    received_bytes: int = 0
    #: Requests that are being read or answered.
    in_progress: int = 0
    #: Seconds of all answers about rows.
    seconds: float = 0.0
    #: Answers by the upper bound of their time.
    buckets: Counter[float] = field(default_factory=Counter)

    def answered(
        self, path: str, status: int, seconds: float, rows: Mapping[str, int], reasons: Mapping[str, int]
    ) -> None:
        """Record an answer: the numbers of its rows by result, and of refused ones by reason."""
        self.requests[path, status] += 1
        self.seconds += seconds
        self.buckets[next((bound for bound in _BOUNDS if seconds <= bound), float("inf"))] += 1
        for result, count in rows.items():
            if result != "refused":
                self.rows[result, ""] += count
        for reason, count in reasons.items():
            self.rows["refused", reason] += count

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """Return all metrics; `gauges` are values of now: their meaning and value by name."""
        lines = [
            *_metric("requests_total", "counter", "Answers by path and status.", self._requests()),
            *_metric("rows_total", "counter", "Rows by what the answer says of them.", self._rows()),
            *_metric("received_bytes_total", "counter", "Bytes of bodies as sent.", [("", self.received_bytes)]),
            *_metric("answer_seconds", "histogram", "Time from a request to its answer.", self._histogram()),
            *_metric("requests_in_progress", "gauge", "Requests that are read or answered.", [("", self.in_progress)]),
        ]
        for name, (meaning, value) in gauges.items():
            lines += _metric(name, "gauge", meaning, [("", value)])
        return "\n".join(lines) + "\n"

    def _requests(self) -> Iterator[tuple[str, float]]:
        for (path, status), count in sorted(self.requests.items()):
            yield f'{{path="{path}",status="{status}"}}', count

    def _rows(self) -> Iterator[tuple[str, float]]:
        for (result, reason), count in sorted(self.rows.items()):
            yield f'{{result="{result}",reason="{reason}"}}', count

    def _histogram(self) -> Iterator[tuple[str, float]]:
        below = 0
        for bound in (*_BOUNDS, float("inf")):
            below += self.buckets[bound]
            yield f'_bucket{{le="{"+Inf" if bound == float("inf") else bound}"}}', below
        yield "_sum", self.seconds
        yield "_count", below


def _metric(name: str, kind: str, meaning: str, samples: Iterable[tuple[str, float]]) -> Iterator[str]:
    full = f"prelabel_gateway_{name}"
    yield f"# HELP {full} {meaning}"
    yield f"# TYPE {full} {kind}"
    for suffix, value in samples:
        yield f"{full}{suffix} {value}"
