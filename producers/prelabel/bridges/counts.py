"""What a bridge has done, as numbers: for its log and for the file of a metrics collector."""

import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from prelabel.private_files import PART, check_regular


@dataclass(slots=True)
class Counts:
    """Counts of one run. Records = published + left out + unreadable + refused, once all are acknowledged."""

    #: Records that became at least one message, or a part of one.
    published: int = 0
    #: Records that the mapping left out.
    left_out: int = 0
    #: Records that could not be read.
    unreadable: int = 0
    #: Records whose message was refused.
    refused: int = 0
    #: Messages that Redis has durably.
    messages: int = 0
    #: Bad records for which their file had no room: they are among `unreadable` and `refused`.
    not_kept: int = 0

    @property
    def bad(self) -> int:
        """Records that are in the file of bad records, or should be."""
        return self.unreadable + self.refused

    def fields(self) -> dict[str, int]:
        """Return the counts for an event of the log."""
        return asdict(self)


@dataclass(slots=True)
class Health:
    """What the bridge waits for, and since when."""

    #: Unix time of the last acknowledgement, 0 before the first.
    acknowledged: float = 0.0
    #: What does not answer now: `redis`, `source` or `bad-records`; empty if the bridge works.
    waits_for: str = ""
    since: float = field(default_factory=time.time)


def write_metrics(path: Path, text: str) -> None:
    """Replace the file of metrics, which every user may read: a collector is another one. Raises OSError."""
    check_regular(path)
    part = path.with_name(f"{path.name}{PART}")  # a collector reads files that end in .prom
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with open(handle, "w") as file:
        file.write(text)
    part.replace(path)


def metrics_text(source: str, counts: Counts, health: Health) -> str:
    """Return counts and state in Prometheus's text format."""
    results = {
        "published": counts.published,
        "left-out": counts.left_out,
        "unreadable": counts.unreadable,
        "refused": counts.refused,
    }
    lines = [
        "# HELP prelabel_bridge_records_total Records that the bridge acknowledged, by what became of them.",
        "# TYPE prelabel_bridge_records_total counter",
        *(
            f'prelabel_bridge_records_total{{source="{source}",result="{result}"}} {count}'
            for result, count in results.items()
        ),
        "# HELP prelabel_bridge_messages_total Messages that Redis has durably.",
        "# TYPE prelabel_bridge_messages_total counter",
        f'prelabel_bridge_messages_total{{source="{source}"}} {counts.messages}',
        "# HELP prelabel_bridge_bad_records_not_kept_total Bad records for which their file had no room.",
        "# TYPE prelabel_bridge_bad_records_not_kept_total counter",
        f'prelabel_bridge_bad_records_not_kept_total{{source="{source}"}} {counts.not_kept}',
        "# HELP prelabel_bridge_acknowledged_timestamp_seconds Unix time of the last acknowledgement.",
        "# TYPE prelabel_bridge_acknowledged_timestamp_seconds gauge",
        f'prelabel_bridge_acknowledged_timestamp_seconds{{source="{source}"}} {health.acknowledged:.3f}',
        "# HELP prelabel_bridge_waiting 1 while the bridge waits for this, which does not answer.",
        "# TYPE prelabel_bridge_waiting gauge",
        *(
            f'prelabel_bridge_waiting{{source="{source}",for="{place}"}} {int(health.waits_for == place)}'
            for place in ("redis", "source", "bad-records")
        ),
    ]
    return "\n".join(lines) + "\n"
