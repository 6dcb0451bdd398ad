"""The catalogue of metrics that commands print for a file collector, such as that of node_exporter. No I/O.

What they say costs too much to be read at each scrape (the audit), or is on another host (the spool of a publisher).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from prelabel.printing import printable
from prelabel_worker.queries.audit import ProjectAudit


class FileName(Enum):
    """Every such metric: its name, its labels, and its meaning. All are gauges."""

    AUDIT_BALANCED = (
        "prelabel_audit_balanced",
        ("project",),
        "Of `audit --metrics`: 1 if the counts of the project balance, 0 if they differ.",
    )
    AUDIT_AT = (
        "prelabel_audit_timestamp_seconds",
        (),
        "Of `audit --metrics`: Unix time at which the counts were reconciled.",
    )
    SPOOL_ROWS = (
        "prelabel_spool_rows",
        ("project",),
        "Of `spool list DIR --metrics`: rows that publishers keep on the disk until Redis accepts them.",
    )
    SPOOL_OLDEST = (
        "prelabel_spool_oldest_timestamp_seconds",
        ("project",),
        "Of `spool list DIR --metrics`: Unix time at which the oldest of these rows was written.",
    )
    SPOOL_EXPIRED = (
        "prelabel_spool_expired_rows",
        ("project",),
        "Of `spool list DIR --metrics`: rows that are too old to be sent without `--force`.",
    )
    SPOOL_DAMAGED = (
        "prelabel_spool_damaged_files",
        ("project",),
        "Of `spool list DIR --metrics`: files that were set aside because they are damaged.",
    )

    def family(self, samples: Iterable[tuple[Sequence[str], float]]) -> Metric:
        """Return the metric with these samples, each the values of its labels and its value."""
        name, labels, meaning = self.value
        family = GaugeMetricFamily(name, meaning, labels=labels)
        for values, value in samples:
            family.add_metric([printable(label) for label in values], value)
        return family


@dataclass(slots=True)
class SpoolTotals:
    """What the slots of one spool folder hold of one project."""

    rows: int = 0
    #: Unix time of the oldest row in seconds; None without one.
    oldest: float | None = None
    expired: int = 0
    damaged: int = 0


def of_audit(audits: Sequence[ProjectAudit], at: float) -> str:
    """Return the lines that say whether the counts of each project balance; `at` is the Unix time of the audit."""
    balanced = [([audit.project_id], float(audit.balances)) for audit in audits]
    return _text([FileName.AUDIT_BALANCED.family(balanced), FileName.AUDIT_AT.family([((), at)])])


def of_spools(totals: dict[str, SpoolTotals]) -> str:
    """Return the lines about a spool folder, by project."""
    found = sorted(totals.items())
    return _text(
        [
            FileName.SPOOL_ROWS.family([([name], spool.rows) for name, spool in found]),
            FileName.SPOOL_OLDEST.family([([name], spool.oldest) for name, spool in found if spool.oldest is not None]),
            FileName.SPOOL_EXPIRED.family([([name], spool.expired) for name, spool in found]),
            FileName.SPOOL_DAMAGED.family([([name], spool.damaged) for name, spool in found]),
        ]
    )


class _Fixed(Collector):
    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _text(metrics: Sequence[Metric]) -> str:
    registry = CollectorRegistry()
    registry.register(_Fixed(metrics))
    return generate_latest(registry).decode().rstrip("\n")
