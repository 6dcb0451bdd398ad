"""The measured costs of a row and of a chunk, as one record, and the file that holds it."""

from pathlib import Path

import msgspec

FILE = Path(__file__).parent / "costs.json"


class Costs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the steps of a row cost. Times are CPU, except `sync_ms`, `hint_ms` and `tick_ms`."""

    #: The day of the measurement, in ISO form.
    measured: str
    #: The machine of the measurement, in words.
    machine: str
    #: The command that measured it.
    command: str
    #: The message that was measured, in words.
    message: str
    #: `orjson.loads` and `dumps` of a message, in the same run: figures of other machines compare by it.
    floor_row_us: float
    #: A publisher, for each row: check, encode and compress.
    publisher_row_us: float
    #: A publisher, for each frame.
    publisher_frame_us: float
    #: Redis, for each row that is published.
    redis_publish_row_us: float
    #: Redis, for each frame that is published.
    redis_publish_frame_us: float
    #: A worker of the role `submit`, for each row: read, validate, render and send.
    submit_row_us: float
    #: A worker of the role `submit`, for each chunk.
    submit_chunk_ms: float
    #: A worker of the role `poll`, for each row: read the status file and commit.
    settle_row_us: float
    #: A worker of the role `poll`, for each chunk.
    settle_chunk_ms: float
    #: Redis, for each row from the cut of its chunk until it is settled.
    redis_row_us: float
    #: Redis, for each chunk.
    redis_chunk_ms: float
    #: Round trips to Redis for each chunk, without those that its number of rows adds.
    redis_chunk_calls: float
    #: Rows of a chunk for each further round trip.
    redis_call_rows: float
    #: Redis, for each second of an idle worker, whose ticks look for what is due.
    redis_idle_worker_us: float
    #: Wall time that Redis waits for the disk when it has written (`appendfsync always`).
    sync_ms: float
    #: Wall time from sending a hint until a free process begins with it.
    hint_ms: float
    #: Longest wall time until a worker sees that a timer is due.
    tick_ms: float
    #: Bytes of Redis for each row that waits.
    waiting_row_bytes: float
    #: Bytes of Redis that remain for each settled row, for as long as the history is kept.
    settled_row_bytes: float
    #: Bytes of an upload for each row.
    upload_row_bytes: float
    #: The benchmark's stand-in for Labelbox, for each row. Only `check` uses it.
    sink_row_us: float

    @property
    def worker_row_us(self) -> float:
        """A worker, for each row, without what its chunk costs."""
        return self.submit_row_us + self.settle_row_us

    @property
    def redis_total_row_us(self) -> float:
        """Redis, for each row from publish to settled, without what its frame and its chunk cost."""
        return self.redis_publish_row_us + self.redis_row_us


def read(file: Path = FILE) -> Costs:
    """Read the costs. Raises msgspec.ValidationError for a file that is not a record of costs."""
    return msgspec.json.decode(file.read_bytes(), type=Costs)


def write(costs: Costs, file: Path = FILE) -> None:
    """Replace the file with these costs."""
    file.write_bytes(msgspec.json.format(msgspec.json.encode(costs), indent=2) + b"\n")


def per_row_and_unit(large: tuple[float, int, int], small: tuple[float, int, int]) -> tuple[float, float]:
    """Return what a row and a unit (a chunk, a frame) cost, from two runs: (cost, rows, units) each.

    Noise can make one of them negative: then it counts as nothing, and the other has the whole cost of its run.
    """
    (cost_a, rows_a, units_a), (cost_b, rows_b, units_b) = large, small
    determinant = rows_a * units_b - rows_b * units_a
    row = (cost_a * units_b - cost_b * units_a) / determinant
    unit = (rows_a * cost_b - rows_b * cost_a) / determinant
    if unit < 0:
        return cost_a / rows_a, 0.0
    return (0.0, cost_b / units_b) if row < 0 else (row, unit)
