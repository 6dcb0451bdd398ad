"""Frames of hostile producers are refused by the script or become one dead letter; they never end a worker."""

import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from prelabel import Publisher
from prelabel.errors import MessageTooLarge, PrelabelError
from prelabel.ids import uuid7
from prelabel.wire.frame import HEADER, MAX_FRAME_BYTES, MAX_FRAME_ROWS, read_messages
from prelabel_worker.chunks.rows import Unreadable
from tests.support.project import Project, message

MIB = 1024 * 1024


def frame(body: bytes, *, rows: int = 1, size: int | None = None, codec: int = 1) -> bytes:
    """A frame that says of itself what it is told to."""
    said = len(body) if size is None else size
    return HEADER.pack(1, codec, uuid7(), 0, 16, rows, said, 0, b"k") + body


def bomb(size: int, *, says: int | None = None) -> bytes:
    """`size` zeros, compressed; `says` how many, where the compressor is asked to say so."""
    if says is None:
        return zstandard.ZstdCompressor(write_content_size=False).compress(bytes(size))
    honest = zstandard.ZstdCompressor().compress(bytes(size))
    assert honest[4] & 0xC0 == 0x80  # its size has four bytes, behind the descriptor and, of one segment, nothing else
    return honest[:5] + says.to_bytes(4, "little") + honest[9:]


DOOR = {
    "no header": b"\x01" * 39,
    "no bytes": b"",
    "no rows": frame(b"{}", rows=0, codec=0),
    "too many rows": frame(b"{}", rows=MAX_FRAME_ROWS + 1, codec=0),
    "4 billion rows": frame(b"{}", rows=2**32 - 1, codec=0),
    "more bytes than it says": frame(bytes(4096), size=100, codec=0),
    "more bytes than any": frame(bytes(MAX_FRAME_BYTES + MIB), size=2**32 - 1, codec=0),
}


@pytest.mark.parametrize("bad", DOOR.values(), ids=DOOR.keys())
def test_a_frame_that_nobody_could_bound_is_refused_and_all_of_its_send(project: Project, bad: bytes) -> None:
    (good,) = project.frames(message("a"))

    with pytest.raises(PrelabelError, match=r"frame 2 of the send exceeds a limit|frame version 0"):
        project.inbox.put("p", [good, bad])

    assert project.client.keys(f"{project.root}:*") == []


BOMBS = {
    "above the limit": frame(bomb(64 * MIB, says=64 * MIB), size=64 * MIB),
    "above what both say": frame(bomb(512 * MIB, says=10 * MIB), size=10 * MIB),
    "of unsaid size": frame(bomb(512 * MIB), size=10 * MIB),
    "of many rows": frame(b"\n" * MAX_FRAME_BYTES, rows=10, codec=0),
    "of a huge window": frame(
        zstandard.ZstdCompressor(
            compression_params=zstandard.ZstdCompressionParameters(window_log=30, write_content_size=False)
        ).compress(bytes(1000)),
        size=1000,
    ),
}


@pytest.mark.parametrize("bad", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_one_unreadable_piece_that_weighs_its_rows(project: Project, bad: bytes) -> None:
    project.inbox.put("p", [bad])

    (dead_letter,) = project.reader.rows(project.take(project.cut()))

    assert isinstance(dead_letter, Unreadable)
    assert dead_letter.rows == int.from_bytes(bad[22:26], "big")


READ = """
import resource, sys
from prelabel.wire.frame import UnreadableFrame, read_messages
data = open(sys.argv[1], "rb").read()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 64 * 1024 * 1024,) * 2)
try:
    read_messages(data)
except UnreadableFrame as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_read_with_little_memory(tmp_path: Path, name: str) -> None:
    """The operating system says so: 64 MiB above what the process had is all there is."""
    (tmp_path / "bomb").write_bytes(BOMBS[name])

    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / "bomb")], capture_output=True, text=True, timeout=30, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_a_frame_as_large_as_it_may_be_is_read() -> None:
    rows = [b"x" * 1023] * (MAX_FRAME_BYTES // 1024)
    body = b"\n".join(rows)
    stored = zstandard.ZstdCompressor(level=19).compress(body)

    assert read_messages(frame(stored, rows=len(rows), size=len(body))) == rows


@pytest.mark.parametrize("limits", [{"frame_rows": MAX_FRAME_ROWS + 1}, {"frame_rows": 0}, {"frame_bytes": 2**25}])
def test_a_publisher_makes_no_frame_that_no_worker_reads(redis_url: str, limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at most 10000 rows and 16777216 bytes"):
        Publisher(redis_url, **limits)  # type: ignore[arg-type]


def test_a_message_that_no_worker_takes_is_refused_whatever_the_frame_may_hold(redis_url: str) -> None:
    text = {"name": "n", "answer": "x" * 5 * MIB}
    with Publisher(redis_url, frame_bytes=8 * MIB) as publisher, pytest.raises(MessageTooLarge):
        publisher.publish({"projectId": "p", "dataRow": {"id": "a"}, "annotations": [text]})
