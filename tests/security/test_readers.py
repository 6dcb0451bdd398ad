"""Reading images of masks and records of the history costs at most their limits, whatever sizes they claim."""

import gzip
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import zstandard

from prelabel.annotations.png import RGB, SIGNATURE, read_png
from prelabel.readers import FORMATS, BadRecord, ReaderOptions, UnreadableSource
from prelabel.readers.ndjson import LineOptions, read_lines
from prelabel.readers.pixels import Colors
from prelabel.text_input import open_text
from prelabel_worker.chunks.history import Record, RecordHead

MIB = 1024 * 1024


def png(width: int, height: int, pixels: bytes) -> bytes:
    """A picture that claims a size and carries these bytes, packed."""
    header = struct.pack(">IIBBBBB", width, height, 8, RGB, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b"")]
    return SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def peak_of(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak


@pytest.mark.parametrize(("width", "height"), [(4, 4), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_picture_is_unpacked_no_further_than_the_size_it_claims_and_a_large_one_not_at_all(
    width: int, height: int
) -> None:
    data = png(width, height, bytes(128 * MIB))

    assert peak_of(lambda: read_png(data)) < 8 * MIB


def test_a_reader_of_pictures_refuses_one_that_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png(60_000, 60_000, bytes(128 * MIB)))

    def read() -> None:
        with pytest.raises(ValueError, match="pixels"):
            Colors(tmp_path / "bomb.png")

    assert peak_of(read) < 8 * MIB


@pytest.mark.parametrize(
    "name", ["messages", "coco-results", "rttm", "spacy", "huggingface-labels", "conll", "brat", "alto", "table"]
)
def test_a_packed_file_of_one_endless_line_costs_no_more_memory_than_the_limit_of_a_line(
    tmp_path: Path, name: str
) -> None:
    bomb = tmp_path / "bomb"
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        file.write(b'["')
        for _ in range(256):
            file.write(b"a" * MIB)

    def read() -> None:
        if name == "messages":
            with open_text(bomb) as stream:
                records = list(read_lines(stream, LineOptions("p")))
            assert [record.where for record in records if isinstance(record, BadRecord)] == ["line 1"]
            return
        with pytest.raises(UnreadableSource, match=r"more than|categories|well-formed|names of columns"):
            list(FORMATS[name].read(bomb, ReaderOptions("p", categories=bomb)))

    assert peak_of(read) < 200 * MIB


@pytest.mark.parametrize("piece", ["<a b='", "<!--", "<a>", "<TextLine ID='"])
def test_xml_of_one_endless_tag_is_refused_early(tmp_path: Path, piece: str) -> None:
    bomb = tmp_path / "bomb.xml"
    bomb.write_bytes(b"<alto>" + piece.encode() + b"a" * 256 * MIB if piece != "<a>" else b"<alto>" + b"<a>" * MIB)

    def read() -> None:
        with pytest.raises(UnreadableSource, match=r"more than|nested"):
            list(FORMATS["alto"].read(bomb, ReaderOptions("p")))

    assert peak_of(read) < 8 * MIB


def test_a_row_of_csv_whose_quotation_mark_is_missing_does_not_swallow_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'key,class\n"a' + (b"b" * 1000 + b"\n") * 64 * 1024)

    def read() -> None:
        with pytest.raises(UnreadableSource, match="is a quotation mark missing"):
            list(FORMATS["table"].read(tmp_path / "a.csv", ReaderOptions("p")))

    assert peak_of(read) < 100 * MIB


def test_a_record_that_claims_to_be_huge_is_not_unpacked() -> None:
    packed = zstandard.ZstdCompressor().compress(bytes(256 * MIB))
    head = RecordHead("c", "n", "i", "FINISHED", 9, {"imported": 9}, 9, 0, 1, 1, 1)
    record = Record.from_bytes(msgspec.json.encode(head) + b"\n" + packed)

    def find() -> None:
        with pytest.raises(ValueError, match="larger than any"):
            record.find(message=b"123456")

    assert peak_of(find) < 8 * MIB
