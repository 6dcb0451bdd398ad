"""One way to open text: packed or not, with any line ends; what is no UTF-8 is refused by its name."""

import gzip
import io
import os
import sys
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel import text_input
from prelabel.text_input import STANDARD_INPUT, UnreadableInput, open_text, read_text, stem_of

BOM = b"\xef\xbb\xbf"
packed_with_gzip = partial(gzip.compress, mtime=0)  # names of tests must not differ from run to run
TEXT = '{"name": "Hafen Süd"}\n{"name": "港"}\n'.encode()


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def write(content: bytes, name: str = "input") -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        BOM + TEXT,
        packed_with_gzip(TEXT),
        packed_with_gzip(BOM + TEXT),
        packed_with_gzip(TEXT[:9]) + packed_with_gzip(TEXT[9:]),
    ],
    ids=["plain", "mark", "gzip", "mark in gzip", "gzip of two members"],
)
@pytest.mark.parametrize("name", ["text.ndjson", "text.ndjson.gz"])
def test_a_text_is_the_same_however_it_is_packed_or_marked_or_named(file: Any, content: bytes, name: str) -> None:
    assert read_text(file(content, name)) == TEXT


@pytest.mark.parametrize("pack", [bytes, packed_with_gzip], ids=["plain", "gzip"])
def test_standard_input_is_read_as_a_file_is(pack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with open(writer, "wb") as sent:
        sent.write(pack(BOM + TEXT))
    with open(reader) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with open_text(STANDARD_INPUT) as stream:
            assert (stream.seekable(), stream.readlines()) == (False, TEXT.splitlines(keepends=True))


def test_a_line_of_a_pipe_is_read_before_the_next_one_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with open(reader) as stdin, open(writer, "wb", buffering=0) as sent:
        monkeypatch.setattr(sys, "stdin", stdin)
        sent.write(b'{"a": 1}\n')
        with open_text(STANDARD_INPUT) as stream:
            assert stream.readline() == b'{"a": 1}\n'
            sent.write(b'{"a": 2}\n')
            assert stream.readline() == b'{"a": 2}\n'


LINES = st.lists(st.sampled_from([b"a", b"bc" * 40, "港\ufefe".encode(), b""]), min_size=1)


@given(
    LINES,
    st.lists(st.sampled_from([b"\n", b"\r\n"]), min_size=1),
    st.booleans(),
    st.booleans(),
    st.integers(1, 90),
)
def test_lines_and_their_places_survive_any_line_ends_marks_and_pieces(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[bytes],
    ends: list[bytes],
    marked: bool,
    packed: bool,
    piece: int,
) -> None:
    content = b"".join(line + ends[at % len(ends)] for at, line in enumerate(lines))
    path = tmp_path_factory.mktemp("lines") / "input"
    path.write_bytes((packed_with_gzip if packed else bytes)(BOM * marked + content))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_input, "_PIECE", piece)
        with open_text(path) as stream:
            places, found = [], []
            while line := stream.readline():
                places.append(stream.tell() - len(line))
                found.append(line.rstrip(b"\r\n"))
            assert found == lines
            assert stream.place == path.stat().st_size == stream.size
            if not packed:
                for place, line in zip(reversed(places), reversed(lines), strict=True):
                    stream.seek(place)
                    assert stream.readline().rstrip(b"\r\n") == line


@pytest.mark.parametrize("piece", [1, 3, 64])
def test_a_carriage_return_alone_ends_a_line_and_with_a_line_feed_it_ends_one_too(
    file: Any, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_input, "_PIECE", piece)

    with open_text(file(b"a\rb\r\nc\r\rd\r")) as stream:
        assert [line.strip() for line in stream] == [b"a", b"b", b"c", b"", b"d"]


@pytest.mark.parametrize("piece", [1, 2, 3, 4, 64])
def test_a_mark_in_the_middle_where_files_were_joined_is_white_space(
    file: Any, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_input, "_PIECE", piece)

    with open_text(file(BOM + b"a\n" + BOM + b"b\r" + BOM + b"c" + BOM)) as stream:
        assert [line.strip() for line in stream] == [b"a", b"b", b"c" + BOM]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", ["\ufeff", ""], ids=["with a mark", "without a mark"])
@pytest.mark.parametrize("pack", [bytes, packed_with_gzip], ids=["plain", "gzip"])
def test_wide_characters_are_named_with_the_command_that_converts_them(
    file: Any, encoding: str, mark: str, pack: Any
) -> None:
    name = encoding.upper().replace("-LE", "LE").replace("-BE", "BE")

    with pytest.raises(UnreadableInput, match=f"it is in {name}, expected UTF-8: .*`iconv -f {name} -t UTF-8`"):
        read_text(file(pack((mark + '{"projectId": "港", "x": "' + "港" * 20 + '"}\n').encode(encoding))))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50), st.integers(0, 50), st.integers(0, 30))
def test_a_text_in_utf_8_is_taken_for_nothing_else_even_with_zero_bytes_in_a_line(
    tmp_path_factory: pytest.TempPathFactory, text: str, at: int, zeros: int
) -> None:
    content = b'{"a": "' + text.replace("\0", "")[:at].encode() + b"\0" * zeros + b'", "b": 1234567890}\n'
    path = tmp_path_factory.mktemp("text") / "input"
    path.write_bytes(content)

    with open_text(path) as stream:
        assert stream.readline()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\x28\xb5\x2f\xfd....", "packed with zstd, and only gzip is unpacked"),
        (b"PK\x03\x04....", "packed with zip"),
        (b"BZh9....", "packed with bzip2"),
        (packed_with_gzip(packed_with_gzip(b"a\n")), "packed with gzip twice"),
        (packed_with_gzip(TEXT)[:12], "cut off after 0 bytes"),
        (b"\x1f\x8b..........", "damaged after 0 bytes"),
    ],
)
def test_what_cannot_be_unpacked_is_named(file: Any, content: bytes, problem: str) -> None:
    path = file(content)

    with pytest.raises(UnreadableInput, match=problem) as caught:
        read_text(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("pick", [lambda packed: packed[:-9], lambda packed: packed[:-6] + b"\0\0" + packed[-4:]])
def test_the_lines_before_the_end_of_a_cut_or_damaged_file_are_read_and_then_the_fault_is_named(
    file: Any, pick: Any
) -> None:
    lines = [f"{zlib.crc32(bytes([at % 256]) * at)}\n".encode() for at in range(20_000)]
    found: list[bytes] = []

    with open_text(file(pick(packed_with_gzip(b"".join(lines))))) as stream, pytest.raises(UnreadableInput) as caught:
        found.extend(iter(stream.readline, b""))

    assert found == lines[: len(found)]
    assert len(found) > 19_000
    assert "copy or pack the file again" in str(caught.value)


def test_a_small_file_that_unpacks_to_a_large_one_is_read_up_to_the_limit(file: Any) -> None:
    bomb = file(packed_with_gzip(bytes(1) * 5_000_000))

    with pytest.raises(UnreadableInput, match="more than 1,000,000 bytes of text"):
        read_text(bomb, 1_000_000)


@pytest.mark.parametrize("content", [b"", BOM, b"\n", b"a", packed_with_gzip(b"")])
def test_the_shortest_texts_are_texts(file: Any, content: bytes) -> None:
    assert read_text(file(content)) in (b"", b"\n", b"a")


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for path, problem in ((tmp_path / "none", "No such file"), (tmp_path, "directory")):
        with pytest.raises(UnreadableInput, match=problem), open_text(path):
            pass


@pytest.mark.parametrize(
    ("name", "stem"), [("a.txt", "a"), ("a.txt.gz", "a"), ("a.gz", "a"), ("a.b.txt", "a.b"), (".gz", ".gz"), ("a", "a")]
)
def test_a_name_that_ends_in_gz_has_the_stem_of_the_file_that_was_packed(name: str, stem: str) -> None:
    assert stem_of(Path("folder") / name) == stem


def test_a_stream_that_stands_elsewhere_is_read_from_there(file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with file(b"a title\n" + TEXT).open() as stdin:
        stdin.buffer.readline()
        monkeypatch.setattr(sys, "stdin", stdin)
        with open_text(STANDARD_INPUT) as stream:
            assert stream.read() == TEXT
            stream.seek(0)
            assert stream.read(io.DEFAULT_BUFFER_SIZE) == TEXT
