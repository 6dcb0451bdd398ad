"""Tables in Parquet and Arrow IPC, row by row; they need pyarrow, the extra `table`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prelabel.readers.base import UnreadableSource

_PARQUET, _ARROW = b"PAR1", b"ARROW1"
_SUFFIXES = (".parquet", ".arrow", ".arrows", ".feather")
_BATCH = 1000
_MAX_BATCH = 256 * 1024 * 1024


def is_arrow(path: Path) -> bool:
    """Return whether a file has such a table, by its first bytes or its name. Raises UnreadableSource."""
    return _head(path).startswith((_PARQUET, _ARROW)) or path.suffix in _SUFFIXES


def arrow_rows(path: Path) -> tuple[list[str], Iterator[Mapping[str, Any]]]:
    """Return the names of columns, and the rows. Raises UnreadableSource, possibly after some rows."""
    try:
        import pyarrow as pa
    except ImportError:
        raise UnreadableSource(
            f"{path} is a table of Parquet or Arrow: install pyarrow with pip install 'prelabel[table]'"
        ) from None
    try:
        names, batches = _batches(path)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableSource(f"{path}: {error}") from None

    def rows() -> Iterator[Mapping[str, Any]]:
        try:
            for batch in batches:
                if batch.nbytes > _MAX_BATCH:
                    raise UnreadableSource(
                        f"{path}: {batch.num_rows} rows of {batch.nbytes:,} bytes: write fewer at once"
                    )
                for at in range(0, batch.num_rows, _BATCH):
                    yield from batch.slice(at, _BATCH).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise UnreadableSource(f"{path}: {error}") from None

    return names, rows()


def _batches(path: Path) -> tuple[list[str], Iterator[Any]]:
    """Return the names of columns, and batches of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    head = _head(path)
    if head.startswith(_PARQUET):
        file = pq.ParquetFile(path)
        return file.schema_arrow.names, file.iter_batches(_BATCH)
    source = pa.memory_map(str(path))
    if head.startswith(_ARROW):
        reader = pa.ipc.open_file(source)
        return reader.schema.names, (reader.get_batch(at) for at in range(reader.num_record_batches))
    stream = pa.ipc.open_stream(source)
    return stream.schema.names, iter(stream)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(_ARROW))
    except OSError as error:
        raise UnreadableSource(f"{path}: {error.strerror}") from None
